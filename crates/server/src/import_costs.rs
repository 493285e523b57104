//! `clicktrail import costs`: a CSV file of cost entries, and what each of its lines does.

use crate::client::Client;
use crate::config::Config;
use crate::output;
use crate::recompute_command::wait_for_all;
use anyhow::{Context, bail};
use serde_json::Value;
use std::path::Path;

/// Imports and prints.
///
/// # Errors
/// When the file cannot be read, or something in it is wrong: nothing was imported then.
pub fn run(config: Config, file: &Path, preview: bool) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let client = Client::open(config)?;
    let answer = client.post_text(&format!("/costs/import?preview={preview}"), "text/csv", &text);
    let waited = match &answer {
        Ok(_) if !preview => wait_for_all(&client),
        _ => Ok(()),
    };
    client.close()?;
    let answer = answer?;
    waited?;
    output::whole(&told(&answer))?;
    let wrong = answer["wrong"].as_u64().unwrap_or_default();
    if wrong > 0 {
        bail!("{wrong} lines are wrong: correct them before you import the file");
    }
    Ok(())
}

fn told(answer: &Value) -> String {
    let mut text = String::new();
    let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
    for item in items {
        let (line, result) = (&item["line"], item["result"].as_str().unwrap_or_default());
        let replaces = item["replaces"].as_i64().map(|id| format!(" entry {id}"));
        text.push_str(&format!("line {line}: {result}{}\n", replaces.unwrap_or_default()));
        for problem in item["problems"].as_array().map_or(&[][..], Vec::as_slice) {
            let part = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
            let column = part("field");
            let column = column.trim_start_matches("slice.");
            text.push_str(&format!("  column `{column}`: {}\n", part("message")));
        }
    }
    let count = |key: &str| answer[key].as_u64().unwrap_or_default();
    let (added, replaced, unchanged) = (count("added"), count("replaced"), count("unchanged"));
    text.push_str(&format!("{added} added, {replaced} replaced, {unchanged} unchanged\n"));
    text
}
