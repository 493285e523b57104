//! The log of cost entries, and the recomputes it asks for.

use crate::costs::{
    Author, CostAdded, CostQuery, CostRow, NewCost, NewRecompute, Progress, Recompute, What,
    recomputes_of,
};
use crate::error::StoreError;
use model::money::Money;
use model::spend::{Slice, SpendKey};
use model::thing::ThingId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

/// Entries with who took them back and whether they stand; conditions on them follow.
const ROWS: &str = "SELECT c.id, c.campaign, c.slice, c.from_ms, c.to_ms, c.amount, c.currency, \
    c.author, c.at_ms, c.batch, u.author AS undone_by, u.at_ms AS undone_ms, \
    u.cost IS NULL AND NOT EXISTS (SELECT 1 FROM costs n WHERE n.workspace = c.workspace \
        AND n.campaign = c.campaign AND n.from_ms = c.from_ms AND n.to_ms = c.to_ms \
        AND n.slice = c.slice AND n.id > c.id \
        AND NOT EXISTS (SELECT 1 FROM cost_undos v WHERE v.cost = n.id)) AS is_standing \
    FROM costs c LEFT JOIN cost_undos u ON u.cost = c.id";

/// Answers [`crate::Costs::add_costs`].
pub async fn add(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    costs: Vec<NewCost>,
    by: &Author,
) -> Result<Vec<CostAdded>, StoreError> {
    let failed = StoreError::during("add cost entries");
    let mut work = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
    let mut added = Vec::with_capacity(costs.len());
    let mut changed = Vec::new();
    for cost in costs {
        let standing = standing(&mut work, workspace, &cost.key).await?;
        if let Some((id, _)) = standing.as_ref().filter(|(_, standing)| *standing == cost) {
            added.push(CostAdded { id: *id, is_unchanged: true, replaced: None });
            continue;
        }
        let insert = "INSERT INTO costs (workspace, campaign, slice, from_ms, to_ms, amount, \
            currency, author, at_ms, batch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let done = sqlx::query(insert)
            .bind(workspace)
            .bind(cost.key.campaign)
            .bind(slice_text(&cost.key.slice)?)
            .bind(cost.key.from_ms)
            .bind(cost.key.to_ms)
            .bind(cost.amount.0)
            .bind(cost.currency.as_str())
            .bind(&by.author)
            .bind(by.at_ms)
            .bind(&by.batch)
            .execute(&mut *work)
            .await
            .map_err(&failed)?;
        let (id, replaced) = (done.last_insert_rowid(), standing.map(|(id, _)| id));
        added.push(CostAdded { id, is_unchanged: false, replaced });
        changed.push(cost.key);
    }
    for wanted in recomputes_of(workspace, changed.iter()) {
        insert_recompute(&mut work, &wanted, by).await?;
    }
    work.commit().await.map_err(failed)?;
    Ok(added)
}

/// The entry that stands for exactly this traffic.
async fn standing(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    key: &SpendKey,
) -> Result<Option<(i64, NewCost)>, StoreError> {
    let sql = "SELECT id, campaign, slice, from_ms, to_ms, amount, currency FROM costs c \
        WHERE workspace = ? AND campaign = ? AND from_ms = ? AND to_ms = ? AND slice = ? \
        AND NOT EXISTS (SELECT 1 FROM cost_undos u WHERE u.cost = c.id) ORDER BY id DESC LIMIT 1";
    let row = sqlx::query(sql)
        .bind(workspace)
        .bind(key.campaign)
        .bind(key.from_ms)
        .bind(key.to_ms)
        .bind(slice_text(&key.slice)?)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::during("look a cost entry up"))?;
    row.map(|row| Ok((row.get("id"), cost(&row)?))).transpose()
}

/// Answers [`crate::Costs::costs`].
pub async fn list(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    query: &CostQuery,
) -> Result<Vec<CostRow>, StoreError> {
    let sql = format!(
        "SELECT * FROM ({ROWS} WHERE c.workspace = ?1 AND (?2 IS NULL OR c.campaign = ?2) \
         AND (?3 IS NULL OR c.to_ms > ?3) AND (?4 IS NULL OR c.from_ms < ?4) \
         AND (?5 IS NULL OR c.id < ?5) AND (?6 IS NULL OR c.id = ?6)) \
         WHERE is_standing OR NOT ?7 ORDER BY id DESC LIMIT ?8"
    );
    let limit = query.limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1);
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(workspace)
        .bind(query.campaign)
        .bind(query.period.map(|(from_ms, _)| from_ms))
        .bind(query.period.map(|(_, to_ms)| to_ms))
        .bind(query.before)
        .bind(query.id)
        .bind(query.standing_only)
        .bind(limit)
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("list cost entries"))?;
    rows.iter().map(cost_row).collect()
}

/// Answers [`crate::Costs::undo_cost`].
pub async fn undo(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    id: i64,
    by: &Author,
) -> Result<bool, StoreError> {
    let failed = StoreError::during("undo a cost entry");
    let mut work = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
    let query = CostQuery { id: Some(id), ..CostQuery::default() };
    let found = list(&mut work, workspace, &query).await?.into_iter().next();
    let Some(row) = found.filter(|row| row.undone.is_none()) else { return Ok(false) };
    sqlx::query("INSERT INTO cost_undos (cost, author, at_ms) VALUES (?, ?, ?)")
        .bind(id)
        .bind(&by.author)
        .bind(by.at_ms)
        .execute(&mut *work)
        .await
        .map_err(&failed)?;
    for wanted in recomputes_of(workspace, std::iter::once(&row.cost.key)) {
        insert_recompute(&mut work, &wanted, by).await?;
    }
    work.commit().await.map_err(failed)?;
    Ok(true)
}

/// Answers [`crate::Costs::add_recompute`].
pub async fn insert_recompute(
    connection: &mut SqliteConnection,
    wanted: &NewRecompute,
    by: &Author,
) -> Result<Recompute, StoreError> {
    let sql = "INSERT INTO recomputes (workspace, what, campaign, from_ms, to_ms, author, at_ms, \
        batch) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let done = sqlx::query(sql)
        .bind(wanted.workspace)
        .bind(wanted.what.as_str())
        .bind(wanted.campaign)
        .bind(wanted.from_ms)
        .bind(wanted.to_ms)
        .bind(&by.author)
        .bind(by.at_ms)
        .bind(&by.batch)
        .execute(connection)
        .await
        .map_err(StoreError::during("ask for a recompute"))?;
    let (id, wanted) = (done.last_insert_rowid(), wanted.clone());
    Ok(Recompute { id, wanted, by: by.clone(), progress: Progress::default() })
}

/// Answers [`crate::Costs::recompute`].
pub async fn recompute(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    id: i64,
) -> Result<Option<Recompute>, StoreError> {
    let sql = "SELECT * FROM recomputes WHERE workspace = ? AND id = ?";
    let row = sqlx::query(sql).bind(workspace).bind(id).fetch_optional(connection).await;
    let row = row.map_err(StoreError::during("look a recompute up"))?;
    row.as_ref().map(recompute_row).transpose()
}

/// Answers [`crate::Costs::unfinished`].
pub async fn unfinished(connection: &mut SqliteConnection) -> Result<Vec<Recompute>, StoreError> {
    let sql = "SELECT * FROM recomputes WHERE NOT is_done ORDER BY id";
    let rows = sqlx::query(sql).fetch_all(connection).await;
    let rows = rows.map_err(StoreError::during("list recomputes"))?;
    rows.iter().map(recompute_row).collect()
}

/// Answers [`crate::Costs::note`].
pub async fn note(
    connection: &mut SqliteConnection,
    id: i64,
    progress: &Progress,
) -> Result<(), StoreError> {
    let sql = "UPDATE recomputes SET is_done = ?, rows_done = ?, rows_total = ?, changed = ?, \
        error = ? WHERE id = ?";
    let int = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let done = sqlx::query(sql)
        .bind(progress.is_done)
        .bind(int(progress.rows.0))
        .bind(int(progress.rows.1))
        .bind(int(progress.changed))
        .bind(&progress.error)
        .bind(id)
        .execute(connection)
        .await;
    done.map(drop).map_err(StoreError::during("keep how far a recompute is"))
}

fn slice_text(slice: &Slice) -> Result<String, StoreError> {
    serde_json::to_string(slice).map_err(StoreError::during("write a slice down"))
}

fn cost(row: &SqliteRow) -> Result<NewCost, StoreError> {
    let unreadable = |what: &str| StoreError::unreadable(format!("cost entry: its {what}"));
    let slice: &str = row.get("slice");
    let slice: Slice = serde_json::from_str(slice).map_err(|_| unreadable("slice"))?;
    let currency: &str = row.get("currency");
    let currency = currency.parse().map_err(|_| unreadable("currency"))?;
    let (campaign, from_ms, to_ms) = (row.get("campaign"), row.get("from_ms"), row.get("to_ms"));
    let key = SpendKey { campaign, slice, from_ms, to_ms };
    Ok(NewCost { key, amount: Money(row.get("amount")), currency })
}

fn cost_row(row: &SqliteRow) -> Result<CostRow, StoreError> {
    let undone_by: Option<String> = row.get("undone_by");
    Ok(CostRow {
        id: row.get("id"),
        cost: cost(row)?,
        by: author(row),
        undone: undone_by.map(|author| (author, row.get("undone_ms"))),
        is_standing: row.get("is_standing"),
    })
}

fn recompute_row(row: &SqliteRow) -> Result<Recompute, StoreError> {
    let word: &str = row.get("what");
    let what = What::ALL.into_iter().find(|what| what.as_str() == word);
    let what = what.ok_or_else(|| StoreError::unreadable(format!("recompute of `{word}`")))?;
    let count = |name| u64::try_from(row.get::<i64, _>(name)).unwrap_or_default();
    Ok(Recompute {
        id: row.get("id"),
        wanted: NewRecompute {
            workspace: row.get("workspace"),
            what,
            campaign: row.get("campaign"),
            from_ms: row.get("from_ms"),
            to_ms: row.get("to_ms"),
        },
        by: author(row),
        progress: Progress {
            is_done: row.get("is_done"),
            rows: (count("rows_done"), count("rows_total")),
            changed: count("changed"),
            error: row.get("error"),
        },
    })
}

fn author(row: &SqliteRow) -> Author {
    Author { author: row.get("author"), at_ms: row.get("at_ms"), batch: row.get("batch") }
}
