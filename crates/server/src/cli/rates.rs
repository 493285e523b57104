//! What can be typed after `rates`.

use super::TrailFormat;
use clap::Subcommand;

/// What to do with rates.
#[derive(Debug, Subcommand)]
pub enum RatesCommand {
    /// Show rates, the newest day first
    List {
        /// Only those with this currency on either side
        #[arg(long)]
        currency: Option<String>,
        /// Only those of this source
        #[arg(long, value_parser = ["ecb", "manual"])]
        source: Option<String>,
        /// Only from this day on
        #[arg(long)]
        from: Option<String>,
        /// Only up to this day, which is included
        #[arg(long)]
        to: Option<String>,
        /// The most rates
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// How to print them
        #[arg(long, value_enum, default_value_t = TrailFormat::Text)]
        format: TrailFormat,
    },
    /// Say what one unit of BASE costs in QUOTE, from a day on
    Set {
        /// What is paid for, such as EUR
        base: String,
        /// What is paid with, such as USD
        quote: String,
        /// How many units of QUOTE, such as 1.0823
        rate: String,
        /// The first day it holds, in UTC; today when absent
        #[arg(long)]
        day: Option<String>,
    },
    /// From a day on, leave a pair to the ECB's rates again
    End {
        /// What was paid for
        base: String,
        /// What was paid with
        quote: String,
        /// The first day without the manual rate, in UTC; today when absent
        #[arg(long)]
        day: Option<String>,
    },
    /// Take over the ECB's rates: the XML of eurofxref-daily, -hist-90d or -hist
    Import {
        /// A file, a URL, or - for standard input
        from: String,
    },
}
