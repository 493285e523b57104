//! What clicks cost, computed again: every click is counted, then priced, then all new prices are switched at once. With
//! them, where it is asked for, everything that was converted by a rate.

use super::Recomputer;
use super::amounts::converted;
use super::basis::{Basis, campaign_of, is_daily};
use super::late;
use crate::error::{IngestError, store_error};
use model::cost::CostSource;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::money::Currency;
use model::record::tag;
use model::spend::{Paid, Spend, Spread};
use model::thing::ThingId;
use model::{ClickKey, Field};
use std::collections::HashSet;
use store::{Amounts, Figure, Piece, Progress, Recompute, Rewrite, Scope, Span};

/// Rows that an entry may pay for.
const KINDS: [RowKind; 3] = [RowKind::Click, RowKind::Impression, RowKind::Entry];

/// Rows that may hold a converted amount.
const CONVERTED_KINDS: [RowKind; 4] =
    [RowKind::Click, RowKind::Impression, RowKind::Entry, RowKind::Preview];

/// What it takes to convert amounts, and to price conversions.
const CONVERTED_TAGS: [u16; 8] = [
    tag::COST,
    tag::COST_CURRENCY,
    tag::AMOUNT,
    tag::AMOUNT_BEFORE,
    tag::RATE,
    tag::RATE_AT,
    tag::COST_RATE,
    tag::COST_RATE_CURRENCY,
];

/// What tells conversions apart.
const CONVERSION_FIELDS: [Field; 4] =
    [Field::ConversionType, Field::ConversionStatus, Field::Txid, Field::Currency];

/// Pieces between two notes of how far a job is.
const NOTED_EVERY: usize = 24;

/// Carries a job out.
///
/// # Errors
/// When a store fails.
pub(super) async fn run(stores: Recomputer<'_>, job: &Recompute) -> Result<Progress, IngestError> {
    let (basis, through, pieces_done) = begin(stores, job).await?;
    let (hash, tags) = (basis.hash(through), tags(&basis));
    let converts_to = basis.rates.map(|_| basis.currency);
    let workspace = basis.span.workspace;
    let run = Run { stores, job: job.id, workspace, through, hash, tags, converts_to };
    let pieces = basis.pieces();
    let mut spread = Spread::new(basis.spends.clone());
    let mut progress = Progress::default();
    for (number, piece) in pieces.iter().enumerate() {
        if number == pieces_done {
            spread.skip_counted();
            progress.rows.0 = progress.rows.1;
        }
        progress.rows.1 += run.count(piece, &mut spread).await?;
    }
    if pieces_done >= pieces.len() {
        progress.rows.0 = progress.rows.1;
    }
    for (number, piece) in pieces.iter().enumerate().skip(pieces_done) {
        if number % NOTED_EVERY == 0 {
            run.note(&progress).await?;
        }
        progress.rows.0 += run.stage(number as u64, piece, &mut spread).await?;
    }
    let _turn = stores.turn.lock().await;
    let late = late::clicks(stores, basis.span, through, &[RowKind::Entry]).await?;
    for (number, keys) in (pieces.len() as u64..).zip(&late) {
        run.stage_late(number, keys, &mut spread).await?;
    }
    let spend = spread.unspent().map(|left| spend_row(&left, stores, &basis.span)).collect();
    let changed = stores.rewrites.switch(job.id, basis.span, Some(spend)).await;
    progress.changed = changed.map_err(store_error("switch to new costs"))?;
    progress.is_done = true;
    run.note(&progress).await?;
    Ok(progress)
}

/// What a job computes with, and how many of its pieces are staged with exactly that.
async fn begin(
    stores: Recomputer<'_>,
    job: &Recompute,
) -> Result<(Basis, u64, usize), IngestError> {
    let staged = stores.rewrites.staged(job.id).await;
    if let Some(staged) = staged.map_err(store_error("read how far a recompute is"))? {
        let basis = Basis::find(stores, &job.wanted, staged.through).await?;
        if basis.hash(staged.through) == staged.basis {
            let pieces = usize::try_from(staged.pieces).unwrap_or(usize::MAX);
            return Ok((basis, staged.through, pieces));
        }
    }
    let through = stores.events.position().await.map_err(store_error("read the position"))?;
    Ok((Basis::find(stores, &job.wanted, through).await?, through, 0))
}

/// A job under way.
struct Run<'s> {
    stores: Recomputer<'s>,
    job: i64,
    workspace: ThingId,
    through: u64,
    hash: i64,
    tags: Vec<u16>,
    /// The currency of sums, where amounts are to be converted again.
    converts_to: Option<Currency>,
}

impl Run<'_> {
    async fn rows(&self, piece: &Span, kinds: &[RowKind]) -> Result<Vec<Row>, IngestError> {
        let kinds = kinds.to_vec();
        let (through, tags) = (self.through, self.tags.clone());
        let scope = Scope { span: *piece, after: 0, through, kinds, tags };
        let rows = self.stores.rewrites.rows_within(&scope).await;
        rows.map_err(store_error("read rows to be computed again"))
    }

    async fn count(&self, piece: &Span, spread: &mut Spread) -> Result<u64, IngestError> {
        let rows = self.rows(piece, &[RowKind::Click]).await?;
        rows.iter().filter(|row| is_paid(row)).for_each(|row| spread.count(paid(row)));
        Ok(rows.len() as u64)
    }

    /// Answers how many clicks it priced.
    async fn stage(
        &self,
        number: u64,
        piece: &Span,
        spread: &mut Spread,
    ) -> Result<u64, IngestError> {
        let kinds = if self.converts_to.is_some() { &CONVERTED_KINDS[..] } else { &KINDS };
        let rows = self.rows(piece, kinds).await?;
        let clicks = rows.iter().filter(|row| row.kind == RowKind::Click).count();
        let rewrites = self.rewrites(&rows, |_| true, |row| price(row, spread));
        self.keep(number, rewrites).await?;
        Ok(clicks as u64)
    }

    /// Prices what conversions came meanwhile of clicks that are priced anew. Those of clicks that came meanwhile, too,
    /// cost what they did, as these do.
    async fn stage_late(
        &self,
        number: u64,
        keys: &[ClickKey],
        spread: &mut Spread,
    ) -> Result<(), IngestError> {
        let rows = late::rows(self.stores, self.workspace, keys).await?;
        let is_late = |row: &Row| row.sequence > self.through;
        let is_landing = |row: &&Row| row.kind == RowKind::Click && is_late(row);
        let new: HashSet<ClickKey> = rows.iter().filter(is_landing).map(|row| row.key).collect();
        let is_wanted = |row: &Row| row.kind == RowKind::Entry && is_late(row);
        let price =
            |row: &Row| if new.contains(&row.key) { Figure::Own } else { price(row, spread) };
        let rewrites = self.rewrites(&rows, is_wanted, price);
        self.keep(number, rewrites).await
    }

    /// What becomes of the wanted ones among rows, converted where that is asked for, and then priced.
    fn rewrites(
        &self,
        rows: &[Row],
        is_wanted: impl Fn(&Row) -> bool,
        mut price: impl FnMut(&Row) -> Figure,
    ) -> Vec<Rewrite> {
        let wanted = |row: &&Row| is_wanted(row);
        match self.converts_to {
            None => {
                let priced = rows.iter().filter(wanted).map(|row| (row, price(row)));
                let new = priced.filter(|(row, figure)| is_new(row, figure));
                new.map(|(row, figure)| Rewrite::new(row, figure)).collect()
            }
            Some(own) => {
                let converted = converted(rows, self.stores.rates, own);
                let pairs = rows.iter().zip(&converted).filter(|(row, _)| is_wanted(row));
                let amounts =
                    pairs.map(|(row, converted)| (row, amounts(converted, price(converted))));
                let new = amounts.filter(|(row, amounts)| *amounts != Amounts::of(row));
                new.map(|(row, amounts)| Rewrite::new(row, Figure::Amounts(amounts.into())))
                    .collect()
            }
        }
    }

    async fn keep(&self, number: u64, rewrites: Vec<Rewrite>) -> Result<(), IngestError> {
        let piece = Piece { job: self.job, number, through: self.through, basis: self.hash };
        let staged = self.stores.rewrites.stage(piece, rewrites).await;
        staged.map_err(store_error("keep new costs aside"))
    }

    async fn note(&self, progress: &Progress) -> Result<(), IngestError> {
        let noted = self.stores.costs.note(self.job, progress).await;
        noted.map_err(store_error("note how far a recompute is"))
    }
}

/// All amounts of a row: as they are by other rates, and then what an entry pays.
fn amounts(converted: &Row, figure: Figure) -> Amounts {
    let own = Amounts::of(converted);
    match figure {
        Figure::Share { entry, cost } => {
            Amounts { base: Some(own.cost), entry: Some(entry), cost, ..own }
        }
        _ => own,
    }
}

/// What is read of a row: what may decide who pays, and what it costs now.
fn tags(basis: &Basis) -> Vec<u16> {
    let (campaign, test) = (Field::Campaign.tag(), Field::Test.tag());
    let mut tags = vec![campaign, test, tag::COST_SOURCE, tag::COST_BASE, tag::COST_ENTRY];
    for spend in &basis.spends {
        tags.extend(spend.key.slice.0.keys().map(|field| field.tag()));
    }
    if basis.rates.is_some() {
        tags.extend(CONVERTED_TAGS);
        tags.extend(CONVERSION_FIELDS.map(Field::tag));
    }
    tags.sort_unstable();
    tags.dedup();
    tags
}

fn paid(row: &Row) -> Paid<'_> {
    Paid {
        campaign: campaign_of(row),
        at_ms: row.key.time_ms(),
        is_daily: is_daily(row),
        facts: &row.facts,
    }
}

/// Sources bill every click, people's and bots'; nobody bills what the operator tries.
fn is_paid(row: &Row) -> bool {
    !row.facts.flag(Field::Test)
}

/// What a row costs: a click its share; what an entry paid for, impressions and conversions do not cost again.
fn price(row: &Row, spread: &mut Spread) -> Figure {
    if !is_paid(row) || row.kind == RowKind::Preview {
        return Figure::Own;
    }
    if row.kind == RowKind::Click {
        let share = spread.price(paid(row));
        return share.map_or(Figure::Own, |(entry, cost)| Figure::Share { entry, cost });
    }
    let own = row.facts.int_at(tag::COST_BASE).unwrap_or(row.cost);
    let has_price = own != 0 || CostSource::of(&row.facts).is_some();
    match spread.entry_of(paid(row)).filter(|_| has_price) {
        Some(entry) => Figure::Share { entry, cost: 0 },
        None => Figure::Own,
    }
}

fn is_new(row: &Row, figure: &Figure) -> bool {
    let now = row.facts.int_at(tag::COST_ENTRY);
    match figure {
        Figure::Own => now.is_some(),
        Figure::Share { entry, cost } => (now, row.cost) != (Some(*entry), *cost),
        Figure::Verdict { .. } | Figure::Amounts(_) => true,
    }
}

/// Spending that no click bears is a row of its own, at the moment the entry begins.
fn spend_row(left: &Spend, stores: Recomputer<'_>, span: &Span) -> Row {
    let mut facts = Facts::default();
    facts.set_int(Field::Workspace, span.workspace);
    facts.set_int(Field::Campaign, left.key.campaign);
    let source = stores.table.campaign(left.key.campaign).and_then(|campaign| campaign.source);
    if let Some(source) = source {
        facts.set_int(Field::Source, source);
    }
    for (field, value) in left.key.slice.0.iter().filter(|(_, value)| !value.is_empty()) {
        facts.set_text(*field, value);
    }
    facts.push_int(tag::COST_ENTRY, left.entry);
    Row {
        kind: RowKind::Spend,
        key: ClickKey::first_at(left.key.from_ms),
        event_ms: left.key.from_ms,
        sequence: left.entry.unsigned_abs(),
        count: 0,
        cost: left.amount,
        revenue: 0,
        facts,
    }
}
