//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(about = "Load generator for a click tracker on loopback; prints one line of JSON")]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Every connection asks again as soon as it is answered: finds the most the server can do.
    Closed(ClosedOptions),
    /// Clicks arrive at a rate, whatever the server does; latency counts from the intended arrival.
    Open(OpenOptions),
    /// Appends 4 KiB and waits for fdatasync, again and again: the cost of the disk.
    Syncs(SyncsOptions),
    /// Like `closed`, and writes down the id of every click answered, through crashes of the server.
    Ledger(LedgerOptions),
}

/// Where the requests go and what they look like.
#[derive(Args, Clone)]
pub struct TrafficOptions {
    /// Address of the server.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub target: SocketAddr,
    /// Path in front of the campaign key.
    #[arg(long, default_value = "/c/")]
    pub path: String,
    /// Landings that a page reports, in place of clicks on links: `POST /d/KEY`.
    #[arg(long)]
    pub landing: bool,
    /// Campaign keys, one a line; without it they are `bench-1` to `bench-N`.
    #[arg(long)]
    pub keys: Option<PathBuf>,
    /// Number of campaigns when no file of keys is given.
    #[arg(long, default_value_t = 500)]
    pub campaigns: usize,
    /// User agents, one a line, `weight<TAB>` in front or not; without it a few built-in ones.
    #[arg(long)]
    pub user_agents: Option<PathBuf>,
    /// How many different user agents to make of them.
    #[arg(long, default_value_t = 2_000)]
    pub user_agent_count: usize,
    /// The same seed gives the same requests.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// A new connection for every request instead of keep-alive.
    #[arg(long)]
    pub connection_per_request: bool,
}

#[derive(Args)]
pub struct ClosedOptions {
    #[command(flatten)]
    pub traffic: TrafficOptions,
    /// Requests under way at any time.
    #[arg(long, default_value_t = 256)]
    pub connections: usize,
    /// Seconds to run.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub duration_s: Duration,
    /// Seconds at the start that latencies leave out.
    #[arg(long, default_value = "0.5", value_parser = seconds)]
    pub warmup_s: Duration,
}

#[derive(Args)]
pub struct OpenOptions {
    #[command(flatten)]
    pub traffic: TrafficOptions,
    /// Clicks a second.
    #[arg(long)]
    pub rate: f64,
    /// When clicks arrive.
    #[arg(long, value_enum, default_value = "poisson")]
    pub arrivals: ArrivalKind,
    /// Most requests under way at any time; what arrives beyond waits, and its wait counts.
    #[arg(long, default_value_t = 4_096)]
    pub connections: usize,
    /// Seconds to run.
    #[arg(long, default_value = "10", value_parser = seconds)]
    pub duration_s: Duration,
    /// Seconds at the start that latencies leave out.
    #[arg(long, default_value = "1", value_parser = seconds)]
    pub warmup_s: Duration,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ArrivalKind {
    /// Independent visitors: exponential gaps.
    Poisson,
    /// Equal gaps.
    Uniform,
}

#[derive(Args)]
pub struct SyncsOptions {
    /// File to append to, on the disk in question; it is removed afterwards.
    #[arg(long)]
    pub path: PathBuf,
    /// Seconds to run.
    #[arg(long, default_value = "3", value_parser = seconds)]
    pub duration_s: Duration,
    /// Bytes in one append.
    #[arg(long, default_value_t = 4_096)]
    pub bytes: usize,
}

#[derive(Args)]
pub struct LedgerOptions {
    #[command(flatten)]
    pub traffic: TrafficOptions,
    /// File that the ids are appended to, one a line, each after its whole answer has arrived.
    #[arg(long)]
    pub file: PathBuf,
    /// Query parameter of the `Location` that holds the click id.
    #[arg(long, default_value = "clickid")]
    pub click_param: String,
    /// Requests under way at any time.
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// Seconds to run; SIGTERM ends the run earlier.
    #[arg(long, default_value = "3600", value_parser = seconds)]
    pub duration_s: Duration,
    /// Fails when the server has not answered for so many seconds.
    #[arg(long, default_value = "60", value_parser = seconds)]
    pub give_up_after_s: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("'{text}' is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn seconds_may_be_fractions_but_not_negative() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert!(seconds("-1").is_err());
        assert!(seconds("soon").is_err());
    }
}
