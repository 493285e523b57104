//! The data folder: held by one process at a time, with the address of whoever holds it.

use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The folder, held until dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

/// What `server.json` says about the process that holds the folder.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    address: SocketAddr,
}

/// The name of the folder that holds the files of hosted landers.
pub const BUNDLES_FOLDER: &str = "bundles";

/// The name of the file that holds the token of the first start.
const TOKEN_FILE: &str = "admin-token";

impl Folder {
    /// Makes the folder if need be and holds it; `None` when another process does.
    ///
    /// # Errors
    /// When the folder cannot be made or locked.
    pub fn hold(path: &Path) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot make the folder {}", path.display()))?;
        let file = path.join("lock");
        let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(&file);
        let lock = lock.with_context(|| format!("cannot open {}", file.display()))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { path: path.to_owned(), _lock: lock })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot lock {}", file.display())),
        }
    }

    /// Says where this process can be reached.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn announce(&self, address: SocketAddr) -> anyhow::Result<()> {
        write_private(&self.path.join("server.json"), &serde_json::to_string(&Holder { address })?)
    }

    /// Where something in the folder is.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Keeps the token of the first start for the commands of this machine.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_token(&self, token: &str) -> anyhow::Result<()> {
        write_private(&self.path.join(TOKEN_FILE), token)
    }
}

/// Whether an installation was ever set up in the folder.
pub fn is_set_up(data: &Path) -> bool {
    data.join("catalog.sqlite").exists()
}

/// The token of the first start, where it is kept.
pub fn kept_token(data: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data.join(TOKEN_FILE)).ok()?;
    Some(text.trim().to_owned())
}

/// The address of the server that holds the folder.
///
/// # Errors
/// When it does not say.
pub fn holder_address(data: &Path) -> anyhow::Result<SocketAddr> {
    let path = data.join("server.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let holder: Holder =
        serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(holder.address)
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let aside = path.with_extension("new");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&aside, path).with_context(|| format!("cannot write {}", path.display()))
}
