//! Certificate and key from files, and again when they change.

mod end;

use self::end::{CertificateEnd, Notice};
use crate::app::now_ms;
use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ProducesTickets;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often the files are looked at: renewed certificates are valid long before the old ones end.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The files of `tls.cert` and `tls.key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates in PEM: the server's own first, then those that lead to the root.
    pub cert: PathBuf,
    /// The private key of the first, in PEM.
    pub key: PathBuf,
}

/// Tells two states of a file apart: size, time of change, which file.
type Look = [Option<(u64, i64, i64, u64)>; 2];

/// What connections are encrypted with.
pub struct Certificates {
    files: TlsFiles,
    tickets: Arc<dyn ProducesTickets>,
    /// What edge takes for each handshake.
    pub current: edge::Tls,
    seen: Look,
    end: CertificateEnd,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read, holds nothing of use, or does not belong to the other.
    pub fn open(files: TlsFiles) -> anyhow::Result<Self> {
        let seen = look(&files);
        // The same tickets over all certificates: a renewal makes nobody shake hands in full again.
        let tickets = rustls::crypto::ring::Ticketer::new().context("cannot make ticket keys")?;
        let (config, end) = read(&files, &tickets)?;
        let current = Arc::new(ArcSwap::from(config));
        Ok(Self { files, tickets, current, seen, end })
    }

    /// Reads the files again if they are not as they were; whether they were. What cannot be used changes nothing.
    ///
    /// # Errors
    /// As [`Certificates::open`], once for each change.
    pub fn renew(&mut self) -> anyhow::Result<bool> {
        let now = look(&self.files);
        if now == self.seen {
            return Ok(false);
        }
        self.seen = now;
        let (config, end) = read(&self.files, &self.tickets)?;
        self.current.store(config);
        self.end = end;
        Ok(true)
    }

    /// Renews on SIGHUP, and when the files change, until it is aborted.
    ///
    /// # Errors
    /// When the signal cannot be listened to.
    pub fn watch(mut self) -> anyhow::Result<tokio::task::JoinHandle<()>> {
        let mut asked = signal(SignalKind::hangup())?;
        Ok(tokio::spawn(async move {
            loop {
                self.tell_end();
                tokio::select! {
                    _ = asked.recv() => self.seen = Look::default(),
                    () = tokio::time::sleep(LOOK_INTERVAL) => {}
                }
                match self.renew() {
                    Ok(true) => {
                        tracing::info!(cert = %self.files.cert.display(), "certificate renewed")
                    }
                    Ok(false) => {}
                    Err(error) => tracing::error!(
                        error = format!("{error:#}"),
                        "the certificate stays the former one"
                    ),
                }
            }
        }))
    }

    /// Keeps the metric, and says when the end comes near.
    fn tell_end(&mut self) {
        metrics::gauge!("clicktrail_tls_expiry_timestamp_seconds").set(self.end.at_s() as f64);
        let cert = self.files.cert.display();
        match self.end.notice(now_ms() / 1000) {
            Some(Notice::Days(days)) => {
                tracing::warn!(%cert, days, "the certificate ends soon: renew it");
            }
            Some(Notice::Over) => {
                tracing::error!(%cert, "the certificate has ended and browsers refuse it: renew it");
            }
            None => {}
        }
    }
}

fn look(files: &TlsFiles) -> Look {
    [&files.cert, &files.key].map(|path| {
        let data = std::fs::metadata(path).ok()?;
        Some((data.len(), data.mtime(), data.mtime_nsec(), data.ino()))
    })
}

fn read(
    files: &TlsFiles,
    tickets: &Arc<dyn ProducesTickets>,
) -> anyhow::Result<(Arc<ServerConfig>, CertificateEnd)> {
    let chain = certificates(&files.cert)?;
    let own = chain.first().context("`tls.cert` holds no certificate")?;
    let end = CertificateEnd::of(own)
        .with_context(|| format!("`tls.cert`: cannot read {}", files.cert.display()))?;
    let key = private_key(&files.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let made = builder.with_no_client_auth().with_single_cert(chain, key);
    let mut config = made.with_context(|| {
        let (cert, key) = (files.cert.display(), files.key.display());
        format!("`tls.key` {key} does not belong to `tls.cert` {cert}: the server's own certificate must come first in its file")
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = Arc::clone(tickets);
    Ok((Arc::new(config), end))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let text = contents("tls.cert", path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.with_context(|| format!("`tls.cert`: {} is no PEM file", path.display()))?;
    if chain.is_empty() {
        bail!(
            "`tls.cert`: there is no certificate in {}: expected PEM with `BEGIN CERTIFICATE`, such as fullchain.pem",
            path.display()
        );
    }
    Ok(chain)
}

fn private_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    let text = contents("tls.key", path)?;
    PrivateKeyDer::from_pem_slice(&text).with_context(|| {
        format!(
            "`tls.key`: there is no private key in {}: expected PEM with `BEGIN PRIVATE KEY`, without a passphrase",
            path.display()
        )
    })
}

fn contents(key: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| {
        let path = path.display();
        format!(
            "`{key}`: cannot read {path}: check the path, and that the server's user may read it"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn files(folder: &Path, (cert, key): (&str, &str)) -> TlsFiles {
        let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
        std::fs::write(&files.cert, cert).unwrap();
        std::fs::write(&files.key, key).unwrap();
        files
    }

    #[test]
    fn what_is_wrong_names_the_file_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let ((cert, key), (_, other)) = (made(&["a.example"]), made(&["a.example"]));
        for (contents, setting, words) in [
            (("", &*key), "tls.cert", "BEGIN CERTIFICATE"),
            ((&*cert, ""), "tls.key", "BEGIN PRIVATE KEY"),
            ((&*cert, &*cert), "tls.key", "BEGIN PRIVATE KEY"),
            ((&*cert, &*other), "tls.key", "does not belong"),
        ] {
            let error = Certificates::open(files(folder.path(), contents)).err().unwrap();
            let error = format!("{error:#}");
            assert!(error.contains(setting) && error.contains(words), "{error}");
            assert!(error.contains("cert.pem") || error.contains("key.pem"), "{error}");
        }
        let gone =
            TlsFiles { cert: folder.path().join("gone"), key: folder.path().join("key.pem") };
        let error = format!("{:#}", Certificates::open(gone).err().unwrap());
        assert!(error.contains("tls.cert") && error.contains("check the path"), "{error}");
    }

    #[test]
    fn files_that_changed_are_read_again_and_what_is_broken_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (made(&["a.example"]), made(&["a.example", "b.example"]));
        let mut certificates =
            Certificates::open(files(folder.path(), (&first.0, &first.1))).unwrap();
        let before = certificates.current.load_full();
        assert!(!certificates.renew().unwrap());
        files(folder.path(), ("broken, and of another length", &first.1));
        assert!(certificates.renew().is_err());
        assert!(!certificates.renew().unwrap(), "said once");
        assert!(Arc::ptr_eq(&before, &certificates.current.load()));
        files(folder.path(), (&second.0, &second.1));
        assert!(certificates.renew().unwrap());
        assert!(!Arc::ptr_eq(&before, &certificates.current.load()));
    }
}
