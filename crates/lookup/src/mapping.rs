//! Table files as memory: mapped, so that idle pages cost nothing and several processes share them.

use std::fs::File;
use std::path::Path;

use maxminddb::Mmap;

use crate::LookupError;

/// Maps a whole file for reading.
///
/// # Errors
/// [`LookupError::Open`] if it cannot be opened or mapped.
pub fn map(path: &Path) -> Result<Mmap, LookupError> {
    let open = |source| LookupError::Open { path: path.to_owned(), source };
    let file = File::open(path).map_err(open)?;
    // SAFETY: the bytes must not change while they are mapped. Table files are read-only data that
    // are replaced by rename (the set-up, `compile_asn`, `compile_places` and the documentation all do so), which
    // leaves the mapped inode as it is; nothing in the product writes into one in place.
    #[allow(unsafe_code)]
    let bytes = unsafe { Mmap::map(&file) }.map_err(open)?;
    Ok(bytes)
}
