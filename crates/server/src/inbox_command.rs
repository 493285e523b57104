//! `clicktrail inbox list | show | replay | attach`: calls, what became of them, and how to set them right.

use crate::cli::{InboxCommand, InboxFilter, TrailFormat};
use crate::client::Client;
use crate::config::Config;
use crate::output;
use anyhow::bail;
use model::params;
use serde_json::{Value, json};
use std::fmt::Write;

/// Carries the command out.
///
/// # Errors
/// When the server refuses.
pub fn run(config: Config, command: InboxCommand) -> anyhow::Result<()> {
    let client = Client::open(config)?;
    let text = carry_out(&client, command);
    client.close()?;
    Ok(output::whole(&text?)?)
}

fn carry_out(client: &Client, command: InboxCommand) -> anyhow::Result<String> {
    match command {
        InboxCommand::List { filter, limit, format } => {
            let answer = client.get(&format!("/inbox?limit={limit}{}", query(&filter)))?;
            let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            Ok(match format {
                TrailFormat::Json => format!("{answer:#}\n"),
                TrailFormat::Text => items.iter().map(brief).collect(),
            })
        }
        InboxCommand::Show { number, format } => {
            let call = client.get(&format!("/inbox/{number}"))?;
            Ok(match format {
                TrailFormat::Json => format!("{call:#}\n"),
                TrailFormat::Text => whole(&call),
            })
        }
        InboxCommand::Replay { numbers, filter, why } => replay(client, &numbers, &filter, why),
        InboxCommand::Attach { number, click_id, why } => {
            let order = json!({ "click_id": click_id, "reason": why });
            Ok(brief(&client.post(&format!("/inbox/{number}/replay"), &order)?))
        }
    }
}

fn replay(
    client: &Client,
    numbers: &[u64],
    filter: &InboxFilter,
    why: Option<String>,
) -> anyhow::Result<String> {
    let (query, order) = (query(filter), json!({ "reason": why }));
    match (numbers.is_empty(), query.is_empty()) {
        (true, true) => bail!("nothing says which calls: name numbers, or filter them"),
        (false, false) => bail!("name numbers or filter, not both"),
        (false, true) => {
            let each = numbers.iter().map(|number| {
                client.post(&format!("/inbox/{number}/replay"), &order).map(|call| brief(&call))
            });
            each.collect()
        }
        (true, false) => {
            let (mut ordered, mut counted, mut cursor) = (0, 0, String::new());
            loop {
                let path = format!("/inbox/replay?limit=1000{query}{cursor}");
                let answer = client.post(&path, &order)?;
                ordered += answer["ordered"].as_u64().unwrap_or_default();
                counted += answer["counted"].as_u64().unwrap_or_default();
                let Some(next) = answer["next"].as_str() else { break };
                cursor = format!("&cursor={}", params::encode(next));
            }
            Ok(format!("{ordered} calls judged again, {counted} count already\n"))
        }
    }
}

/// The filter as parameters behind others.
fn query(filter: &InboxFilter) -> String {
    let InboxFilter { verdict, reason, q, click_id } = filter;
    let all = [("verdict", verdict), ("reason", reason), ("q", q), ("click_id", click_id)];
    let given = all.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    given.map(|(name, value)| format!("&{name}={}", params::encode(value))).collect()
}

fn text<'a>(call: &'a Value, key: &str) -> &'a str {
    call.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A call on a line, and why on another.
fn brief(call: &Value) -> String {
    let part = |key| text(call, key);
    let click = call.get("click_id").and_then(Value::as_str).unwrap_or("–");
    let head =
        format!("{:>8}  {}  {:<12}  {click}\n", part("id"), part("received"), part("verdict"));
    let why = match (part("reason"), part("message")) {
        ("", "") => String::new(),
        (reason, message) => format!("          {reason}: {message}\n"),
    };
    head + &why
}

/// Everything about a call.
fn whole(call: &Value) -> String {
    let mut out = brief(call);
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "  {name:<9} {value}");
        }
    };
    line("request", &format!("{} {}", text(call, "method"), text(call, "url")));
    line("body", text(call, "body"));
    line("peer", text(call, "peer"));
    let list = |key: &str| call.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for header in list("headers") {
        line("header", header.as_str().unwrap_or_default());
    }
    line("network", call["network"]["name"].as_str().unwrap_or_default());
    for note in list("notes") {
        line("note", note.as_str().unwrap_or_default());
    }
    for judged in list("history") {
        let by = judged["author"].as_str().unwrap_or("on arrival");
        let note = judged["note"].as_str().map_or(String::new(), |note| format!(" ({note})"));
        let part = |key| text(&judged, key);
        line(
            "judged",
            &format!("{}  {} {}  {by}{note}", part("at"), part("verdict"), part("reason")),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_with_what_became_of_it_each_time() {
        let call = json!({
            "id": "7", "received": "t1", "verdict": "recorded", "reason": "", "message": "", "click_id": "ct_1",
            "method": "GET", "url": "/postback?x=1", "body": "", "peer": "192.0.2.1", "headers": ["user-agent: n"],
            "network": { "id": 1, "name": "Net" }, "notes": [],
            "history": [
                { "at": "t1", "verdict": "held", "reason": "status_unmapped", "message": "m", "author": null, "note": null },
                { "at": "t2", "verdict": "recorded", "reason": "", "message": "", "author": "me", "note": "mapped" },
            ],
        });
        let told = whole(&call);
        for part in [
            "7  t1  recorded",
            "GET /postback?x=1",
            "Net",
            "held status_unmapped  on arrival",
            "me (mapped)",
        ] {
            assert!(told.contains(part), "`{part}` is missing in:\n{told}");
        }
    }

    #[test]
    fn filters_become_parameters() {
        let filter = InboxFilter {
            verdict: Some("held".into()),
            reason: None,
            q: Some("a b".into()),
            click_id: None,
        };
        assert_eq!(query(&filter), "&verdict=held&q=a%20b");
    }
}
