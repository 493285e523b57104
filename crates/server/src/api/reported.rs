//! Conversions that an operator reports: lines of a file or objects of a request, as journal records.

use super::auth::Caller;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::event::InboxEntry;
use model::facts::Facts;
use model::postback::{PostbackParam, param_named};
use model::record::{Record, RecordKind, tag};
use model::{Field, codec, first_party};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write;

/// When the conversion happened; the only column that is no parameter of a postback.
const TIME: &str = "time";

/// The URL that reported conversions have in the inbox.
pub const REPORTS_URL: &str = "/api/v1/conversions";

/// The code of a line that cannot be read by itself.
pub const UNREADABLE_LINE: &str = "unreadable_line";

/// A conversion as it is reported: names and values, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line of the file, or the element of the request, from 1.
    pub number: u64,
    /// Name and value of every column that holds something.
    pub columns: Vec<(String, String)>,
}

/// What is wrong with a line by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The column.
    pub column: String,
    /// What, and what to do.
    pub message: String,
}

/// Whether a column of this name is known.
pub fn is_column(name: &str) -> bool {
    name == TIME || param_named(name).is_some() || first_party::is_name(name)
}

impl Line {
    /// The record that reports it, by `method` (`API`, `CSV`).
    ///
    /// # Errors
    /// When a column is unknown, or the time cannot be read.
    pub fn record(&self, method: &str, caller: &Caller, now_ms: i64) -> Result<Record, Wrong> {
        let mut at_ms = now_ms;
        for (name, value) in &self.columns {
            match name.as_str() {
                TIME => at_ms = time(value, now_ms)?,
                name if is_column(name) => {}
                name => return Err(unknown(name)),
            }
        }
        Ok(self.written(method, caller, at_ms, now_ms))
    }

    /// The record of a line that cannot be read, refused as it comes in.
    pub fn refused(&self, wrong: &Wrong, method: &str, caller: &Caller, now_ms: i64) -> Record {
        let mut record = self.written(method, caller, now_ms, now_ms);
        record.facts.push_bytes(tag::INTAKE_REFUSAL, UNREADABLE_LINE.as_bytes());
        blame(&mut record, Some(&wrong.column));
        record
    }

    /// The line as it stands.
    fn written(&self, method: &str, caller: &Caller, at_ms: i64, now_ms: i64) -> Record {
        let columns = self.columns.iter();
        let body: Map<String, Value> =
            columns.map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let mut facts = Facts::default();
        facts.push_int(tag::AT, at_ms);
        facts.push_int(tag::RECEIVED, now_ms);
        facts.set_int(Field::Workspace, caller.workspace);
        facts.push_bytes(tag::INTAKE_METHOD, method.as_bytes());
        facts.push_bytes(tag::INTAKE_URL, REPORTS_URL.as_bytes());
        let (plain, mut hashed) = (Value::Object(body).to_string(), Vec::new());
        let body = first_party::hide_in_body(&plain, &mut hashed);
        facts.push_bytes(tag::INTAKE_BODY, body.as_bytes());
        for (name, hash) in hashed {
            facts.push_bytes(tag::FIRST_PARTY, format!("{name}={hash}").as_bytes());
        }
        facts.push_bytes(tag::ORDER_AUTHOR, caller.author.as_bytes());
        facts.push_int(tag::ELEMENT, i64::try_from(self.number).unwrap_or(i64::MAX));
        Record { kind: RecordKind::Report, facts }
    }

    /// The column that a code of the inbox blames.
    pub fn blamed(&self, code: &str) -> Option<String> {
        let param = match code {
            "status_unmapped" => PostbackParam::Status,
            "txid_on_other_click" => PostbackParam::Txid,
            code if code.starts_with("payout_") || code.starts_with("reversal") => {
                PostbackParam::Payout
            }
            code if code.starts_with("currency_") => PostbackParam::Currency,
            code if code.contains("click") || code == "outside_window" => PostbackParam::ClickId,
            "external_id_unknown" => PostbackParam::ExternalId,
            _ => return None,
        };
        let named = |(name, _): &&(String, String)| param_named(name) == Some(param);
        self.columns.iter().find(named).map(|(name, _)| name.clone())
    }

    /// Whether the line names the event it tells of.
    fn names_event(&self) -> bool {
        self.columns.iter().any(|(name, _)| param_named(name) == Some(PostbackParam::EventId))
    }
}

/// Notes on a line that does not count which column is to blame, if one is.
pub fn blame(record: &mut Record, column: Option<&str>) {
    record.facts.push_bytes(tag::BLAMED, column.unwrap_or_default().as_bytes());
}

/// Gives each line without an event id one that follows from what it says, so that the same file again is the same
/// events; lines that are alike are told apart by their order.
pub fn name_events(lines: &mut [Line]) {
    let mut seen: HashMap<String, u64> = HashMap::new();
    for line in lines.iter_mut().filter(|line| !line.names_event()) {
        let mut columns = line.columns.clone();
        columns.sort();
        let mut hash = Sha256::new();
        for (name, value) in &columns {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
            hash.update((value.len() as u64).to_le_bytes());
            hash.update(value.as_bytes());
        }
        let mut id = String::from("line-");
        for byte in &hash.finalize()[..16] {
            // Writing to a String cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        let number = seen.entry(id.clone()).or_insert(0);
        *number += 1;
        line.columns.push(("event_id".to_owned(), format!("{id}-{number}")));
    }
}

/// The bytes of a record.
pub fn encoded(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    codec::encode(record.kind, &record.facts, &mut bytes);
    bytes
}

/// Whether an entry of a rehearsal would add to the ledger.
pub fn would_count(entry: &InboxEntry) -> bool {
    entry.verdict.is_counted()
}

fn unknown(name: &str) -> Wrong {
    Wrong {
        column: name.to_owned(),
        message: format!(
            "`{name}` is no column of a conversion: expected `{TIME}` or a parameter of a postback, such as `clickid`, `payout`, `txid`"
        ),
    }
}

/// Clocks differ, and a busy server's click ids lead its own a little.
const LEAD_MS_MAX: i64 = 60_000;

/// A moment with its offset, or a day in UTC.
fn time(text: &str, now_ms: i64) -> Result<i64, Wrong> {
    let wrong = |message: String| Wrong { column: TIME.to_owned(), message };
    let moment = text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    let day = || {
        let day: Date = text.parse().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
    };
    let ms = moment.or_else(day).ok_or_else(|| {
        wrong(format!(
            "`{text}` is no time: expected RFC 3339 such as 2026-11-22T18:30:00Z, or a day"
        ))
    })?;
    if ms > now_ms.saturating_add(LEAD_MS_MAX) {
        return Err(wrong(format!("`{text}` lies in the future")));
    }
    Ok(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(columns: &[(&str, &str)]) -> Line {
        let columns = columns.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Line { number: 2, columns }
    }

    fn record(columns: &[(&str, &str)]) -> Result<Record, Wrong> {
        let caller = Caller { workspace: 1, author: "me".into() };
        line(columns).record("CSV", &caller, 1_795_348_800_000)
    }

    #[test]
    fn a_line_names_what_is_wrong_with_it() {
        for (columns, column) in [
            (&[("clickid", "a"), ("colour", "red")][..], Some("colour")),
            (&[("time", "yesterday")][..], Some("time")),
            (&[("time", "2030-01-01")][..], Some("time")),
            (&[("time", "2026-11-01"), ("cid", "a"), ("amount", "1")][..], None),
            (&[("time", "2026-11-01T12:00:00+02:00")][..], None),
        ] {
            let wrong = record(columns).err().map(|wrong| wrong.column);
            assert_eq!(wrong.as_deref(), column, "{columns:?}");
        }
        let record = record(&[("time", "2026-11-01T12:00:00+02:00")]).unwrap();
        assert_eq!(record.at_ms(), 1_793_527_200_000);
    }

    #[test]
    fn equal_lines_of_a_file_are_told_apart_and_the_same_file_gives_the_same_ids() {
        let file = || {
            vec![
                line(&[("cid", "a")]),
                line(&[("cid", "a")]),
                line(&[("cid", "a"), ("event_id", "e")]),
            ]
        };
        let (mut once, mut again) = (file(), file());
        name_events(&mut once);
        name_events(&mut again);
        assert_eq!(once, again);
        let id = |line: &Line| line.columns.last().unwrap().1.clone();
        assert_ne!(id(&once[0]), id(&once[1]));
        assert_eq!(id(&once[2]), "e");
    }

    #[test]
    fn a_code_blames_its_column_by_the_name_it_has_in_the_file() {
        let line = line(&[("cid", "x"), ("sum", "1,500"), ("cnv_status", "odd")]);
        for (code, column) in [
            ("payout_ambiguous", Some("sum")),
            ("status_unmapped", Some("cnv_status")),
            ("click_id_malformed", Some("cid")),
            ("txid_on_other_click", None),
            ("repeated", None),
        ] {
            assert_eq!(line.blamed(code).as_deref(), column, "{code}");
        }
    }
}
