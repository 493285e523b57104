//! Why a batch could not be carried over.

use model::codec::CodecError;

/// Ingest stops at the batch and tries it again; nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The journal cannot be read.
    #[error("cannot read the journal")]
    Read(#[from] journal::ReadError),
    /// The store refused or failed.
    #[error("cannot {operation}")]
    Store {
        /// What was being done.
        operation: &'static str,
        /// Why not.
        #[source]
        source: store::StoreError,
    },
    /// The journal holds a record of a newer program.
    #[error("journal record {sequence} was written by a newer version of the program")]
    Newer {
        /// Which record.
        sequence: u64,
        /// What is newer.
        #[source]
        source: CodecError,
    },
}

/// For `map_err`: `operation` failed.
pub(crate) fn store_error(operation: &'static str) -> impl Fn(store::StoreError) -> IngestError {
    move |source| IngestError::Store { operation, source }
}
