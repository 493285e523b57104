//! `clicktrail export`: facts to stdout, in an open format.

use crate::cli::ExportArgs;
use crate::client::Client;
use crate::config::Config;
use model::params;
use std::io::{self, BufWriter, Write};

/// Streams the export to stdout.
///
/// # Errors
/// When the server refuses, or stdout cannot be written.
pub fn run(config: Config, args: &ExportArgs) -> anyhow::Result<()> {
    let mut path = format!("/{}/export?format={}", args.table, args.format);
    match args.period.split_once("..") {
        Some((from, to)) => {
            path += &format!("&from={}&to={}", params::encode(from), params::encode(to))
        }
        None => path += &format!("&period={}", params::encode(&args.period)),
    }
    if let Some(tz) = &args.tz {
        path += &format!("&tz={}", params::encode(tz));
    }
    let client = Client::open(config)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let result = client.download(&path, &mut out).and_then(|()| Ok(out.flush()?));
    client.close()?;
    result
}
