//! The program: reads the command line, does the one thing asked for, and exits with a code that says how it went.

mod api;
mod app;
mod bridge;
mod check;
mod cli;
mod client;
mod config;
mod config_file;
mod configuration;
mod csv_rows;
mod demo;
mod example;
mod exit;
mod explain;
mod export;
mod first_start;
mod folder;
mod geo_tables;
mod hosted;
mod import_conversions;
mod import_costs;
mod inbox_command;
mod keys;
mod lander_command;
mod orders;
mod output;
mod rates_command;
mod rates_feed;
mod recompute;
mod recompute_command;
mod reconcile_command;
mod report_command;
mod serve;
mod simulate_command;
mod simulation;
mod start;
mod tables;
mod telemetry;
mod tls;
mod token;
mod trail;

use clap::Parser;
use cli::{Cli, Command, ConfigCommand, ImportCommand, TokenCommand};
use config::Config;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    // A command's output is its result; only the server tells what it does.
    telemetry::start_logs(if matches!(cli.command, Command::Serve) { "info" } else { "warn" });
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::failed(&error),
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let mut config = Config::load(cli.config.as_deref(), std::env::vars())?;
    if let Some(data) = cli.data {
        config.data = data;
    }
    match cli.command {
        Command::Serve => serve::run(config),
        Command::Demo(args) => demo::run(config, &args),
        Command::Report(args) => report_command::run(config, args),
        Command::Reconcile(args) => reconcile_command::run(config, *args),
        Command::Simulate(args) => simulate_command::run(config, args),
        Command::Trail { click_id, format } => trail::run(config, &click_id, format),
        Command::Explain(args) => explain::run(config, &args),
        Command::Import(ImportCommand::Costs { file, preview }) => {
            import_costs::run(config, &file, preview)
        }
        Command::Recompute(args) => recompute_command::run(config, &args),
        Command::Inbox(command) => inbox_command::run(config, command),
        Command::Import(ImportCommand::Conversions { file, preview }) => {
            import_conversions::run(config, &file, preview)
        }
        Command::Export(args) => export::run(config, &args),
        Command::Lander(command) => lander_command::run(config, command),
        Command::Rates(command) => rates_command::run(config, command),
        Command::Check => check::run(&config),
        Command::Token(TokenCommand::Create { name }) => token::create(config, &name),
        Command::Config(ConfigCommand::Export { format }) => config_file::export(config, format),
        Command::Config(ConfigCommand::Log { limit }) => config_file::log(config, limit),
        Command::Config(ConfigCommand::Plan { file }) => config_file::plan(config, &file),
        Command::Config(ConfigCommand::Apply { file, force }) => {
            config_file::apply(config, &file, force)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
