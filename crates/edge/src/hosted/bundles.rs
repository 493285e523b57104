//! The files of hosted landers on disk: each content under its digest, each set of files under that of its list. No name
//! that somebody uploaded ever names a file here.

use model::digest::Digest;
use model::thing::BundleId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The files of a bundle by path.
pub type Listing = BTreeMap<String, StoredFile>;

/// A file as a list names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Its content.
    pub sha256: Digest,
    /// How long it is.
    pub bytes: u64,
}

/// A folder of bundles. What stands there is only ever added to.
#[derive(Debug)]
pub struct Bundles {
    folder: PathBuf,
    /// The number of the next file that is written.
    next: AtomicU64,
}

impl Bundles {
    /// The bundles in `folder`, which is made when there is something to keep.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, next: AtomicU64::new(0) }
    }

    /// Keeps a content.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_file(&self, content: &[u8]) -> io::Result<StoredFile> {
        let sha256 = digest(content);
        self.write(&self.file_path(sha256), content)?;
        Ok(StoredFile { sha256, bytes: content.len() as u64 })
    }

    /// Keeps the list of files whose contents were kept before: the bundle is there for good when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_listing(&self, listing: &Listing) -> io::Result<BundleId> {
        let text = serde_json::to_vec(listing)?;
        let id = digest(&text);
        fs::create_dir_all(&self.folder)?;
        // The folder and the names of the contents last before the list names them.
        if let Some(parent) = self.folder.parent() {
            File::open(parent)?.sync_all()?;
        }
        File::open(&self.folder)?.sync_all()?;
        self.write(&self.listing_path(id), &text)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(id)
    }

    /// Whether there is such a bundle.
    pub fn has(&self, id: BundleId) -> bool {
        self.listing_path(id).exists()
    }

    /// The files of a bundle; `None` when there is no such bundle.
    ///
    /// # Errors
    /// When the list cannot be read, or is damaged.
    pub fn listing(&self, id: BundleId) -> io::Result<Option<Listing>> {
        match read(&self.listing_path(id), id) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A content.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub fn file(&self, sha256: Digest) -> io::Result<Vec<u8>> {
        read(&self.file_path(sha256), sha256)
    }

    fn listing_path(&self, id: BundleId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn file_path(&self, sha256: Digest) -> PathBuf {
        self.folder.join(sha256.to_string())
    }

    /// Writes beside and renames, so that a name stands for whole contents alone.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        // Looked at whole: to upload again is how damage is mended.
        if fs::read(path).is_ok_and(|found| found == content) {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let beside = self.folder.join(format!("unfinished-{number}"));
        let mut file = File::create(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    }
}

fn digest(content: &[u8]) -> Digest {
    Digest(Sha256::digest(content).into())
}

fn read(path: &Path, sha256: Digest) -> io::Result<Vec<u8>> {
    let content = fs::read(path)?;
    if digest(&content) == sha256 {
        return Ok(content);
    }
    let problem = "its content is not what its name says";
    Err(io::Error::new(io::ErrorKind::InvalidData, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_are_one_bundle_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let bundles = Bundles::new(folder.path().join("bundles"));
        let page = bundles.keep_file(b"<p>").unwrap();
        assert_eq!((page, page.bytes), (bundles.keep_file(b"<p>").unwrap(), 3));
        let listing = Listing::from([("index.html".to_owned(), page), ("b.html".to_owned(), page)]);
        let id = bundles.keep_listing(&listing).unwrap();
        assert_eq!(bundles.keep_listing(&listing).unwrap(), id);
        let again = Bundles::new(folder.path().join("bundles"));
        assert_eq!(again.listing(id).unwrap(), Some(listing));
        assert_eq!(again.file(page.sha256).unwrap(), b"<p>");
        assert_eq!(again.listing(page.sha256).unwrap(), None);
        let names = fs::read_dir(folder.path().join("bundles")).unwrap();
        assert_eq!(names.count(), 2, "one content and one list");
        fs::write(again.file_path(page.sha256), b"<b>").unwrap();
        assert!(again.file(page.sha256).unwrap_err().to_string().contains("name says"));
        again.keep_file(b"<p>").unwrap();
        assert_eq!(again.file(page.sha256).unwrap(), b"<p>");
    }
}
