//! Rates: rows that are only added, of which the newest of each key stands.

use crate::error::StoreError;
use crate::rates::{RateQuery, RateRow, last_of_each};
use model::rate::{DayRate, RateSource, RateTable};
use model::thing::ThingId;
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

/// Rates that one statement writes or reads.
const PIECE: usize = 10_000;

/// Adds what is new. What the operator writes always is ([`crate::rates::is_known`]).
const ADD: &str = "INSERT INTO rates (workspace, day, base, quote, source, rate, author, at_ms) \
    SELECT ?1, new.value->>0, new.value->>1, new.value->>2, new.value->>3, new.value->>4, ?3, ?4 \
    FROM json_each(?2) AS new WHERE new.value->>3 <> 'ecb' OR new.value->>4 IS NOT ( \
        SELECT rate FROM rates WHERE workspace = ?1 AND day = new.value->>0 \
        AND base = new.value->>1 AND quote = new.value->>2 AND source = new.value->>3 \
        ORDER BY id DESC LIMIT 1)";

const LIST: &str = "SELECT day, base, quote, source, rate, author, at_ms FROM rates AS listed \
    WHERE workspace = ?1 AND id = ( \
        SELECT max(id) FROM rates AS later WHERE later.workspace = listed.workspace \
        AND later.day = listed.day AND later.base = listed.base \
        AND later.quote = listed.quote AND later.source = listed.source) \
    AND (?2 IS NULL OR base = ?2 OR quote = ?2) AND (?3 IS NULL OR source = ?3) \
    AND (?4 IS NULL OR day >= ?4) AND (?5 IS NULL OR day <= ?5) \
    AND (?6 IS NULL OR day < ?6 OR (day = ?6 AND (base, quote, source) > (?7, ?8, ?9))) \
    ORDER BY day DESC, base, quote, source LIMIT ?10";

/// Answers [`crate::Catalog::add_rates`].
pub async fn add(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    rates: &[DayRate],
    author: &str,
    at_ms: i64,
) -> Result<usize, StoreError> {
    let failed = StoreError::during("add rates");
    let mut work = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
    let mut added = 0;
    for piece in last_of_each(rates).chunks(PIECE) {
        let texts = piece.iter().map(|DayRate { day, base, quote, source, rate }| {
            json!([day.to_string(), base, quote, source, rate])
        });
        let done = sqlx::query(ADD)
            .bind(workspace)
            .bind(serde_json::Value::from_iter(texts).to_string())
            .bind(author)
            .bind(at_ms)
            .execute(&mut *work)
            .await
            .map_err(&failed)?;
        added += usize::try_from(done.rows_affected()).unwrap_or(usize::MAX);
    }
    work.commit().await.map_err(failed)?;
    Ok(added)
}

/// Answers [`crate::Catalog::rates`].
pub async fn list(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    query: &RateQuery,
) -> Result<Vec<RateRow>, StoreError> {
    let RateQuery { currency, source, from, to, after, limit } = query;
    let rows = sqlx::query(LIST)
        .bind(workspace)
        .bind(currency.map(|currency| currency.to_string()))
        .bind(source.map(RateSource::as_str))
        .bind(from.map(|day| day.to_string()))
        .bind(to.map(|day| day.to_string()))
        .bind(after.map(|key| key.day.0.to_string()))
        .bind(after.map(|key| key.base.to_string()))
        .bind(after.map(|key| key.quote.to_string()))
        .bind(after.map(|key| key.source.as_str()))
        .bind(i64::try_from(*limit).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("list rates"))?;
    let row = |row: &SqliteRow| {
        Ok(RateRow { rate: rate(row)?, author: row.get("author"), at_ms: row.get("at_ms") })
    };
    rows.iter().map(row).collect()
}

/// Answers [`crate::Catalog::rate_table`].
pub async fn table(connection: &mut SqliteConnection) -> Result<RateTable, StoreError> {
    let sql = "SELECT id, workspace, day, base, quote, source, rate FROM rates \
        WHERE id > ? ORDER BY id LIMIT ?";
    let (mut table, mut last) = (RateTable::default(), 0_i64);
    loop {
        // Decades of rates are many rows; each takes far more room than what it says.
        let rows = sqlx::query(sql).bind(last).bind(PIECE as i64).fetch_all(&mut *connection).await;
        let rows = rows.map_err(StoreError::during("read all rates"))?;
        let rates = rows.iter().map(|row| Ok((row.get("workspace"), rate(row)?)));
        table.extend(rates.collect::<Result<Vec<_>, StoreError>>()?);
        match rows.last() {
            Some(row) => last = row.get("id"),
            None => return Ok(table),
        }
    }
}

fn rate(row: &SqliteRow) -> Result<DayRate, StoreError> {
    let text = |column| row.get::<&str, _>(column);
    let price = row.get::<Option<&str>, _>("rate").map(str::parse).transpose().ok();
    let parts = || {
        Some(DayRate {
            day: text("day").parse().ok()?,
            base: text("base").parse().ok()?,
            quote: text("quote").parse().ok()?,
            source: RateSource::from_word(text("source"))?,
            rate: price?,
        })
    };
    parts().ok_or_else(|| {
        let (day, base, quote) = (text("day"), text("base"), text("quote"));
        StoreError::unreadable(format!("the rate of {base} to {quote} on {day}"))
    })
}
