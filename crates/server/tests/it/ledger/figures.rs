//! Every figure of every grouping, added up from the book's lines and asked of the server.

use super::book::{Book, Line};
use crate::harness::Server;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const METRICS: [&str; 14] = [
    "clicks",
    "bot_clicks",
    "test_clicks",
    "lander_views",
    "lander_clicks",
    "conversions",
    "conversions_pending",
    "conversions_approved",
    "conversions_rejected",
    "conversions_chargeback",
    "revenue",
    "revenue_pending",
    "revenue_rejected",
    "cost",
];

/// Each field alone, and some together.
pub const GROUPINGS: [&[&str]; 46] = [
    &[],
    &["campaign"],
    &["source"],
    &["flow"],
    &["lander"],
    &["offer"],
    &["network"],
    &["workspace"],
    &["placement"],
    &["creative_id"],
    &["sub1"],
    &["sub4"],
    &["external_id"],
    &["platform_id_kind"],
    &["click_id"],
    &["country"],
    &["ip"],
    &["device"],
    &["os"],
    &["browser"],
    &["language"],
    &["user_agent"],
    &["bot"],
    &["test"],
    &["kind"],
    &["method"],
    &["minute"],
    &["hour"],
    &["day"],
    &["month"],
    &["weekday"],
    &["hour_of_day"],
    &["seconds_to_conversion"],
    &["conversion_type"],
    &["conversion_status"],
    &["txid"],
    &["p1"],
    &["p4"],
    &["currency"],
    &["campaign", "conversion_status"],
    &["country", "device", "conversion_type"],
    &["offer", "hour"],
    &["network", "currency", "conversion_status"],
    &["campaign", "placement", "creative_id", "offer"],
    &["minute", "conversion_type", "conversion_status"],
    &["os", "browser", "country", "bot"],
];

pub type Figures = BTreeMap<Vec<String>, [i64; METRICS.len()]>;

/// What the server answers.
pub fn asked(server: &Server, by: &[&str], time: &str) -> Figures {
    let query = json!({ "by": by, "metrics": METRICS, "period": "all", "time": time, "tz": "UTC" });
    let answer = server.post("/reports/export?format=json", &query);
    assert_eq!(answer.status, 200, "{by:?}: {answer:?}");
    let mut all = Figures::new();
    for row in answer.json()["rows"].as_array().unwrap() {
        let key = by.iter().map(|field| plain(&row[*field])).collect();
        let figures = METRICS.map(|metric| match &row[metric] {
            Value::String(money) => micro(money),
            count => count.as_i64().unwrap(),
        });
        assert!(all.insert(key, figures).is_none(), "{by:?}: two rows of {row}");
    }
    all.retain(|_, figures| figures.iter().any(|figure| *figure != 0));
    all
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Micro-units of a decimal.
fn micro(text: &str) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let fraction: i64 = format!("{fraction:0<6}").parse().unwrap();
    whole.parse::<i64>().unwrap() * 1_000_000 + sign * fraction
}

/// What the book says.
pub fn expected(book: &Book<'_>, by: &[&str], time: &str) -> Figures {
    let mut all = Figures::new();
    for line in &book.lines {
        let key = by.iter().map(|field| value(book, line, field, time)).collect();
        let sums = all.entry(key).or_insert([0; METRICS.len()]);
        for (name, figure) in &line.figures {
            sums[METRICS.iter().position(|metric| metric == name).unwrap()] += figure;
        }
    }
    all.retain(|_, figures| figures.iter().any(|figure| *figure != 0));
    all
}

/// What a line has in a field, as a report shows it.
fn value(book: &Book<'_>, line: &Line, field: &str, time: &str) -> String {
    let (visit, campaign) = (book.visit(line.visit), book.campaign(line.visit));
    let landed = &book.landed[&line.visit];
    let numbered = |prefix: &str, number: Option<usize>| {
        number.map(|number| format!("{prefix}{number}")).unwrap_or_default()
    };
    let thing = |id: Option<u64>| id.map(|id| id.to_string()).unwrap_or_default();
    let conversion = line.conversion.as_deref();
    let of_agent = |values: [&str; 4]| values[visit.agent].to_owned();
    match field {
        "campaign" => campaign.id.to_string(),
        "source" => thing(campaign.source),
        "flow" => campaign.flow.to_string(),
        "lander" => thing(campaign.lander),
        "offer" => line.offer.to_string(),
        "network" => line.network.to_string(),
        "workspace" => "1".to_owned(),
        "placement" => numbered("p", visit.placement),
        "creative_id" => numbered("c", visit.creative),
        "sub1" => numbered("s", visit.sub1),
        "sub4" => line.visit.to_string(),
        "external_id" => numbered("ext", visit.external),
        "platform_id_kind" => visit.gclid.map_or("", |_| "gclid").to_owned(),
        "click_id" => landed.id.clone(),
        "country" => ["GB", "US", "SE", ""][visit.address].to_owned(),
        "ip" => super::send::ADDRESSES[visit.address].to_owned(),
        "device" => of_agent(["desktop", "phone", "desktop", "other"]),
        "os" => of_agent(["Windows", "iOS", "Linux", ""]),
        "browser" => of_agent(["Chrome", "Safari", "Firefox", "Googlebot"]),
        "language" => "en".to_owned(),
        "user_agent" => super::send::AGENTS[visit.agent].to_owned(),
        "bot" => (visit.agent == 3).to_string(),
        "test" => visit.is_test.to_string(),
        "kind" => "redirect".to_owned(),
        "method" => "GET".to_owned(),
        "conversion_type" => conversion.map(|c| c.kind.clone()).unwrap_or_default(),
        "conversion_status" => conversion.map(|c| c.status.to_owned()).unwrap_or_default(),
        "txid" => conversion.and_then(|c| c.txid.clone()).unwrap_or_default(),
        "p1" => numbered("x", conversion.and_then(|c| c.p1)),
        "p4" => conversion.map(|c| c.op.to_string()).unwrap_or_default(),
        "currency" => conversion.map(|c| c.currency.to_owned()).unwrap_or_default(),
        "seconds_to_conversion" => conversion
            .map(|_| (line.event_ms - landed.at_ms).div_euclid(1000).to_string())
            .unwrap_or_default(),
        _ => moment(if time == "click" { landed.at_ms } else { line.event_ms }, field),
    }
}

fn moment(ms: i64, field: &str) -> String {
    let moment = jiff::Timestamp::from_millisecond(ms).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    match field {
        "minute" => moment.strftime("%Y-%m-%dT%H:%M+00:00").to_string(),
        "hour" => moment.strftime("%Y-%m-%dT%H:00+00:00").to_string(),
        "day" => moment.strftime("%Y-%m-%d").to_string(),
        "month" => moment.strftime("%Y-%m").to_string(),
        "weekday" => moment.weekday().to_monday_one_offset().to_string(),
        "hour_of_day" => moment.hour().to_string(),
        other => panic!("{other} is not compared"),
    }
}
