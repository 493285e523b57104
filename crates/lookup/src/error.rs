//! What can go wrong when the tables are loaded; looking a visitor up never fails.

use std::path::PathBuf;

/// Why a table could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The embedded user-agent expressions do not parse: the build itself is at fault.
    #[error("cannot read the user-agent expressions in {file}: {reason}")]
    Patterns {
        /// Name of the embedded data file.
        file: &'static str,
        /// What the reader of that format said.
        reason: String,
    },
    /// A table file could not be opened or mapped.
    #[error("cannot open {path}; check the path and that the file is readable")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not a database of the MaxMind DB format, or is damaged.
    #[error("{path} is not a usable MaxMind DB file; fetch it again")]
    Database {
        /// The file.
        path: PathBuf,
        /// What the reader of the format said.
        #[source]
        source: maxminddb::MaxMindDbError,
    },
    /// A network table (CSV or compiled) does not have the form it must have.
    #[error("{path} is not a usable network table: {reason}")]
    NetworkTable {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line for a CSV file.
        reason: String,
    },
    /// A compiled place table is damaged or of another layout, or a file cannot be compiled into one.
    #[error("{path} is not a usable place table: {reason}")]
    PlaceTable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A compiled table could not be written.
    #[error("cannot write {path}; check the folder's permissions and free space")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}
