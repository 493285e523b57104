//! `clicktrail explain`: why a click went where it went, or where a made-up visitor would go, for reading.

use crate::cli::{ExplainArgs, TrailFormat};
use crate::client::Client;
use crate::config::Config;
use crate::output;
use anyhow::{Context, bail};
use model::params;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Asks and prints.
///
/// # Errors
/// When the id is none of ours, its click is not there, or the visitor cannot be made up.
pub fn run(config: Config, args: &ExplainArgs) -> anyhow::Result<()> {
    let made_up = match (&args.click_id, &args.campaign) {
        (Some(_), None) => None,
        (None, Some(campaign)) => Some(visitor(args, campaign)?),
        _ => bail!("name a click by its id, or a campaign by --campaign KEY"),
    };
    let client = Client::open(config)?;
    let answer = match (&made_up, &args.click_id) {
        (Some(visitor), _) => client.post("/explain", visitor),
        (None, id) => {
            let id = params::encode(id.as_deref().unwrap_or_default());
            client.get(&format!("/clicks/{id}/explain"))
        }
    };
    client.close()?;
    let answer = answer?;
    match args.format {
        TrailFormat::Json => output::line(&serde_json::to_string_pretty(&answer)?)?,
        TrailFormat::Text => output::whole(&text(&answer))?,
    }
    Ok(())
}

fn visitor(args: &ExplainArgs, campaign: &str) -> anyhow::Result<Value> {
    let mut fields = Map::new();
    for field in &args.field {
        let (name, value) = field
            .split_once('=')
            .with_context(|| format!("`--field {field}`: expected NAME=VALUE"))?;
        fields.insert(name.to_owned(), cell(name, value));
    }
    Ok(json!({
        "campaign": campaign,
        "query": args.query.trim_start_matches('?'),
        "ip": args.ip,
        "user_agent": args.user_agent,
        "at": args.at,
        "draw": args.draw,
        "fields": fields,
    }))
}

/// A value as its field has it: numbers and truths where the field is no text.
fn cell(name: &str, value: &str) -> Value {
    use model::field::ValueKind;
    let kind = name.parse::<model::Field>().map(|field| field.row().kind);
    match kind {
        Ok(ValueKind::Int | ValueKind::Thing) => {
            value.parse::<i64>().map_or_else(|_| value.into(), Value::from)
        }
        Ok(ValueKind::Bool) => value.parse::<bool>().map_or_else(|_| value.into(), Value::from),
        _ => value.into(),
    }
}

fn text(answer: &Value) -> String {
    let mut out = String::new();
    let explanation = &answer["explanation"];
    if let Some(id) = answer["click_id"].as_str() {
        let again = match answer["agrees"].as_bool() {
            Some(true) => "deciding again gives what was recorded",
            _ => "deciding again does NOT give what was recorded",
        };
        line(&mut out, &format!("{id}  revision {}; {again}", explanation["revision"]));
    } else {
        line(&mut out, &format!("a made-up visitor, revision {}", explanation["revision"]));
    }
    for flow in items(&explanation["flows"]) {
        show_flow(&mut out, flow);
    }
    show_decision(&mut out, explanation);
    show_destination(&mut out, answer);
    out
}

fn show_flow(out: &mut String, flow: &Value) {
    let named = |name: &Value, id: &Value| format!("{} #{id}", plain(name));
    let campaign = named(&flow["campaign_name"], &flow["campaign"]);
    line(
        out,
        &format!("\ncampaign {campaign} → flow {}", named(&flow["flow_name"], &flow["flow"])),
    );
    for rule in items(&flow["rules"]) {
        let word = plain(&rule["reached"]).replace('_', " ");
        line(out, &format!("  rule {} {}: {word}", rule["id"], plain(&rule["name"])));
        if !rule["when"].is_null() {
            show_condition(out, &rule["when"], 4);
        }
    }
    for draw in items(&flow["draws"]) {
        show_draw(out, draw);
    }
}

fn show_condition(out: &mut String, condition: &Value, indent: usize) {
    let holds = match condition["holds"].as_bool() {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    let parts = items(&condition["parts"]);
    let seen = match (&condition["seen"], parts.is_empty()) {
        (_, false) => String::new(),
        (Value::Null, _) => "   saw nothing".to_owned(),
        (seen, _) => format!("   saw {}", plain(seen)),
    };
    let recorded = if condition["is_recorded"] == true { "   (as recorded)" } else { "" };
    let text = plain(&condition["text"]);
    line(out, &format!("{:indent$}{holds:<8}{text}{seen}{recorded}", ""));
    parts.iter().for_each(|part| show_condition(out, part, indent + 2));
}

fn show_draw(out: &mut String, draw: &Value) {
    let how = if draw["is_kept"] == true {
        "kept from an earlier visit".to_owned()
    } else {
        format!("drawn from the {}", plain(&draw["seed"]))
    };
    line(out, &format!("  {} {how}", plain(&draw["level"])));
    for alternative in items(&draw["alternatives"]) {
        let share = alternative["share"].as_f64().unwrap_or_default() * 100.0;
        let score = alternative["score"].as_f64();
        let score = score.map_or_else(|| "–".to_owned(), |score| format!("{score:.6}"));
        let name = alternative["name"].as_str().unwrap_or_default();
        let fortune = plain(&alternative["fortune"]).replace('_', " ");
        let id = format!("#{}", alternative["id"]);
        line(out, &format!("    {id:<6}{share:>6.2} %  score {score:>10}  {fortune:<10} {name}"));
    }
    if let Some(to) = draw["overflow"]["to"].as_u64() {
        let name = plain(&draw["overflow"]["name"]);
        line(out, &format!("    over its cap: passed on to {name} #{to}"));
    }
}

fn show_decision(out: &mut String, explanation: &Value) {
    let decision = &explanation["decision"];
    if decision.is_null() {
        line(out, &format!("\nnothing decided: {}", plain(&explanation["undecided"])));
        return;
    }
    let parts = ["rule", "path", "lander", "offer", "network", "status"]
        .into_iter()
        .filter(|name| !decision[*name].is_null())
        .map(|name| format!("{name} {}", plain(&decision[name])));
    let parts: Vec<_> = parts.collect();
    let (target, mode) = (plain(&decision["target"]), plain(&decision["mode"]));
    line(out, &format!("\ndecided: {target} by {mode} ({})", parts.join(", ")));
}

fn show_destination(out: &mut String, answer: &Value) {
    let destination = &answer["destination"];
    if destination.is_null() {
        return;
    }
    line(out, &format!("\n{}", plain(&destination["url"])));
    line(out, &format!("  from {}", plain(&destination["template"])));
    for token in items(&destination["tokens"]) {
        let origin = match (&token["origin"], token["param"].as_str()) {
            (_, Some(param)) => format!("parameter {param}"),
            (origin, None) => plain(origin).replace('_', " "),
        };
        let (name, value) = (plain(&token["token"]), plain(&token["value"]));
        line(out, &format!("  {{{name}}} = {value:?}   {origin}"));
    }
    for pair in items(&destination["passed"]) {
        line(out, &format!("  passed on {}", plain(pair)));
    }
    if let Some(param) = destination["click_id_appended_as"].as_str() {
        line(out, &format!("  click id appended as {param}"));
    }
    if answer["query_cut"] == true {
        line(out, "  the query was longer than what is kept: something passed on may be missing");
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
