//! `clicktrail config export | plan | apply | log`: the configuration as one text file, and its history.

use crate::client::Client;
use crate::config::Config;
use crate::configuration::Syntax;
use crate::output;
use anyhow::Context;
use serde_json::{Value, json};
use std::path::Path;

/// Prints everything that is set up.
///
/// # Errors
/// When the server refuses.
pub fn export(config: Config, syntax: Syntax) -> anyhow::Result<()> {
    let client = Client::open(config)?;
    let answer = client.get(match syntax {
        Syntax::Toml => "/config?format=toml",
        Syntax::Yaml => "/config?format=yaml",
    });
    client.close()?;
    Ok(output::whole(
        answer?.get("text").and_then(Value::as_str).context("the answer holds no file")?,
    )?)
}

/// Says what applying `file` would change.
///
/// # Errors
/// When the file is wrong.
pub fn plan(config: Config, file: &Path) -> anyhow::Result<()> {
    let answer = send(config, file, "/config/plan", false)?;
    let mut lines = told(&answer);
    if lines.is_empty() {
        lines.push("would change nothing".to_owned());
    }
    let stale: Vec<&str> = texts(&answer, "stale").collect();
    if !stale.is_empty() {
        lines.push("this overwrites what was saved after the file was exported:".to_owned());
        lines.extend(stale.into_iter().map(|words| format!("  {words}")));
    }
    lines.extend(warnings(&answer));
    Ok(output::line(&lines.join("\n"))?)
}

/// Applies `file`: all of it or nothing.
///
/// # Errors
/// When the file is wrong, something in it is refused, or it would overwrite what it does not know of
/// and `force` is not set.
pub fn apply(config: Config, file: &Path, force: bool) -> anyhow::Result<()> {
    let answer = send(config, file, "/config/apply", force)?;
    let mut lines = told(&answer);
    match lines.is_empty() {
        true => lines.push("changed nothing: everything is as the file says".to_owned()),
        false => lines.push(format!("saved as revision {}", answer["revision"])),
    }
    lines.extend(warnings(&answer));
    Ok(output::line(&lines.join("\n"))?)
}

/// Prints the newest saves, newest first.
///
/// # Errors
/// When the server refuses.
pub fn log(config: Config, limit: usize) -> anyhow::Result<()> {
    let client = Client::open(config)?;
    let answer = client.get(&format!("/config/log?limit={limit}"));
    client.close()?;
    let answer = answer?;
    let saves = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    let lines = saves.flat_map(|save| {
        let text = |key: &str| save.get(key).and_then(Value::as_str).unwrap_or_default();
        let head = format!("{}  {}  {}", save["revision"], text("at"), text("author"));
        let change = save.get("change").filter(|change| !change.is_null());
        let words = change.map_or_else(|| vec!["saved as it was".to_owned()], step_lines);
        words.into_iter().map(move |words| format!("{head}: {words}"))
    });
    Ok(output::line(&lines.collect::<Vec<_>>().join("\n"))?)
}

fn send(config: Config, file: &Path, path: &str, force: bool) -> anyhow::Result<Value> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let syntax = match file.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Syntax::Toml,
        Some("yaml" | "yml" | "json") => Syntax::Yaml,
        _ => Syntax::detect(&text),
    };
    // A file may be what a new installation begins with.
    let client = Client::open_or_make(config)?;
    let answer = client.post(path, &json!({ "text": text, "format": syntax, "force": force }));
    client.close()?;
    answer.with_context(|| file.display().to_string())
}

/// What is probably not meant, one line each.
fn warnings(answer: &Value) -> impl Iterator<Item = String> {
    texts(answer, "warnings").map(|words| format!("warning: {words}"))
}

fn told(answer: &Value) -> Vec<String> {
    let steps = answer.get("changes").and_then(Value::as_array);
    steps.into_iter().flatten().flat_map(step_lines).collect()
}

/// One line for every difference.
fn step_lines(step: &Value) -> Vec<String> {
    let head = step.get("words").and_then(Value::as_str).unwrap_or_default();
    let fields = step.get("fields").and_then(Value::as_array).into_iter().flatten();
    let words = fields.filter_map(|field| field.get("words").and_then(Value::as_str));
    let lines: Vec<String> = words.map(|words| format!("{head}: {words}")).collect();
    if lines.is_empty() { vec![head.to_owned()] } else { lines }
}

fn texts<'a>(answer: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    answer.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
