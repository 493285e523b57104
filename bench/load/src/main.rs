//! Sends clicks to a tracker over loopback from one thread and says how it answered, in one line of JSON.
//!
//! `closed` finds the most a server can answer, `open` its latency at a given rate, `syncs` what the
//! disk costs, and `ledger` keeps the ids a client has seen, for the crash tests.

mod options;

mod closed;
mod ledger;
mod open;
mod syncs;

mod answer;
mod arrivals;
mod client;
mod histogram;
mod random;
mod summary;
mod traffic;

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::options::{Command, Options};

/// What can stop a run: never a single failed request, those are counted.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("could not read {path}")]
    ReadList { path: PathBuf, source: std::io::Error },
    #[error("{path} has no lines; give it one entry a line")]
    EmptyList { path: PathBuf },
    #[error("could not write {path}")]
    WriteFile { path: PathBuf, source: std::io::Error },
    #[error("could not wait for network events; is the limit of open files (ulimit -n) too low?")]
    Poll { source: std::io::Error },
    #[error("could not catch SIGTERM")]
    CatchSignal { source: std::io::Error },
    #[error("the server at {target} gave no answer for {seconds} s")]
    NoAnswer { target: std::net::SocketAddr, seconds: f64 },
    #[error("could not write the result to standard output")]
    Print { source: std::io::Error },
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|source| format!(": {source}"));
            let line = format!("load: {error}{}", cause.unwrap_or_default());
            // With standard error gone too there is nobody left to tell; the exit code remains.
            let _ = writeln!(std::io::stderr(), "{line}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), LoadError> {
    let result = match options.command {
        Command::Closed(options) => closed::run(&options)?,
        Command::Open(options) => open::run(&options)?,
        Command::Syncs(options) => syncs::run(&options)?,
        Command::Ledger(options) => ledger::run(&options)?,
    };
    writeln!(std::io::stdout(), "{result}").map_err(|source| LoadError::Print { source })
}
