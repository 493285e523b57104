//! The rates of the European Central Bank, fetched by themselves: from a URL or a file, every few hours.

use crate::app::App;
use crate::config::RatesFeed;
use anyhow::{Context, ensure};
use model::rate::{ECB_BYTES_MAX, read_ecb};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Who is named as the author of what was fetched.
const AUTHOR: &str = "rates feed";

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait after a failure, unless the next turn comes sooner.
const RETRY: Duration = Duration::from_secs(15 * 60);

/// Fetches until it is aborted; does nothing where the settings name no feed.
pub fn start(app: &Arc<App>) -> Option<JoinHandle<()>> {
    let feed = app.config.rates.clone()?;
    let app = app.clone();
    Some(tokio::spawn(async move {
        loop {
            let pause = match fetch(&app, &feed).await {
                Ok((read, added)) => {
                    tracing::info!(from = feed.from, read, added, "fetched rates");
                    feed.interval
                }
                Err(error) => {
                    let error: &dyn std::error::Error = error.as_ref();
                    tracing::warn!(error, from = feed.from, "cannot fetch rates");
                    metrics::counter!("clicktrail_rates_fetch_failures_total").increment(1);
                    feed.interval.min(RETRY)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }))
}

/// Fetches once, for every workspace; how many rates there are, and how many were new.
async fn fetch(app: &App, feed: &RatesFeed) -> anyhow::Result<(usize, usize)> {
    let from = feed.from.clone();
    let rates = tokio::task::spawn_blocking(move || anyhow::Ok(read_ecb(&read(&from)?)?)).await??;
    let mut added = 0;
    let things = app.things.load_full();
    for workspace in things.workspaces.iter().filter(|workspace| !workspace.archived) {
        added += app.add_rates(workspace.id, &rates, AUTHOR).await?;
    }
    Ok((rates.len(), added))
}

/// The text behind a URL, in a file, or (`-`) on standard input.
///
/// # Errors
/// When it cannot be read, or is longer than any list of rates.
pub fn read(from: &str) -> anyhow::Result<String> {
    let mut source: Box<dyn Read> = if from.starts_with("http://") || from.starts_with("https://") {
        let agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().new_agent();
        let answer = agent.get(from).call().with_context(|| format!("cannot fetch {from}"))?;
        Box::new(answer.into_body().into_reader())
    } else if from == "-" {
        Box::new(std::io::stdin())
    } else {
        let path = from.strip_prefix("file://").unwrap_or(from);
        Box::new(File::open(path).with_context(|| format!("cannot open {path}"))?)
    };
    let mut text = String::new();
    let most = ECB_BYTES_MAX as u64 + 1;
    source
        .by_ref()
        .take(most)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read {from}"))?;
    ensure!(text.len() <= ECB_BYTES_MAX, "{from} has more than {ECB_BYTES_MAX} bytes");
    Ok(text)
}
