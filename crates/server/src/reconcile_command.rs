//! `clicktrail reconcile`: totals of a source or a network held against ours, and the gap by cause.

use crate::cli::ReportFormat;
use crate::client::Client;
use crate::config::Config;
use crate::output;
use crate::report_command::{filter, width};
use anyhow::{Context, bail};
use clap::Args;
use report::{Reconciled, reconciled_to_csv, reconciled_to_table};
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What to compare with whom.
#[derive(Debug, Args)]
pub struct ReconcileArgs {
    /// Their totals as CSV; - for standard input
    pub file: PathBuf,
    /// Whose totals they are: source=NAME or network=NAME
    #[arg(long)]
    pub against: String,
    /// What lines are told apart by, such as day,ad_campaign_id
    #[arg(long, value_delimiter = ',', default_value = "day")]
    pub by: Vec<String>,
    /// COLUMN=FIELD: what a column holds whose name does not say so; COLUMN=- for nothing
    #[arg(long)]
    pub column: Vec<String>,
    /// Time zone of our days; the workspace's when absent
    #[arg(long, allow_hyphen_values = true)]
    pub tz: Option<String>,
    /// Time zone of their days, such as America/New_York or +03:00; ours when absent
    #[arg(long, allow_hyphen_values = true)]
    pub their_tz: Option<String>,
    /// Whether the time of the click or that of the event counts in our figures
    #[arg(long, default_value = "click", value_parser = ["click", "event"])]
    pub time: String,
    /// The same for theirs; click for a source, event for a network when absent
    #[arg(long, value_parser = ["click", "event"])]
    pub their_time: Option<String>,
    /// The first day, where lines have no day
    #[arg(long)]
    pub from: Option<String>,
    /// The day behind the last
    #[arg(long)]
    pub to: Option<String>,
    /// Of their amounts, where lines do not say
    #[arg(long)]
    pub currency: Option<String>,
    /// CODE=RATE: what one unit of a currency was worth to them in ours
    #[arg(long)]
    pub rate: Vec<String>,
    /// What separates fractions
    #[arg(long, value_parser = ["auto", "point", "comma"])]
    pub decimal_mark: Option<String>,
    /// How dates between slashes are written
    #[arg(long, value_parser = ["day_first", "month_first"])]
    pub dates: Option<String>,
    /// Causes that theirs hold though they usually would not, such as tests
    #[arg(long, value_delimiter = ',')]
    pub count: Vec<String>,
    /// Causes that theirs do not hold though they usually would, such as bots
    #[arg(long, value_delimiter = ',')]
    pub leave_out: Vec<String>,
    /// FIELD=VALUE, FIELD!=VALUE, or FIELD=A|B for one of several; may be given more than once
    #[arg(long)]
    pub filter: Vec<String>,
    /// In JSON: with questions that list the rows of each figure
    #[arg(long)]
    pub expand: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub format: ReportFormat,
}

/// Asks and prints.
///
/// # Errors
/// When the file cannot be read, something in it is wrong, or there is no answer.
pub fn run(config: Config, args: ReconcileArgs) -> anyhow::Result<()> {
    let format = args.format;
    let text = text(&args.file)?;
    let question = question(args, text)?;
    let client = Client::open(config)?;
    let answer = client.post("/reconcile", &question);
    client.close()?;
    let answer = answer?;
    let left_out = left_out(&answer);
    match format {
        ReportFormat::Json => output::line(&serde_json::to_string_pretty(&answer)?)?,
        ReportFormat::Csv => output::whole(&reconciled_to_csv(&read(answer)?))?,
        ReportFormat::Table => {
            output::whole(&(reconciled_to_table(&read(answer)?, width()) + &left_out))?;
        }
    }
    Ok(())
}

fn text(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn read(answer: Value) -> anyhow::Result<Reconciled> {
    serde_json::from_value(answer)
        .context("the server's answer is no comparison: is it of the same version?")
}

/// Columns and lines that were not compared.
fn left_out(answer: &Value) -> String {
    let list = |key: &str| {
        let items = answer[key].as_array().map_or(&[][..], Vec::as_slice).iter();
        let text = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
        items.map(text).collect::<Vec<_>>().join(", ")
    };
    let (columns, lines) = (list("unused_columns"), list("skipped_lines"));
    let part = |what: &str, which: String| {
        if which.is_empty() { String::new() } else { format!("\nNot compared: {what} {which}\n") }
    };
    part("columns", columns) + &part("lines (sums of others)", lines)
}

fn question(args: ReconcileArgs, text: String) -> anyhow::Result<Value> {
    let Some((party, name)) = args.against.split_once('=') else {
        bail!("--against {}: expected source=NAME or network=NAME", args.against);
    };
    if !["source", "network"].contains(&party) {
        bail!("--against {party}: expected source=NAME or network=NAME");
    }
    let pairs = |option: &str, texts: &[String]| {
        let pair = |text: &String| {
            let pair = text.rsplit_once('=').map(|(a, b)| (a.to_owned(), json!(b)));
            pair.with_context(|| format!("--{option} {text}: expected NAME=VALUE"))
        };
        texts.iter().map(pair).collect::<anyhow::Result<Map<String, Value>>>()
    };
    let filters: Vec<Value> =
        args.filter.iter().map(|text| filter(text)).collect::<anyhow::Result<_>>()?;
    let mut question = json!({
        "by": args.by, "csv": text, "time": args.time, "expand": args.expand, "filter": filters,
        "columns": pairs("column", &args.column)?, "rates": pairs("rate", &args.rate)?,
        "they_count": args.count, "they_leave_out": args.leave_out,
    });
    question[party] = json!(name);
    let optional = [
        ("tz", args.tz),
        ("their_tz", args.their_tz),
        ("their_time", args.their_time),
        ("from", args.from),
        ("to", args.to),
        ("currency", args.currency),
        ("decimal_mark", args.decimal_mark),
        ("dates", args.dates),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            question[name] = json!(value);
        }
    }
    Ok(question)
}
