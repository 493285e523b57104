//! The secrets of an installation in `data/keys`: made at the first start, read ever after.

use anyhow::{Context, bail};
use model::KeyRing;
use model::id::EPOCH_MS;
use model::keys::{MacKey, Secret};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// 16 bytes in hex; never changes, or stored clicks would replay differently.
    draw: String,
    /// 16 bytes in hex.
    visitor: String,
    /// Signing keys; a new one is added with its moment, old ones stay while ids of their time exist.
    mac: Vec<WrittenMac>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMac {
    /// RFC 3339: ids given out from then on are signed with it.
    valid_from: String,
    /// 16 bytes in hex.
    key: String,
}

/// The keys of the folder `data`, made when there are none.
///
/// # Errors
/// When the file cannot be read or made, others may read it, or it holds something else.
pub fn load_or_create(data: &Path) -> anyhow::Result<KeyRing> {
    let path = data.join("keys");
    if !path.exists() {
        create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    load(data)
}

/// The keys of the folder `data`.
///
/// # Errors
/// When the file is missing, cannot be read, others may read it, or it holds something else.
pub fn load(data: &Path) -> anyhow::Result<KeyRing> {
    let path = data.join("keys");
    let metadata =
        std::fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("{} can be read by others: run `chmod 600 {}`", path.display(), path.display());
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    read(&text)
        .with_context(|| format!("{} does not hold keys; restore it from a backup", path.display()))
}

fn read(text: &str) -> anyhow::Result<KeyRing> {
    let written: Written = toml::from_str(text)?;
    let mac = |mac: &WrittenMac| {
        let valid_from: jiff::Timestamp =
            mac.valid_from.parse().context("`valid_from` is no RFC 3339 time")?;
        Ok(MacKey { valid_from_ms: valid_from.as_millisecond(), secret: from_hex(&mac.key)? })
    };
    let macs = written.mac.iter().map(mac).collect::<anyhow::Result<Vec<_>>>()?;
    KeyRing::new(macs, from_hex(&written.draw)?, from_hex(&written.visitor)?)
        .context("there is no signing key in it")
}

/// Writes new keys whole or not at all: to a file aside, synced, then renamed.
fn create(path: &Path) -> anyhow::Result<()> {
    let valid_from = jiff::Timestamp::from_millisecond(EPOCH_MS)?.to_string();
    let written = Written {
        draw: random_hex()?,
        visitor: random_hex()?,
        mac: vec![WrittenMac { valid_from, key: random_hex()? }],
    };
    let note = "# Secrets of this installation: click ids are signed and drawn with them. Keep a copy in every backup.\n";
    let aside = path.with_extension("new");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(note.as_bytes())?;
    file.write_all(toml::to_string(&written)?.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&aside, path)?;
    let folder = path.parent().context("the keys have no folder")?;
    Ok(File::open(folder)?.sync_all()?)
}

/// 128 random bits of the system, in hex.
pub fn random_hex() -> anyhow::Result<String> {
    let mut secret: Secret = [0; 16];
    getrandom::fill(&mut secret).context("the system gives no random numbers")?;
    Ok(secret.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn from_hex(text: &str) -> anyhow::Result<Secret> {
    let digit =
        |i: usize| text.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..16).map(digit).collect();
    let secret = bytes.filter(|_| text.len() == 32).and_then(|bytes| Secret::try_from(bytes).ok());
    secret.context("expected 32 hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_private_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let made = load_or_create(folder.path()).unwrap();
        assert!(made == load_or_create(folder.path()).unwrap());
        let path = folder.path().join("keys");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load_or_create(folder.path()).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn a_file_that_holds_something_else_is_refused() {
        for text in ["", "draw = 'x'", "draw='00'\nvisitor='00'\nmac=[]"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
