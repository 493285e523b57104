//! `clicktrail rates`: list, set and import what currencies are worth in each other.

use crate::cli::{RatesCommand, TrailFormat};
use crate::client::Client;
use crate::config::Config;
use crate::{output, rates_feed};
use model::params;
use serde_json::{Value, json};

/// Asks and prints.
///
/// # Errors
/// When something does not fit, or there is no answer.
pub fn run(config: Config, command: RatesCommand) -> anyhow::Result<()> {
    // What cannot be read needs no server.
    let text = match &command {
        RatesCommand::Import { from } => rates_feed::read(from)?,
        _ => String::new(),
    };
    let client = Client::open(config)?;
    let told = tell(&client, &command, &text);
    client.close()?;
    output::whole(&told?)?;
    Ok(())
}

fn tell(client: &Client, command: &RatesCommand, text: &str) -> anyhow::Result<String> {
    Ok(match command {
        RatesCommand::List { currency, source, from, to, limit, format } => {
            let filters = [("currency", currency), ("source", source), ("from", from), ("to", to)];
            let given = filters.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
            let pairs = given.map(|(name, value)| format!("&{name}={}", params::encode(value)));
            let query: String = pairs.collect();
            let page = client.get(&format!("/rates?limit={limit}{query}"))?;
            match format {
                TrailFormat::Json => serde_json::to_string_pretty(&page)? + "\n",
                TrailFormat::Text => lines(&page),
            }
        }
        RatesCommand::Set { base, quote, rate, day } => {
            let body = json!({ "base": base, "quote": quote, "rate": rate, "day": day });
            line(&client.post("/rates", &body)?)
        }
        RatesCommand::End { base, quote, day } => {
            let body = json!({ "base": base, "quote": quote, "rate": null, "day": day });
            line(&client.post("/rates", &body)?)
        }
        RatesCommand::Import { .. } => {
            let done = client.post_text("/rates/import", "application/xml", text)?;
            let part = |name: &str| plain(&done[name]);
            let (read, added) = (part("read"), part("added"));
            format!("{read} rates from {} to {}, {added} of them new\n", part("from"), part("to"))
        }
    })
}

fn lines(page: &Value) -> String {
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text: String = items.iter().map(line).collect();
    if !page["next"].is_null() {
        text += "… and more: raise --limit, or name a period\n";
    }
    text
}

fn line(rate: &Value) -> String {
    let part = |name: &str| plain(&rate[name]);
    let (day, base, quote) = (part("day"), part("base"), part("quote"));
    let price = match &rate["rate"] {
        Value::Null => format!("{base}/{quote}: no manual rate any more"),
        rate => format!("1 {base} = {} {quote}", plain(rate)),
    };
    format!("{day}  {price}  {}  by {}\n", part("source"), part("author"))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_reads_as_a_sentence() {
        let rate = |rate: Value| json!({ "day": "2026-11-20", "base": "EUR", "quote": "USD", "rate": rate, "source": "manual", "author": "ann" });
        let page = json!({ "items": [rate(json!("1.08")), rate(Value::Null)], "next": "x" });
        let text = lines(&page);
        for part in [
            "2026-11-20  1 EUR = 1.08 USD  manual  by ann\n",
            "EUR/USD: no manual rate any more",
            "and more",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
