//! Exit codes: 0 done, 1 failed, 2 wrong usage, 74 disk error, 78 data of a newer version.

use crate::config::ConfigError;
use crate::output;
use std::process::ExitCode;

/// Wrong usage (clap's own code).
const USAGE: u8 = 2;
/// Input or output failed (`EX_IOERR` of BSD's sysexits).
const DISK: u8 = 74;
/// The data belongs to a newer program (`EX_CONFIG` of BSD's sysexits); nothing was touched.
const NEWER: u8 = 78;

/// Prints what clap has to say: help and version are no failure.
pub fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is nobody's fault.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { USAGE } else { 0 })
}

/// Prints an error with its causes, and picks the code.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    output::error(&format!("{error:#}"));
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if cause.downcast_ref::<ConfigError>().is_some() {
            return USAGE;
        }
        if is_newer(cause) {
            return NEWER;
        }
        if cause
            .downcast_ref::<journal::OpenError>()
            .is_some_and(|e| matches!(e, journal::OpenError::Io { .. }))
            || cause.downcast_ref::<journal::CloseError>().is_some()
        {
            return DISK;
        }
    }
    1
}

fn is_newer(cause: &(dyn std::error::Error + 'static)) -> bool {
    let store = cause.downcast_ref::<store::StoreError>();
    let journal = cause.downcast_ref::<journal::OpenError>();
    let ingest = cause.downcast_ref::<ingest::IngestError>();
    store.is_some_and(|e| matches!(e, store::StoreError::NewerVersion { .. }))
        || journal.is_some_and(|e| matches!(e, journal::OpenError::Newer { .. }))
        || ingest.is_some_and(|e| matches!(e, ingest::IngestError::Newer { .. }))
}
