//! A batch off the journal: as much as one commit should hold.

use crate::draft::{Arrival, Draft};
use crate::error::IngestError;
use crate::run::Settings;
use journal::Reader;
use model::codec::{self, CodecError};
use model::event::{InboxEntry, Verdict};
use model::facts::Facts;
use model::record::{RecordKind, tag};
use model::thing::DEFAULT_WORKSPACE;

/// The reason of a record whose content is damaged.
pub const UNREADABLE: &str = "unreadable_record";

/// Records on their way, and what was met on the way to them.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The records, and the positions they lie between.
    pub draft: Draft,
    /// How many there are.
    pub records: usize,
    /// Sequences that the journal lost to damage.
    pub missing: u64,
    /// Whether the batch was cut: more may be there.
    pub is_full: bool,
    clicks: usize,
    bytes: usize,
}

/// Takes the records behind `after` until the batch is full or nothing more is there. The journal counts records, and
/// not all of them are clicks; so it is asked again for as many as there is room for.
pub fn gather(
    reader: &mut Reader,
    after: u64,
    settings: &Settings,
) -> Result<Gathered, IngestError> {
    let mut gathered = Gathered::default();
    (gathered.draft.after, gathered.draft.through) = (after, after);
    while let Some((records, bytes)) = gathered.room(settings) {
        let batch = match reader.next_batch(records, bytes) {
            Ok(batch) => batch,
            // What was read before the error is good; the error comes again if it lasts.
            Err(_) if gathered.draft.through > after => return Ok(gathered),
            Err(error) => return Err(error.into()),
        };
        let before = gathered.bytes;
        gathered.add(&batch)?;
        if batch.len() < records && gathered.bytes - before < bytes {
            return Ok(gathered);
        }
    }
    gathered.is_full = true;
    Ok(gathered)
}

impl Gathered {
    /// How many records, and bytes of them, may be added; none when the batch is full.
    fn room(&self, settings: &Settings) -> Option<(usize, usize)> {
        let records = settings.batch_records_max.saturating_sub(self.records);
        let clicks = settings.batch_clicks_max.saturating_sub(self.clicks);
        let bytes = settings.batch_bytes_max.saturating_sub(self.bytes);
        (records.min(clicks) > 0 && bytes > 0).then_some((records.min(clicks), bytes))
    }

    fn add(&mut self, batch: &journal::Batch) -> Result<(), IngestError> {
        for gap in &batch.gaps {
            let (first, last) = (gap.start(), gap.end());
            tracing::error!(first, last, "journal records lost to damage");
            self.missing += last - first + 1;
        }
        for (sequence, bytes) in batch.records() {
            self.bytes += bytes.len();
            self.take(sequence.0, bytes)?;
        }
        self.records += batch.len();
        self.draft.through = batch.next.0.saturating_sub(1).max(self.draft.through);
        Ok(())
    }

    /// Puts a record into the draft; one that cannot be read goes to the inbox as it is.
    fn take(&mut self, sequence: u64, bytes: &[u8]) -> Result<(), IngestError> {
        match codec::decode(bytes) {
            Ok(record) => {
                self.clicks += usize::from(becomes_click(record.kind));
                self.draft.arrivals.push(Arrival { sequence, record });
            }
            Err(source @ (CodecError::NewerVersion(_) | CodecError::UnknownKind(_))) => {
                return Err(IngestError::Newer { sequence, source });
            }
            Err(error) => self.draft.inbox.push(unreadable(sequence, bytes, error)),
        }
        Ok(())
    }
}

/// Whether records of this kind become rows of the table of clicks.
const fn becomes_click(kind: RecordKind) -> bool {
    use RecordKind::{Joined, LanderClick, Order, Page, Pixel, Postback, Report};
    !matches!(kind, LanderClick | Page | Joined | Postback | Pixel | Order | Report)
}

fn unreadable(sequence: u64, bytes: &[u8], error: CodecError) -> InboxEntry {
    let mut facts = Facts::default();
    facts.push_bytes(tag::INTAKE_BODY, bytes);
    InboxEntry {
        sequence,
        workspace: DEFAULT_WORKSPACE,
        kind: RecordKind::Postback,
        received_ms: 0,
        key: None,
        verdict: Verdict::Held,
        reason: UNREADABLE.into(),
        message: format!("{error}; its bytes are kept here"),
        facts,
    }
}
