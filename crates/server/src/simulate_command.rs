//! `clicktrail simulate`: a changed flow tried on past clicks, for reading or as JSON.

use crate::cli::{SimulateArgs, TrailFormat};
use crate::client::Client;
use crate::config::Config;
use crate::output;
use crate::report_command::{filter, period};
use anyhow::Context;
use model::params;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Slices that are printed; JSON has all of them.
const SLICES_SHOWN: usize = 30;

/// Asks and prints.
///
/// # Errors
/// When a file or the question is wrong, or there is no answer.
pub fn run(config: Config, args: SimulateArgs) -> anyhow::Result<()> {
    let format = args.format;
    let (change, question) = question(args)?;
    let client = Client::open(config)?;
    let answer = ask(&client, change, question);
    client.close()?;
    let answer = answer?;
    match format {
        TrailFormat::Json => output::line(&serde_json::to_string_pretty(&answer)?)?,
        TrailFormat::Text => output::whole(&text(&answer))?,
    }
    Ok(())
}

/// A flow as it would be, and which it is.
struct ChangedFlow {
    /// A number or a name.
    flow: String,
    body: Value,
}

fn ask(client: &Client, change: Option<ChangedFlow>, mut question: Value) -> anyhow::Result<Value> {
    if let Some(ChangedFlow { flow, body }) = change {
        let id = number_of(client, &flow)?;
        question["changes"] = json!([{ "kind": "flow", "id": id, "body": body }]);
    }
    client.post("/simulate", &question)
}

/// The number of the flow that is called `flow`, by number or name.
fn number_of(client: &Client, flow: &str) -> anyhow::Result<u64> {
    if let Ok(id) = flow.parse::<u32>() {
        client.get(&format!("/flows/{id}"))?;
        return Ok(id.into());
    }
    let answer = client.get(&format!("/flows?limit=1000&q={}", params::encode(flow)))?;
    let named = |thing: &&Value| thing["name"].as_str() == Some(flow);
    let found = list(&answer["items"]).iter().find(named);
    found.and_then(|thing| thing["id"].as_u64()).with_context(|| {
        format!("no flow has the name `{flow}`: GET /api/v1/flows lists them, with their numbers")
    })
}

/// The flow in `file`: which one it is, is said, or stands in it as the API gave it.
fn changed_flow(flow: Option<String>, file: &Path) -> anyhow::Result<ChangedFlow> {
    let body = read(file)?;
    let own = || match (&body["id"], &body["name"]) {
        (Value::Number(id), _) => Some(id.to_string()),
        (_, Value::String(name)) => Some(name.clone()),
        _ => None,
    };
    let flow = flow.or_else(own).with_context(|| {
        format!("{} does not say which flow it is: add --flow NAME", file.display())
    })?;
    Ok(ChangedFlow { flow, body })
}

/// What is asked; without the change of a flow, whose number the server knows.
fn question(args: SimulateArgs) -> anyhow::Result<(Option<ChangedFlow>, Value)> {
    let change = args.file.as_deref().map(|file| changed_flow(args.flow, file)).transpose()?;
    let changes = args.changes.as_deref().map_or_else(|| Ok(json!([])), read)?;
    let filters: Vec<Value> =
        args.filter.iter().map(|text| filter(text)).collect::<anyhow::Result<_>>()?;
    let question = json!({
        "changes": changes,
        "period": period(&args.period),
        "tz": args.tz,
        "filter": filters,
        "by": args.by,
        "include_pending": args.include_pending,
    });
    Ok((change, question))
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
}

/// What would move, what that would earn, and what nobody can tell.
fn text(answer: &Value) -> String {
    let mut out = String::new();
    let period = &answer["period"];
    let clicks = answer["clicks"].as_u64().unwrap_or_default();
    line(&mut out, &format!("{} to {}", plain(&period["from"]), plain(&period["to"])));
    line(&mut out, &format!("{clicks} clicks, {} would go elsewhere", plain(&answer["elsewhere"])));
    let share = answer["read_share"].as_f64().unwrap_or(1.0);
    if share < 1.0 {
        let all = plain(&answer["clicks_in_period"]);
        line(
            &mut out,
            &format!("a sample: {:.1} % of the period, which has {all} clicks", share * 100.0),
        );
    }
    for (field, why) in [
        ("input_lost", "a rule asks for something that was not kept of them"),
        ("revision_missing", "the configuration that routed them is not at hand"),
        ("differs", "their own configuration routes them differently now: please report this"),
    ] {
        let count = answer["unknown"][field].as_u64().unwrap_or_default();
        if count > 0 {
            line(&mut out, &format!("{count} clicks unknown: {why}"));
        }
    }
    moves(&mut out, answer);
    estimate(&mut out, answer);
    slices(&mut out, answer);
    out
}

fn moves(out: &mut String, answer: &Value) {
    let moves = list(&answer["moves"]);
    if !moves.is_empty() {
        line(out, "\nmoves");
    }
    for way in moves {
        let clicks = plain(&way["clicks"]);
        line(out, &format!("  {clicks:>9}  {} → {}", place(&way["from"]), place(&way["to"])));
    }
}

fn estimate(out: &mut String, answer: &Value) {
    let (estimate, currency) = (&answer["estimate"], plain(&answer["currency"]));
    let figure = |name: &str| plain(&estimate[name]);
    line(out, &format!("\nprofit ({currency})"));
    line(out, &format!("  as it was       {}", figure("profit_was")));
    let without = &estimate["without_support"];
    if without["clicks"].as_u64().unwrap_or_default() > 0 {
        let share = without["share"].as_f64().unwrap_or_default() * 100.0;
        let (clicks, expected) = (plain(&without["clicks"]), number(&without["expected"]));
        line(
            out,
            &format!(
                "  no estimate for {expected} of {clicks} clicks ({share:.1} % of all), which never saw:"
            ),
        );
        for unseen in list(&without["places"]) {
            line(out, &format!("    {}: {}", place(&unseen["place"]), number(&unseen["expected"])));
        }
        let (covered, was) = (number(&estimate["covered_clicks"]), figure("covered_profit_was"));
        line(out, &format!("  the others      {was}, {covered} clicks"));
    }
    if estimate["difference"].is_null() {
        line(out, &format!("  no estimate: {}", figure("no_estimate")));
        return;
    }
    line(out, &format!("  with the change {}", figure("covered_profit")));
    line(out, &format!("  difference      {}", span(&estimate["difference"])));
    let [was, with] = ["covered_profit_was_per_click", "covered_profit_per_click"].map(figure);
    let each = span(&estimate["difference_per_click"]);
    line(out, &format!("  for each click  {was}, with the change {with}, difference {each}"));
    let effective = estimate["effective_clicks"].as_f64().unwrap_or_default();
    let (changed, effective) = (figure("changed_clicks"), format!("{effective:.0}"));
    line(
        out,
        &format!("  from {changed} clicks whose chances change, worth {effective} of equal weight"),
    );
}

fn slices(out: &mut String, answer: &Value) {
    let slices = list(&answer["slices"]);
    if slices.is_empty() {
        return;
    }
    line(out, "\n   clicks  elsewhere  unsupported  difference of profit");
    for slice in slices.iter().take(SLICES_SHOWN) {
        let estimate = &slice["estimate"];
        let difference = match &estimate["difference"] {
            Value::Null => format!("no estimate: {}", plain(&estimate["no_estimate"])),
            difference => span(difference),
        };
        let [clicks, elsewhere] = ["clicks", "elsewhere"].map(|name| plain(&slice[name]));
        let unsupported = number(&estimate["without_support"]["expected"]);
        line(
            out,
            &format!(
                "{clicks:>9} {elsewhere:>10} {unsupported:>12}  {difference}  {}",
                key(&slice["key"])
            ),
        );
    }
    if slices.len() > SLICES_SHOWN {
        line(out, &format!("  and {} more", slices.len() - SLICES_SHOWN));
    }
}

fn key(key: &Value) -> String {
    let fields = key.as_object().into_iter().flatten();
    let fields = fields.filter(|(name, _)| !name.ends_with("_name"));
    let shown = |(name, value): (&String, &Value)| {
        let known = &key[format!("{name}_name")];
        format!("{name}={}", plain(if known.is_string() { known } else { value }))
    };
    fields.map(shown).collect::<Vec<_>>().join(" ")
}

fn span(span: &Value) -> String {
    let [expected, low, high] = ["expected", "low", "high"].map(|name| plain(&span[name]));
    format!("{expected} (95 %: {low} to {high})")
}

/// A place in words.
fn place(place: &Value) -> String {
    let thing = |kind: &str| {
        let id = plain(&place[kind]);
        let name = place[format!("{kind}_name")].as_str();
        name.map_or_else(|| format!("{kind} {id}"), |name| format!("{kind} {id} `{name}`"))
    };
    match place["target"].as_str().unwrap_or_default() {
        "lander" if place["offer"].is_null() => thing("lander"),
        "lander" => format!("{}, {}", thing("lander"), thing("offer")),
        "offer" => thing("offer"),
        "url" => plain(&place["url"]),
        "status" => format!("status {}", plain(&place["status"])),
        "closed" => format!("{}, which takes no clicks", thing("campaign")),
        _ => "nowhere".to_owned(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A number of clicks that may be a fraction.
fn number(value: &Value) -> String {
    let number = value.as_f64().unwrap_or_default();
    if number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.1}") }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        value => value.to_string(),
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_moves_what_it_earns_and_what_nobody_can_tell() {
        let offer = |id: u32| json!({"target": "offer", "offer": id, "offer_name": "Best"});
        let span = json!({"expected": "1.00", "low": "-2.00", "high": "4.00"});
        let estimate = json!({
            "profit_was": "5.00", "covered_clicks": 90.0, "covered_profit_was": "4.50",
            "covered_profit": "5.50", "difference": span, "difference_per_click": span,
            "changed_clicks": 40, "effective_clicks": 31.5, "no_estimate": null,
            "without_support": {"clicks": 20, "expected": 10.5, "share": 0.1,
                "places": [{"place": {"target": "status", "status": 404}, "expected": 10.0}]},
        });
        let unknown = json!({"input_lost": 3, "revision_missing": 0, "differs": 0});
        let slice = json!({"key": {"offer": 2, "offer_name": "Best"}, "clicks": 9, "elsewhere": 1,
            "estimate": {"difference": null, "no_estimate": "nothing is known", "without_support": {"expected": 0.0}}});
        let answer = json!({
            "clicks": 100, "elsewhere": 15, "unknown": unknown, "currency": "EUR", "read_share": 0.5,
            "clicks_in_period": 200, "period": {"from": "a", "to": "b"}, "estimate": estimate,
            "moves": [{"from": offer(1), "to": {"target": "nowhere"}, "clicks": 15}], "slices": [slice],
        });
        let text = text(&answer);
        for part in [
            "100 clicks, 15 would go elsewhere",
            "a sample: 50.0 % of the period, which has 200 clicks",
            "3 clicks unknown: a rule asks",
            "15  offer 1 `Best` → nowhere",
            "no estimate for 10.5 of 20 clicks (10.0 % of all)",
            "status 404: 10",
            "difference      1.00 (95 %: -2.00 to 4.00)",
            "no estimate: nothing is known  offer=Best",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
