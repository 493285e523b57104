//! `clicktrail import conversions`: a CSV file, line by line.

use crate::client::Client;
use crate::config::Config;
use crate::output;
use anyhow::{Context, bail};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// Sends the file and says what came of its lines.
///
/// # Errors
/// When the file cannot be read, the server refuses it, or lines of it are wrong.
pub fn run(config: Config, file: &Path, preview: bool) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let client = Client::open(config)?;
    let answer =
        client.post_text(&format!("/conversions/import?preview={preview}"), "text/csv", &text);
    client.close()?;
    let answer = answer.with_context(|| file.display().to_string())?;
    output::whole(&told(&answer))?;
    match answer["wrong"].as_u64() {
        Some(0) | None => Ok(()),
        Some(wrong) => bail!("{wrong} lines are wrong and were left out"),
    }
}

/// With a preview every line, else those that are wrong; then what it comes to.
fn told(answer: &Value) -> String {
    let is_preview = answer["preview"] == true;
    let mut out = String::new();
    for item in answer["items"].as_array().into_iter().flatten() {
        let verdict = item["verdict"].as_str().unwrap_or("unreadable");
        let is_wrong = !["recorded", "updated", "duplicate"].contains(&verdict);
        if is_preview || is_wrong {
            let column =
                item["column"].as_str().map_or(String::new(), |name| format!(", column {name}"));
            let message = item["message"].as_str().unwrap_or_default();
            let colon = if message.is_empty() { "" } else { ": " };
            // Writing to a String cannot fail.
            let _ = writeln!(out, "line {}{column}  {verdict}{colon}{message}", item["line"]);
        }
    }
    let would = if is_preview { "would be " } else { "" };
    let count = |name: &str| format!("{} {would}{name}", answer[name]);
    let counts = ["recorded", "updated", "duplicate", "wrong"].map(count).join(", ");
    out + &counts + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wrong_line_is_named_with_its_column() {
        let answer = json!({ "preview": false, "recorded": 1, "updated": 0, "duplicate": 0, "wrong": 1, "items": [
            { "line": 2, "verdict": "recorded", "message": "", "column": null },
            { "line": 3, "verdict": "refused", "message": "no amount", "column": "sum" },
        ]});
        assert_eq!(
            told(&answer),
            "line 3, column sum  refused: no amount\n1 recorded, 0 updated, 0 duplicate, 1 wrong\n"
        );
    }
}
