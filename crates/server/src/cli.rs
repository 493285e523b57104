//! The command line: what can be typed.

mod inbox;
mod lander;
mod rates;

pub use self::inbox::{InboxCommand, InboxFilter};
pub use self::lander::LanderCommand;
pub use self::rates::RatesCommand;

use crate::configuration::Syntax;
use crate::reconcile_command::ReconcileArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Self-hosted click tracker: decides where a click goes, writes it down, and knows what it earned.
#[derive(Debug, Parser)]
#[command(name = "clicktrail", version, max_term_width = 100)]
pub struct Cli {
    /// Settings file; clicktrail.toml in the current folder when absent
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder, instead of the one in the settings
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer clicks, postbacks and the API
    Serve,
    /// Fill an empty installation with campaigns and days of realistic traffic
    Demo(DemoArgs),
    /// Show figures by any fields
    Report(ReportArgs),
    /// Hold totals of a source or a network against ours, and take the gap apart by cause
    Reconcile(Box<ReconcileArgs>),
    /// Try a changed flow on past clicks: who would go elsewhere, and what that would earn
    Simulate(SimulateArgs),
    /// Show the whole life of one click
    Trail {
        /// The id as it stands in a URL
        click_id: String,
        /// How to print it
        #[arg(long, value_enum, default_value_t = TrailFormat::Text)]
        format: TrailFormat,
    },
    /// Say why a click went where it went, or where a made-up visitor would go
    Explain(ExplainArgs),
    /// Postbacks and pixel calls: what came, what became of it, and how to set it right
    #[command(subcommand)]
    Inbox(InboxCommand),
    /// Take in conversions or costs from a file
    #[command(subcommand)]
    Import(ImportCommand),
    /// Compute figures again from stored facts; reports show the old or the new ones, never a mix
    Recompute(RecomputeArgs),
    /// Write facts to stdout in an open format
    Export(ExportArgs),
    /// Landers whose files are served from here
    #[command(subcommand)]
    Lander(LanderCommand),
    /// What currencies are worth in each other
    #[command(subcommand)]
    Rates(RatesCommand),
    /// Verify the data folder: journal checksums, store against journal, catalog
    Check,
    /// API keys
    #[command(subcommand)]
    Token(TokenCommand),
    /// The configuration as one text file
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What traffic to make up.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many clicks
    #[arg(long, default_value_t = 100_000)]
    pub clicks: u64,
    /// Over how many days, up to now
    #[arg(long, default_value_t = 30)]
    pub days: u32,
    /// The same number makes the same traffic
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Leave out the ids that sources put into URLs
    #[arg(long)]
    pub without_ids: bool,
}

/// What to report.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Fields to group by, such as country,device
    #[arg(long, value_delimiter = ',')]
    pub by: Vec<String>,
    /// Metrics to show, such as clicks,cost,roi
    #[arg(long, value_delimiter = ',')]
    pub metrics: Vec<String>,
    /// today, yesterday, last_7_days, …, all, or FROM..TO
    #[arg(long, default_value = "today")]
    pub period: String,
    /// Time zone, such as Europe/Berlin; the workspace's when absent
    #[arg(long)]
    pub tz: Option<String>,
    /// Whether the time of the click or that of the event counts
    #[arg(long, default_value = "click", value_parser = ["click", "event"])]
    pub time: String,
    /// FIELD=VALUE, FIELD!=VALUE, or FIELD=A|B for one of several; may be given more than once
    #[arg(long)]
    pub filter: Vec<String>,
    /// Metric or field to sort by; `-` in front turns the order round
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    pub sort: Vec<String>,
    /// The most rows
    #[arg(long)]
    pub limit: Option<usize>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub format: ReportFormat,
}

/// What to try, and on which clicks.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Name or number of the flow that would be changed; what the file says when absent
    #[arg(long, requires = "file")]
    pub flow: Option<String>,
    /// The flow as it would be: JSON, as the API gives and takes it
    #[arg(long, required_unless_present = "changes")]
    pub file: Option<PathBuf>,
    /// Several things as they would be: JSON, the `changes` of POST /api/v1/simulate
    #[arg(long, conflicts_with = "file")]
    pub changes: Option<PathBuf>,
    /// Fields to slice by, such as country,device
    #[arg(long, value_delimiter = ',')]
    pub by: Vec<String>,
    /// today, yesterday, last_7_days, …, all, or FROM..TO
    #[arg(long, default_value = "last_30_days")]
    pub period: String,
    /// Time zone, such as Europe/Berlin; the workspace's when absent
    #[arg(long)]
    pub tz: Option<String>,
    /// FIELD=VALUE, FIELD!=VALUE, or FIELD=A|B for one of several; may be given more than once
    #[arg(long)]
    pub filter: Vec<String>,
    /// Count pending conversions as revenue too
    #[arg(long)]
    pub include_pending: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = TrailFormat::Text)]
    pub format: TrailFormat,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For reading
    Table,
    /// For spreadsheets
    Csv,
    /// For programs
    Json,
}

/// How a trail or a simulation is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TrailFormat {
    /// For reading
    Text,
    /// For programs
    Json,
}

/// What to explain: a click, or a visitor nobody ever saw.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The id as it stands in a URL
    pub click_id: Option<String>,
    /// The key of a campaign's link, for a made-up visitor
    #[arg(long, conflicts_with = "click_id")]
    pub campaign: Option<String>,
    /// The query of the link, such as zone=5&cost=0.02
    #[arg(long, default_value = "", requires = "campaign")]
    pub query: String,
    /// The visitor's address
    #[arg(long, requires = "campaign")]
    pub ip: Option<String>,
    /// The visitor's user agent
    #[arg(long, requires = "campaign")]
    pub user_agent: Option<String>,
    /// When, such as 2026-11-22T18:30:00Z; now when absent
    #[arg(long, requires = "campaign")]
    pub at: Option<String>,
    /// Another number, another draw
    #[arg(long, default_value_t = 0)]
    pub draw: u16,
    /// NAME=VALUE of a field, such as country=DE; may be given more than once
    #[arg(long, requires = "campaign")]
    pub field: Vec<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = TrailFormat::Text)]
    pub format: TrailFormat,
}

/// What to take in.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Conversions as CSV; its first line names the columns
    Conversions {
        /// The file
        file: PathBuf,
        /// Only say what each line would do
        #[arg(long)]
        preview: bool,
    },
    /// Cost entries as CSV; its first line names the columns
    Costs {
        /// The file
        file: PathBuf,
        /// Only say what each line would do
        #[arg(long)]
        preview: bool,
    },
}

/// What to compute again.
#[derive(Debug, Args)]
pub struct RecomputeArgs {
    /// Which figures
    #[arg(long, value_delimiter = ',', required = true, value_parser = ["costs", "bots", "fx"])]
    pub what: Vec<String>,
    /// Of which clicks: today, yesterday, last_7_days, …, all, or FROM..TO
    #[arg(long)]
    pub period: String,
    /// Time zone, such as Europe/Berlin; the workspace's when absent
    #[arg(long)]
    pub tz: Option<String>,
    /// Only this campaign's, by its number
    #[arg(long)]
    pub campaign: Option<u32>,
}

/// What to export.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Which facts
    #[arg(long, default_value = "events", value_parser = ["events"])]
    pub table: String,
    /// today, yesterday, last_7_days, …, all, or FROM..TO
    #[arg(long, default_value = "all")]
    pub period: String,
    /// Time zone of the period
    #[arg(long)]
    pub tz: Option<String>,
    /// The format
    #[arg(long, default_value = "csv", value_parser = ["csv"])]
    pub format: String,
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a key and print it; it is shown only now
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
    },
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print everything that is set up as one file
    Export {
        /// What it is written in
        #[arg(long, value_enum, default_value_t = Syntax::Toml)]
        format: Syntax,
    },
    /// Show who saved what and when, newest first
    Log {
        /// The most saves
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Say what applying a file would change
    Plan {
        /// The file
        file: PathBuf,
    },
    /// Change what is set up to what the file says, all of it or nothing
    Apply {
        /// The file
        file: PathBuf,
        /// Overwrite also what was saved after the file was exported
        #[arg(long)]
        force: bool,
    },
}
