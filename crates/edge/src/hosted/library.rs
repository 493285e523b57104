//! Bundles as they are served: read from disk once, and kept in memory within bounds.

use super::bundles::{Bundles, Listing};
use super::held::Held;
use crate::hosted_page::HostedPage;
use crate::packing::{Strength, packed};
use bytes::Bytes;
use model::digest::Digest;
use model::thing::BundleId;
use std::io;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What is kept of lists and pages, in bytes as they stand on the disk.
const PAGES_BYTES_MAX: usize = 16 << 20;

/// What is kept of other files, packed forms included.
const FILES_BYTES_MAX: usize = 64 << 20;

/// Files that are read at a time.
const READS_MAX: usize = 4;

/// What hosted landers consist of.
#[derive(Debug)]
pub(crate) struct Library {
    bundles: Arc<Bundles>,
    listings: Held<Digest, Listing>,
    pages: Held<Digest, HostedPage>,
    files: Held<Digest, Whole>,
    reads: Semaphore,
}

/// A file in memory.
#[derive(Debug)]
pub(crate) struct Whole {
    plain: Vec<u8>,
    /// Packed, where that is worth it.
    gzip: Option<Vec<u8>>,
}

impl Whole {
    /// Its bytes, packed or as they are. They keep the file in memory, once for all who read them.
    pub fn bytes(self: &Arc<Self>, is_packed: bool) -> Bytes {
        let whole = Arc::clone(self);
        if is_packed { Bytes::from_owner(Packed(whole)) } else { Bytes::from_owner(Plain(whole)) }
    }

    /// Whether there is a packed form.
    pub fn packs(&self) -> bool {
        self.gzip.is_some()
    }
}

struct Plain(Arc<Whole>);

impl AsRef<[u8]> for Plain {
    fn as_ref(&self) -> &[u8] {
        &self.0.plain
    }
}

struct Packed(Arc<Whole>);

impl AsRef<[u8]> for Packed {
    fn as_ref(&self) -> &[u8] {
        self.0.gzip.as_deref().unwrap_or_default()
    }
}

impl Library {
    pub fn new(bundles: Arc<Bundles>) -> Self {
        Self {
            bundles,
            listings: Held::new(PAGES_BYTES_MAX),
            pages: Held::new(PAGES_BYTES_MAX),
            files: Held::new(FILES_BYTES_MAX),
            reads: Semaphore::new(READS_MAX),
        }
    }

    /// The files of a bundle.
    pub async fn listing(&self, id: BundleId) -> Option<Arc<Listing>> {
        self.find(&self.listings, id, |bundles, id| {
            let listing = bundles.listing(id)?.ok_or(io::ErrorKind::NotFound)?;
            let bytes = listing.keys().map(|path| path.len() + 100).sum();
            Ok((listing, bytes))
        })
        .await
    }

    /// A page.
    pub async fn page(&self, sha256: Digest) -> Option<Arc<HostedPage>> {
        self.find(&self.pages, sha256, |bundles, sha256| {
            let text = String::from_utf8(bundles.file(sha256)?).map_err(io::Error::other)?;
            Ok((HostedPage::parse(&text), text.len()))
        })
        .await
    }

    /// A file.
    pub async fn file(&self, sha256: Digest, packs: bool) -> Option<Arc<Whole>> {
        self.find(&self.files, sha256, move |bundles, sha256| {
            let plain = bundles.file(sha256)?;
            let gzip = packs.then(|| packed(&plain, Strength::Best)).transpose()?;
            let gzip = gzip.filter(|gzip| gzip.len() < plain.len());
            let bytes = plain.len() + gzip.as_ref().map_or(0, Vec::len);
            Ok((Whole { plain, gzip }, bytes))
        })
        .await
    }

    /// From memory, or else from the disk by `read`, which says for how many bytes of memory it counts.
    async fn find<V: Send + Sync + 'static>(
        &self,
        held: &Held<Digest, V>,
        digest: Digest,
        read: impl FnOnce(&Bundles, Digest) -> io::Result<(V, usize)> + Send + 'static,
    ) -> Option<Arc<V>> {
        if let Some(value) = held.get(&digest) {
            return Some(value);
        }
        let _turn = self.reads.acquire().await.ok()?;
        // Whoever was in front may have read it.
        if let Some(value) = held.get(&digest) {
            return Some(value);
        }
        let bundles = Arc::clone(&self.bundles);
        let found = tokio::task::spawn_blocking(move || read(&bundles, digest)).await.ok()?;
        let found = found.inspect_err(|error| {
            tracing::error!(%error, %digest, "a file of a hosted lander cannot be read");
        });
        let (value, bytes) = found.ok()?;
        Some(held.put(digest, value, bytes))
    }
}
