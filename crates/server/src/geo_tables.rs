//! Geo tables in compiled form, which a click looks up in a tenth of the time; made when they are missing or old.

use crate::config::Config;
use crate::folder::Folder;
use lookup::{GeoFiles, GeoHandle, LookupError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much lower than clicks (which have 0) the work runs: `nice(2)`.
const NICE: i32 = 10;

/// The files to start with. A network table in CSV is replaced by its compiled form at once: that takes less than reading
/// it.
pub fn at_start(config: &Config, folder: &Folder) -> GeoFiles {
    let mut files = config.geo.clone();
    if is_all(&files.asn, "csv") {
        let table = table(folder, "networks", &files.asn);
        if note(lookup::refresh_asn(&files.asn, &table)) {
            files.asn = vec![table];
        }
    }
    files
}

/// Compiles the places, which takes seconds the first time, and exchanges the tables under running clicks. The thread is
/// left alone: a table appears whole or not at all, whenever the process ends.
///
/// # Errors
/// When the thread cannot be started.
pub fn compile_places(
    geo: Arc<GeoHandle>,
    files: GeoFiles,
    folder: &Folder,
) -> std::io::Result<()> {
    if !is_all(&files.city, "mmdb") {
        return Ok(());
    }
    let table = table(folder, "places", &files.city);
    let work = move || {
        // Clicks come first. On Linux priorities belong to threads; where it is refused, it stays as it is.
        let _ = rustix::process::setpriority_process(None, NICE);
        if note(lookup::refresh_places(&files.city, &table)) {
            let compiled = GeoFiles { city: vec![table], ..files };
            note(geo.reload_from(compiled));
        }
        give_back_memory();
    };
    std::thread::Builder::new().name("geo-compile".to_owned()).spawn(work).map(drop)
}

/// Compiling takes some 200 MB. What it freed the allocator would keep until something else is freed, which at night may
/// be never.
#[allow(unsafe_code)]
fn give_back_memory() {
    unsafe extern "C" {
        /// The program's allocator: returns free pages to the system.
        fn mi_collect(force: bool);
    }
    // SAFETY: the function is that of mimalloc, which every allocation of this program goes through; it may be called by
    // any thread at any time and touches free memory only.
    unsafe { mi_collect(true) }
}

fn is_all(files: &[PathBuf], kind: &str) -> bool {
    !files.is_empty() && files.iter().all(|path| path.extension() == Some(kind.as_ref()))
}

/// Where the compiled form of these files lies. The name holds the checksum of their names, so that another list is
/// another table.
fn table(folder: &Folder, kind: &str, files: &[PathBuf]) -> PathBuf {
    let names = files.iter().map(PathBuf::as_path).map(Path::as_os_str);
    let names: Vec<u8> = names.flat_map(|name| name.as_encoded_bytes()).copied().collect();
    folder.join(&format!("{kind}-{:08x}.table", crc32c::crc32c(&names)))
}

/// Whether it went well; if not, the files serve as they are.
fn note<T>(done: Result<T, LookupError>) -> bool {
    if let Err(error) = &done {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "a geo table could not be compiled: it is used as it is"
        );
    }
    done.is_ok()
}
