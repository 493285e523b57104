//! `clicktrail recompute`: figures computed again, with progress until it is done.

use crate::cli::RecomputeArgs;
use crate::client::Client;
use crate::config::Config;
use crate::output;
use crate::report_command::period;
use anyhow::bail;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::time::Duration;

/// How often progress is asked for.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Asks for it, waits and says what changed.
///
/// # Errors
/// When the question is wrong, or it fails.
pub fn run(config: Config, args: &RecomputeArgs) -> anyhow::Result<()> {
    let client = Client::open(config)?;
    let done = recompute(&client, args);
    client.close()?;
    for (what, job) in done? {
        let (rows, changed) = (&job["rows_total"], &job["changed"]);
        output::line(&format!("{what}: {rows} clicks computed, {changed} rows changed"))?;
    }
    Ok(())
}

fn recompute(client: &Client, args: &RecomputeArgs) -> anyhow::Result<Vec<(String, Value)>> {
    let mut done = Vec::new();
    for what in &args.what {
        let question = json!({
            "what": what,
            "period": period(&args.period),
            "tz": args.tz,
            "campaign": args.campaign,
        });
        let job = client.post("/recompute", &question)?;
        done.push((what.clone(), wait(client, job)?));
    }
    Ok(done)
}

fn wait(client: &Client, mut job: Value) -> anyhow::Result<Value> {
    let is_watched = std::io::stderr().is_terminal();
    loop {
        let is_done = job["done"] == true;
        if is_watched {
            let (rows, total) = (&job["rows_done"], &job["rows_total"]);
            output::progress(&format!("{rows} of {total} clicks"), is_done);
        }
        if is_done {
            return Ok(job);
        }
        if let Some(error) = job["error"].as_str() {
            bail!("it failed, and the server tries it again: {error}");
        }
        std::thread::park_timeout(ASK_EVERY);
        job = client.get(&format!("/recompute/{}", job["id"]))?;
    }
}

/// Waits until reports show what a file said.
///
/// # Errors
/// When the server cannot be asked.
pub fn wait_for_all(client: &Client) -> anyhow::Result<()> {
    loop {
        let status = client.get("/system")?["recompute"].take();
        if let Some(error) = status["error"].as_str() {
            bail!("it is imported, and reports lag behind; the server tries again: {error}");
        }
        if status["unfinished"] == 0 {
            return Ok(());
        }
        std::thread::park_timeout(ASK_EVERY);
    }
}
