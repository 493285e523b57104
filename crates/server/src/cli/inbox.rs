//! What can be typed after `inbox`.

use super::TrailFormat;
use clap::{Args, Subcommand};

/// What to do with calls.
#[derive(Debug, Subcommand)]
pub enum InboxCommand {
    /// List calls, newest first
    List {
        /// Which ones
        #[command(flatten)]
        filter: InboxFilter,
        /// The most calls
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// How to print it
        #[arg(long, value_enum, default_value_t = TrailFormat::Text)]
        format: TrailFormat,
    },
    /// Show one call as it came, and everything that became of it
    Show {
        /// Its number
        number: u64,
        /// How to print it
        #[arg(long, value_enum, default_value_t = TrailFormat::Text)]
        format: TrailFormat,
    },
    /// Judge calls again with the settings of today: those named, or all that the filters select
    Replay {
        /// Numbers of calls
        numbers: Vec<u64>,
        /// Which ones
        #[command(flatten)]
        filter: InboxFilter,
        /// What for; kept with the call
        #[arg(long)]
        why: Option<String>,
    },
    /// Count a call for a click it does not name
    Attach {
        /// The number of the call
        number: u64,
        /// The id as it stands in a URL
        click_id: String,
        /// What for; kept with the call
        #[arg(long)]
        why: Option<String>,
    },
}

/// Which calls.
#[derive(Debug, Args)]
pub struct InboxFilter {
    /// recorded, updated, duplicate, held, refused or unattributed
    #[arg(long)]
    pub verdict: Option<String>,
    /// The code of a reason, such as status_unmapped
    #[arg(long)]
    pub reason: Option<String>,
    /// A part of the reason, the message, the URL or the body
    #[arg(long)]
    pub q: Option<String>,
    /// The click they name
    #[arg(long)]
    pub click_id: Option<String>,
}
