//! `clicktrail trail`: the whole life of one click, for reading.

use crate::cli::TrailFormat;
use crate::client::Client;
use crate::config::Config;
use crate::output;
use model::params;
use serde_json::Value;
use std::fmt::Write;

/// Asks and prints.
///
/// # Errors
/// When the id is none of ours, or its click is not there.
pub fn run(config: Config, click_id: &str, format: TrailFormat) -> anyhow::Result<()> {
    let client = Client::open(config)?;
    let answer = client.get(&format!("/clicks/{}", params::encode(click_id)));
    client.close()?;
    let trail = answer?;
    match format {
        TrailFormat::Json => output::line(&serde_json::to_string_pretty(&trail)?)?,
        TrailFormat::Text => output::whole(&text(&trail))?,
    }
    Ok(())
}

/// The story in the order in which it happened, then what it came to.
fn text(trail: &Value) -> String {
    let mut out = String::new();
    line(&mut out, &format!("{}  {}", plain(&trail["click_id"]), plain(&trail["time"])));
    if trail["asked"] != trail["click_id"] {
        line(
            &mut out,
            &format!("  asked for {}: {}", plain(&trail["asked"]), inline(&trail["reading"])),
        );
    }
    click(&mut out, trail);
    section(&mut out, "lander clicks", &trail["hops"], hop);
    section(&mut out, "on pages", &trail["pages"], page);
    section(&mut out, "postbacks", &trail["postbacks"], postback);
    section(&mut out, "ledger", &trail["ledger"], entry);
    let figures = &trail["figures"];
    let figure = |name: &str| format!("{name} {}", plain(&figures[name]));
    let all = ["conversions", "cost", "revenue", "profit"].map(figure).join("   ");
    line(&mut out, &format!("\nfigures\n  {all}   {}", plain(&figures["currency"])));
    out
}

fn click(out: &mut String, trail: &Value) {
    let click = &trail["click"];
    if click.is_null() {
        line(
            out,
            &format!("  campaign {}; the click itself is not stored", inline(&trail["campaign"])),
        );
        return;
    }
    line(out, "\nclick");
    for (name, value) in click["fields"].as_object().into_iter().flatten() {
        if !value.is_null() {
            line(out, &format!("  {name:<20} {}", plain(value)));
        }
    }
    for name in ["raw_query", "platform_ids", "signals", "unexpanded"] {
        let value = &click[name];
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            line(out, &format!("  {name:<20} {}", inline(value)));
        }
    }
    line(out, &format!("\ndecision\n  {}", inline(&click["decision"])));
    line(out, &format!("cost\n  {}", inline(&click["cost"])));
}

fn section(out: &mut String, title: &str, items: &Value, show: fn(&Value) -> String) {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    if !items.is_empty() {
        line(out, &format!("\n{title}"));
        items.iter().for_each(|item| line(out, &format!("  {}", show(item))));
    }
}

fn page(entry: &Value) -> String {
    let parts = [&entry["event"], &entry["value"], &entry["currency"], &entry["page"]];
    let known = parts.into_iter().filter(|part| !part.is_null()).map(plain);
    let known: Vec<_> = known.collect();
    let note = if entry["counts"] == true { "  (counts as lander view)" } else { "" };
    format!("{}  {}  {}{note}", plain(&entry["at"]), plain(&entry["kind"]), known.join("  "))
}

fn hop(hop: &Value) -> String {
    let rerouted = if hop["rerouted"] == true { "  (rerouted)" } else { "" };
    format!(
        "{}  link {} → offer {}{rerouted}",
        plain(&hop["at"]),
        plain(&hop["link"]),
        inline(&hop["offer"])
    )
}

fn postback(call: &Value) -> String {
    let why = [&call["reason"], &call["message"]].map(plain).join(": ");
    let why = if why == ": " { String::new() } else { format!("\n      {why}") };
    let (method, url) = (plain(&call["method"]), plain(&call["url"]));
    format!(
        "{}  {}  {method} {url}  from {}{why}",
        plain(&call["received"]),
        plain(&call["verdict"]),
        plain(&call["peer"])
    )
}

fn entry(entry: &Value) -> String {
    let count = entry["count"].as_i64().unwrap_or_default();
    let superseded = entry["superseded_by"]
        .as_u64()
        .map_or(String::new(), |by| format!("  superseded by record {by}"));
    let worth = match &entry["conversion"] {
        Value::Object(by) => format!(
            " = {} at {} ({}, {})",
            plain(&entry["revenue"]),
            plain(&by["rate"]),
            plain(&by["source"]),
            plain(&by["day"])
        ),
        _ => String::new(),
    };
    format!(
        "{}  {count:+}  {} {}  {} {}{worth}  txid {}{superseded}",
        plain(&entry["at"]),
        plain(&entry["status"]),
        plain(&entry["type"]),
        plain(&entry["amount"]),
        plain(&entry["currency"]),
        plain(&entry["txid"]),
    )
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

/// A value without quotes; a dash where there is none.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        other => inline(other),
    }
}

/// Anything on one line: `name value` pairs of an object, a thing as its name and number.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(map) if map.contains_key("id") && map.contains_key("name") => {
            format!("{} #{}", plain(&map["name"]), plain(&map["id"]))
        }
        Value::Object(map)
            if map.len() == 2 && map.contains_key("value") && map.contains_key("name") =>
        {
            format!("{}={}", plain(&map["name"]), plain(&map["value"]))
        }
        Value::Object(map) => {
            let known = map.iter().filter(|(_, value)| !value.is_null());
            known
                .map(|(name, value)| format!("{name} {}", plain(value)))
                .collect::<Vec<_>>()
                .join("   ")
        }
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_story_names_everything_that_happened() {
        let trail = json!({
            "click_id": "ct_1", "asked": "ct_1", "time": "2026-11-22T10:00:00Z",
            "click": { "fields": { "placement": "top", "campaign": 3 }, "decision": { "path": 1, "offer": { "id": 2, "name": "A" } },
                "cost": { "amount": "0.10", "currency": "USD" }, "platform_ids": [{ "name": "gclid", "value": "G" }] },
            "hops": [{ "at": "t1", "link": 1, "offer": { "id": 2, "name": "A" }, "rerouted": false }],
            "pages": [{ "at": "t1", "kind": "page_event", "counts": false, "event": "add_to_cart", "value": "12.5", "currency": "EUR", "page": "https://shop.example/" }],
            "postbacks": [{ "received": "t2", "verdict": "recorded", "method": "GET", "url": "/postback?x", "peer": "192.0.2.1", "reason": "", "message": "" }],
            "ledger": [{ "at": "t3", "count": 1, "status": "approved", "type": "lead", "amount": "2.00", "currency": "EUR", "revenue": "2.20", "txid": null, "superseded_by": null,
                "conversion": { "rate": "1.1", "source": "ecb", "day": "2026-11-20" } }, { "at": "t2", "count": 1, "status": "approved", "type": "sale", "amount": "2.50", "currency": "USD", "txid": null, "superseded_by": null }],
            "figures": { "conversions": 1, "cost": "0.10", "revenue": "2.50", "profit": "2.40", "currency": "USD" },
        });
        let story = text(&trail);
        for part in [
            "placement",
            "top",
            "A #2",
            "gclid=G",
            "recorded",
            "+1  approved sale  2.50 USD  txid –",
            "t1  page_event  add_to_cart  12.5  EUR  https://shop.example/",
            "profit 2.40",
            "2.00 EUR = 2.20 at 1.1 (ecb, 2026-11-20)",
        ] {
            assert!(story.contains(part), "`{part}` is missing in:\n{story}");
        }
    }
}
