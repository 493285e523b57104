//! What becomes of a store's sums: order, pages, totals, ratios, names and keys.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use model::metric::Metric;
use model::query::{Answer, AnswerRow, Cell, Query};
use model::thing::Kind;
use model::{ClickId, Currency};
use proptest::prelude::*;
use report::{Context, Figure, Names, Planned, Report, finish, plan, to_csv, to_table};

/// 2026-11-22T12:00:00Z.
const NOW_MS: i64 = 1_795_348_800_000;

struct Things;

impl Names for Things {
    fn thing(&self, kind: Kind, id: u32) -> Option<&str> {
        let names = ["zebra", "apple", "mango"];
        names.get(id as usize).filter(|_| kind == Kind::Campaign).copied()
    }

    fn click_id(&self, id: ClickId) -> String {
        format!("ct_{}_{}{}", id.key.0, id.campaign, if id.test { "_test" } else { "" })
    }
}

fn ask(json: &str) -> Planned {
    ask_for(serde_json::from_str(json).unwrap())
}

fn ask_for(query: Query) -> Planned {
    let context = Context {
        workspace: 1,
        workspace_tz: "Europe/Berlin".into(),
        currency: Currency::USD,
        now_ms: NOW_MS,
        first_event_ms: None,
        uncounted: Vec::new(),
        export: false,
    };
    plan(&query, &context).unwrap()
}

fn answer(rows: &[(Vec<Cell>, &[i64])]) -> Answer {
    let row = |(key, sums): &(Vec<Cell>, &[i64])| AnswerRow {
        key: key.clone(),
        sums: sums.iter().copied().map(i128::from).collect(),
        median_seconds: None,
    };
    Answer { rows: rows.iter().map(row).collect(), median_seconds: None }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.into())
}

/// The first column of the rows.
fn first(report: &Report) -> Vec<Cell> {
    report.rows.iter().map(|row| row.key[0].value.clone()).collect()
}

#[test]
fn rows_come_in_the_order_asked_for() {
    // Sums: clicks, then revenue and cost of the ROI.
    let rows = answer(&[
        (vec![text("a")], &[5, 0, 0]),
        (vec![text("b")], &[7, 30, 10]),
        (vec![text("c")], &[5, 10, 10]),
        (vec![Cell::Null], &[9, 10, 20]),
    ]);
    let (a, b, c, none) = (text("a"), text("b"), text("c"), Cell::Null);
    for (sort, expected) in [
        ("", [&none, &b, &a, &c]),
        (r#"{"metric":"clicks","dir":"asc"}"#, [&a, &c, &b, &none]),
        (r#"{"metric":"roi"}"#, [&b, &c, &none, &a]),
        (r#"{"metric":"roi","dir":"asc"}"#, [&none, &c, &b, &a]),
        (r#"{"field":"os"}"#, [&c, &b, &a, &none]),
        (r#"{"field":"os","dir":"asc"}"#, [&a, &b, &c, &none]),
        (r#"{"metric":"clicks","dir":"asc"},{"field":"os"}"#, [&c, &a, &b, &none]),
    ] {
        let planned =
            ask(&format!(r#"{{"by":["os"],"metrics":["clicks","roi"],"sort":[{sort}]}}"#));
        let report = finish(&planned, rows.clone(), &Things);
        assert_eq!(first(&report).iter().collect::<Vec<_>>(), expected, "{sort}");
    }
}

#[test]
fn times_ascend_unless_asked_otherwise() {
    let rows = answer(&[
        (vec![Cell::Int(20_780)], &[5]),
        (vec![Cell::Int(20_778)], &[7]),
        (vec![Cell::Int(20_779)], &[1]),
    ]);
    let days = |sort: &str| {
        let planned = ask(&format!(r#"{{"by":["day"],"metrics":["clicks"],"sort":[{sort}]}}"#));
        first(&finish(&planned, rows.clone(), &Things))
    };
    let day = |day: &str| text(&format!("2026-11-{day}"));
    assert_eq!(days(""), [day("21"), day("22"), day("23")]);
    assert_eq!(days(r#"{"metric":"clicks"}"#), [day("21"), day("23"), day("22")]);
}

#[test]
fn things_have_their_names_and_sort_by_them() {
    let planned = ask(
        r#"{"by":["campaign","domain"],"metrics":["clicks"],"sort":[{"field":"campaign","dir":"asc"}]}"#,
    );
    let row = |campaign: Cell| (vec![campaign, Cell::Int(1)], &[1][..]);
    let rows = answer(&[
        row(Cell::Int(0)),
        row(Cell::Null),
        row(Cell::Int(9)),
        row(Cell::Int(1)),
        row(Cell::Int(2)),
    ]);
    let report = finish(&planned, rows, &Things);
    let names: Vec<_> = report.rows.iter().map(|row| row.key[0].name.as_deref()).collect();
    assert_eq!(names, [Some("apple"), Some("mango"), Some("zebra"), None, None]);
    let unnamed: Vec<_> = first(&report).split_off(3);
    assert_eq!(unnamed, [Cell::Int(9), Cell::Null]);
    assert!(
        to_csv(&report)
            .starts_with("campaign,campaign_name,domain,domain_name,clicks\r\n1,apple,1,,1\r\n")
    );
}

#[test]
fn a_click_id_prints_from_its_parts() {
    let planned = ask(r#"{"by":["click_id"],"metrics":["clicks"]}"#);
    let key = vec![Cell::Int(77), Cell::Int(2), Cell::Bool(false), Cell::Bool(true)];
    let report = finish(&planned, answer(&[(key, &[1])]), &Things);
    assert_eq!(first(&report), [text("ct_77_2_test")]);
    assert_eq!(report.rows[0].key.len(), 1);
}

#[test]
fn a_report_says_what_it_covers() {
    let planned =
        ask(r#"{"by":["os"],"metrics":["clicks"],"period":"today","tz":"america/new_york"}"#);
    let report = finish(&planned, Answer::default(), &Things);
    assert_eq!(report.period.from, "2026-11-22T00:00:00-05:00");
    assert_eq!(report.period.to, "2026-11-23T00:00:00-05:00");
    assert_eq!(report.tz, "America/New_York");
    assert_eq!((report.rows.len(), report.row_count), (0, 0));
    assert_eq!(report.totals, [Some(0)]);
}

#[test]
fn without_fields_there_is_one_row_whatever_the_store_answers() {
    let planned = ask(r#"{"metrics":["clicks","cpc"]}"#);
    let whole = (vec![], &[4, 10][..]);
    for (rows, expected) in
        [(answer(&[]), vec![Some(0), None]), (answer(&[whole]), vec![Some(4), Some(2)])]
    {
        let report = finish(&planned, rows, &Things);
        assert_eq!(report.totals, expected);
        assert_eq!((report.rows.len(), report.row_count), (1, 1));
        assert_eq!(report.rows[0].figures, expected);
    }
}

#[test]
fn the_median_of_the_totals_is_that_of_the_facts() {
    let planned = ask(r#"{"by":["os"],"metrics":["seconds_to_conversion_p50"]}"#);
    let mut rows = answer(&[(vec![text("a")], &[]), (vec![text("b")], &[])]);
    rows.rows[0].median_seconds = Some(10);
    rows.median_seconds = Some(60);
    let report = finish(&planned, rows, &Things);
    assert_eq!(report.totals, [Some(60)]);
    let medians: Vec<_> = report.rows.iter().map(|row| row.figures[0]).collect();
    assert_eq!(medians, [Some(10), None]);
}

#[test]
fn sums_beyond_64_bits_are_still_right() {
    let planned = ask(r#"{"by":["os"],"metrics":["revenue","cpm"]}"#);
    let max = i64::MAX;
    let rows = answer(&[(vec![text("a")], &[max, max, 1]), (vec![text("b")], &[max, max, 0])]);
    let report = finish(&planned, rows, &Things);
    assert_eq!(report.totals, [Some(2 * i128::from(max)), Some(2000 * i128::from(max))]);
    let json = serde_json::to_string(&report).unwrap();
    assert!(json.contains(r#""totals":{"revenue":"18446744073709.551614""#), "{json}");
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

/// Counters first, in the order in which the plan then has them.
const COUNTERS: [&str; 8] = [
    "impressions",
    "clicks",
    "bot_clicks",
    "lander_clicks",
    "conversions",
    "conversions_approved",
    "cost",
    "revenue",
];

/// A ratio: name, parts above and below the line with their signs, and what one counts in the figure.
type Ratio = (&'static str, &'static [(i128, usize)], &'static [(i128, usize)], i128);

const RATIOS: [Ratio; 10] = [
    ("roi", &[(1, 7), (-1, 6)], &[(1, 6)], 1_000_000),
    ("roas", &[(1, 7)], &[(1, 6)], 1_000_000),
    ("margin", &[(1, 7), (-1, 6)], &[(1, 7)], 1_000_000),
    ("ctr", &[(1, 1)], &[(1, 0)], 1_000_000),
    ("cr", &[(1, 4)], &[(1, 1)], 1_000_000),
    ("bot_rate", &[(1, 2)], &[(1, 1), (1, 2)], 1_000_000),
    ("epc", &[(1, 7)], &[(1, 1)], 1),
    ("cpm", &[(1, 6)], &[(1, 0)], 1000),
    ("cpa", &[(1, 6)], &[(1, 4)], 1),
    ("aov", &[(1, 7)], &[(1, 5)], 1),
];

fn all_metrics() -> Vec<Metric> {
    let names = COUNTERS.into_iter().chain(RATIOS.map(|(name, ..)| name)).chain(["profit"]);
    names.map(|name| name.parse().unwrap()).collect()
}

fn query(by: &str, extra: &str) -> Query {
    let text = format!(r#"{{"by":[{by}]{extra}}}"#);
    Query { metrics: all_metrics(), ..serde_json::from_str(&text).unwrap() }
}

/// Whether `figure` is the quotient, rounded half-even.
fn is_rounded(figure: Figure, over: i128, under: i128) -> bool {
    let Some(figure) = figure else { return under == 0 };
    let distance = 2 * (figure * under - over).abs();
    under != 0 && (distance < under.abs() || (distance == under.abs() && figure.rem_euclid(2) == 0))
}

fn check_figures(figures: &[Figure]) {
    let part = |terms: &[(i128, usize)]| -> i128 {
        terms.iter().map(|(sign, at)| sign * figures[*at].unwrap()).sum()
    };
    for (at, (name, over, under, factor)) in RATIOS.into_iter().enumerate() {
        let figure = figures[COUNTERS.len() + at];
        assert!(is_rounded(figure, factor * part(over), part(under)), "{name} is {figure:?}");
    }
    assert_eq!(figures.last(), Some(&Some(part(&[(1, 7), (-1, 6)]))), "profit");
}

/// Groups by country and device, each once.
fn groups() -> impl Strategy<Value = Answer> {
    let count = prop_oneof![4 => -3i64..1000, 1 => any::<i32>().prop_map(i64::from)];
    let money = prop_oneof![4 => -3i64..1000, 1 => any::<i64>()];
    let sums = (prop::collection::vec(count, 6), prop::collection::vec(money, 2))
        .prop_map(|(counts, money)| counts.into_iter().chain(money).map(i128::from).collect());
    prop::collection::btree_map((0u8..6, 0u8..5), sums, 0..30).prop_map(|groups| {
        let cell = |number: u8| if number == 0 { Cell::Null } else { text(&number.to_string()) };
        let rows = groups.into_iter().map(|((country, device), sums)| AnswerRow {
            key: vec![cell(country), cell(device)],
            sums,
            median_seconds: None,
        });
        Answer { rows: rows.collect(), median_seconds: None }
    })
}

/// The same facts grouped by country alone.
fn by_country(answer: &Answer) -> Option<Answer> {
    let mut rows: Vec<AnswerRow> = Vec::new();
    for row in &answer.rows {
        match rows.iter_mut().find(|parent| parent.key[0] == row.key[0]) {
            Some(parent) => {
                for (total, sum) in parent.sums.iter_mut().zip(&row.sums) {
                    *total = total.checked_add(*sum)?;
                }
            }
            None => rows.push(AnswerRow { key: row.key[..1].to_vec(), ..row.clone() }),
        }
    }
    Some(Answer { rows, median_seconds: None })
}

fn counters_of(figures: &[Figure]) -> Vec<i128> {
    figures[..COUNTERS.len()].iter().map(|figure| figure.unwrap()).collect()
}

fn add(rows: &[report::ReportRow]) -> Vec<i128> {
    rows.iter().fold(vec![0; COUNTERS.len()], |sums, row| {
        sums.iter().zip(counters_of(&row.figures)).map(|(a, b)| a + b).collect()
    })
}

proptest! {
    #[test]
    fn children_add_up_to_their_parents_and_to_the_totals(answer in groups()) {
        let children = finish(&ask_for(query(r#""country","device""#, "")), answer.clone(), &Things);
        prop_assert_eq!(add(&children.rows), counters_of(&children.totals));
        let Some(parents) = by_country(&answer) else { return Ok(()) };
        let parents = finish(&ask_for(query(r#""country""#, "")), parents, &Things);
        prop_assert_eq!(&parents.totals, &children.totals);
        for parent in &parents.rows {
            let own: Vec<_> =
                children.rows.iter().filter(|row| row.key[0] == parent.key[0]).cloned().collect();
            prop_assert_eq!(add(&own), counters_of(&parent.figures));
        }
    }

    #[test]
    fn every_ratio_comes_from_the_sums_beside_it(answer in groups()) {
        let report = finish(&ask_for(query(r#""country","device""#, "")), answer, &Things);
        for row in &report.rows {
            check_figures(&row.figures);
        }
        check_figures(&report.totals);
    }

    #[test]
    fn pages_cover_every_row_once_in_one_order(
        answer in groups(),
        limit in 1usize..12,
        seed in any::<u64>(),
        sort in prop::sample::select(vec![
            "", r#"{"metric":"roi"}"#, r#"{"metric":"clicks","dir":"asc"}"#, r#"{"field":"device"}"#,
            r#"{"metric":"cpa","dir":"asc"},{"field":"country"}"#,
        ]),
    ) {
        let by = r#""country","device""#;
        let whole = finish(&ask_for(query(by, &format!(r#","sort":[{sort}]"#))), answer.clone(), &Things);
        let mut paged = Vec::new();
        for page in 0..=answer.rows.len() / limit {
            // A store answers in no order: turn the rows for every page.
            let mut shuffled = answer.clone();
            let turn = if shuffled.rows.is_empty() { 0 } else { (seed as usize + page) % shuffled.rows.len() };
            shuffled.rows.rotate_left(turn);
            let extra = format!(r#","sort":[{sort}],"limit":{limit},"offset":{}"#, page * limit);
            let report = finish(&ask_for(query(by, &extra)), shuffled, &Things);
            prop_assert!(report.rows.len() <= limit);
            prop_assert_eq!(&report.totals, &whole.totals);
            prop_assert_eq!(report.row_count, answer.rows.len());
            paged.extend(report.rows);
        }
        prop_assert_eq!(paged, whole.rows);
    }

    #[test]
    fn every_report_prints_and_its_json_reads_back(answer in groups(), width in 0usize..200) {
        let report = finish(&ask_for(query(r#""country","device""#, "")), answer, &Things);
        let csv_lines = to_csv(&report).lines().count();
        prop_assert_eq!(csv_lines, report.rows.len() + 1);
        prop_assert!(to_table(&report, Some(width)).contains("Total"));
        let read: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        prop_assert_eq!(&read.rows.len(), &report.rows.len());
        prop_assert_eq!(counters_of(&read.totals), counters_of(&report.totals));
    }
}
