//! `clicktrail config export | plan | apply`: the configuration as one text file.

use crate::client::Client;
use crate::config::Config;
use crate::output;
use anyhow::Context;
use serde_json::{Value, json};
use std::path::Path;

/// Prints everything that is set up.
///
/// # Errors
/// When the server refuses.
pub fn export(config: Config) -> anyhow::Result<()> {
    let client = Client::open(config)?;
    let answer = client.get("/config");
    client.close()?;
    Ok(output::whole(
        answer?.get("toml").and_then(Value::as_str).context("the answer holds no file")?,
    )?)
}

/// Says what applying `file` would change.
///
/// # Errors
/// When the file is wrong.
pub fn plan(config: Config, file: &Path) -> anyhow::Result<()> {
    send(config, file, "/config/plan", "would change nothing")
}

/// Applies `file`: all of it or nothing.
///
/// # Errors
/// When the file is wrong, or something in it is refused.
pub fn apply(config: Config, file: &Path) -> anyhow::Result<()> {
    send(config, file, "/config/apply", "changed nothing: everything is as the file says")
}

fn send(config: Config, file: &Path, path: &str, nothing: &str) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let client = Client::open(config)?;
    let answer = client.post(path, &json!({ "toml": text }));
    client.close()?;
    let changes = answer?.get("changes").and_then(Value::as_array).cloned().unwrap_or_default();
    let words: Vec<&str> = changes.iter().filter_map(Value::as_str).collect();
    Ok(output::line(if words.is_empty() { nothing.to_owned() } else { words.join("\n") }.as_str())?)
}
