//! Settings of a process: `clicktrail.toml`, then the environment; what was written and what it means.

mod written;

use crate::tls::TlsFiles;
use journal::Durability;
use model::cidr::Cidr;
use model::thing::IpPrivacy;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::{Table, Value};

/// How the value of an environment variable is written.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Number,
    /// Values between commas.
    List,
}

/// Every key, and the form its variable `CLICKTRAIL_…` (upper case, `_` for `.`) has.
const KEYS: &[(&str, Form)] = &[
    ("data", Form::Text),
    ("listen", Form::Text),
    ("public_url", Form::Text),
    ("admin_hosts", Form::List),
    ("admin_token", Form::Text),
    ("node", Form::Number),
    ("id_prefix", Form::Text),
    ("durability", Form::Text),
    ("on_log_failure", Form::Text),
    ("max_ack_wait_ms", Form::Number),
    ("trusted_proxies", Form::List),
    ("ip_privacy", Form::Text),
    ("attribution_window_days", Form::Number),
    ("click_param", Form::Text),
    ("threads", Form::Number),
    ("ingest", Form::Text),
    ("duckdb.memory", Form::Text),
    ("duckdb.threads", Form::Number),
    ("tls.cert", Form::Text),
    ("tls.key", Form::Text),
    ("journal.segment_bytes", Form::Number),
    ("journal.keep_hours", Form::Number),
    ("geo.city", Form::List),
    ("geo.asn", Form::List),
    ("geo.connection", Form::Text),
    ("rates.from", Form::Text),
    ("rates.interval_hours", Form::Number),
];

/// What the settings mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The folder everything is under.
    pub data: PathBuf,
    /// The address of the server.
    pub listen: SocketAddr,
    /// Certificate and key; without them the address speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Scheme and host that links are made with, without a slash at the end.
    pub public_url: String,
    /// The host of the public URL, as requests name it.
    pub public_host: String,
    /// Hosts that serve the API and the dashboard besides this machine's loopback ones; `None` for every host until
    /// there is a tracking domain, and for the public one from then on.
    pub admin_hosts: Option<Vec<String>>,
    /// An API key valid from the first start.
    pub admin_token: Option<String>,
    /// Part of every click id.
    pub node: u8,
    /// What stands in front of click ids.
    pub id_prefix: String,
    /// When a click counts as written down.
    pub durability: Durability,
    /// Whether a click that cannot be written down is refused instead of redirected.
    pub refuse_unlogged: bool,
    /// A slower disk counts as failed for that click.
    pub max_ack_wait_ms: u64,
    /// Peers whose forwarding headers count.
    pub trusted_proxies: Vec<Cidr>,
    /// Settings of the first workspace at the first start.
    pub workspace: WorkspaceDefaults,
    /// Threads that answer requests.
    pub threads: usize,
    /// Whether the journal is carried over to the store.
    pub ingest: bool,
    /// Limits of the report engine.
    pub duckdb: DuckDb,
    /// Size of a journal segment.
    pub segment_bytes: u64,
    /// How long journal segments stay once their records are in the store.
    pub keep_hours: u64,
    /// Where visitors' places and networks are looked up.
    pub geo: lookup::GeoFiles,
    /// Where rates are fetched; not at all when absent.
    pub rates: Option<RatesFeed>,
}

/// Where the rates of currencies come from by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatesFeed {
    /// A URL, or the path of a file.
    pub from: String,
    /// How long to wait between two looks.
    pub interval: Duration,
}

/// Settings of a workspace that the configuration gives the first one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkspaceDefaults {
    /// How much of an address is kept.
    pub ip_privacy: Option<IpPrivacy>,
    /// How old a click may be when its conversion comes.
    pub attribution_window_days: Option<u32>,
    /// The name of the click id in URLs.
    pub click_param: Option<String>,
}

/// Limits of the report engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuckDb {
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Threads.
    pub threads: usize,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file, or a variable, does not fit.
    #[error("the configuration does not fit: {0}")]
    Form(#[from] toml::de::Error),
    /// A value is out of range.
    #[error("`{key}`: expected {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// A variable looks like one of ours and is none.
    #[error("there is no setting `{0}`: see clicktrail.example.toml")]
    Variable(String),
}

impl Config {
    /// Reads `file` (or `clicktrail.toml` where there is one), then the environment.
    ///
    /// # Errors
    /// When the file is missing though named, or anything in it is unknown or does not fit.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let default = Path::new("clicktrail.toml");
        let path = file.or_else(|| default.exists().then_some(default));
        let text = match path {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?,
            None => String::new(),
        };
        Self::from_text(&text, environment)
    }

    /// Reads settings from the text of a file and from variables, which win.
    ///
    /// # Errors
    /// When anything is unknown or does not fit.
    pub fn from_text(
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table: Table = text.parse()?;
        for (name, value) in environment {
            let Some(name) = name.strip_prefix("CLICKTRAIL_") else { continue };
            // Set by the scripts that build the program, not by its operator.
            if matches!(name, "CACHE" | "CORPORA" | "DUCKDB_LIBRARY") {
                continue;
            }
            let variable = |key: &str| key.replace('.', "_").to_uppercase();
            let Some((key, form)) = KEYS.iter().find(|(key, _)| variable(key) == name) else {
                return Err(ConfigError::Variable(format!("CLICKTRAIL_{name}")));
            };
            set(&mut table, key, read_value(&value, *form));
        }
        written::Written::deserialize(table)?.meaning()
    }
}

/// A variable's value as the file would hold it; one that is no number is left to be refused there.
fn read_value(value: &str, form: Form) -> Value {
    match form {
        Form::Text => Value::String(value.to_owned()),
        Form::Number => {
            value.trim().parse().map_or_else(|_| Value::String(value.to_owned()), Value::Integer)
        }
        Form::List => {
            let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
    }
}

fn set(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, key)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(key.to_owned(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::from_text(text, variables).map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_file_holds_every_key_with_its_default() {
        let example = include_str!("../../../clicktrail.example.toml");
        assert_eq!(load(example, &[]), load("", &[]), "as shipped: everything commented out");
        let set: String = example
            .lines()
            .map(|line| line.strip_prefix("#= ").unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n");
        let table: Table = set.parse().unwrap();
        for (key, _) in KEYS {
            let held = match key.split_once('.') {
                Some((section, key)) => table[section].get(key),
                None => table.get(*key),
            };
            assert!(held.is_some(), "`{key}` is not in clicktrail.example.toml");
        }
        let written = load(&set, &[]).unwrap();
        let default = load("", &[]).unwrap();
        let same = Config {
            admin_hosts: None,
            admin_token: None,
            workspace: WorkspaceDefaults::default(),
            rates: None,
            tls: None,
            public_url: default.public_url.clone(),
            geo: default.geo.clone(),
            threads: default.threads,
            duckdb: default.duckdb,
            ..written
        };
        assert_eq!(same, default);
    }

    #[test]
    fn variables_win_over_the_file() {
        let variables = [
            ("CLICKTRAIL_NODE", "7"),
            ("CLICKTRAIL_JOURNAL_KEEP_HOURS", "1"),
            ("CLICKTRAIL_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
            ("PATH", "/bin"),
        ];
        let config = load("node = 3\n[journal]\nsegment_bytes = 65536\n", &variables).unwrap();
        assert_eq!((config.node, config.keep_hours, config.segment_bytes), (7, 1, 65_536));
        assert_eq!(config.trusted_proxies.len(), 2);
    }

    #[test]
    fn what_is_wrong_names_the_key() {
        for (text, named) in [
            ("colour = 1", "colour"),
            ("node = 256", "node"),
            ("node = \"x\"", "node"),
            ("listen = \"here\"", "listen"),
            ("durability = \"maybe\"", "durability"),
            ("id_prefix = \"with-dash\"", "id_prefix"),
            ("public_url = \"track.example\"", "public_url"),
            ("public_url = \"https://track.example/path\"", "public_url"),
            ("trusted_proxies = [\"somewhere\"]", "trusted_proxies"),
            ("admin_hosts = [\"https://a.example\"]", "admin_hosts"),
            ("admin_token = \"short\"", "admin_token"),
            ("[duckdb]\nmemory = \"lots\"", "duckdb.memory"),
            ("[tls]\ncert = \"a.pem\"", "tls.key"),
            ("[tls]\nkey = \"a.pem\"", "tls.cert"),
            ("[journal]\nsegment_bytes = 1", "journal.segment_bytes"),
        ] {
            let error = load(text, &[]).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
        assert!(load("", &[("CLICKTRAIL_COLOUR", "1")]).unwrap_err().contains("CLICKTRAIL_COLOUR"));
        assert!(load("", &[("CLICKTRAIL_NODE", "many")]).unwrap_err().contains("node"));
    }

    #[test]
    fn with_a_certificate_links_are_https_unless_said_otherwise() {
        let tls = "[tls]\ncert = \"c.pem\"\nkey = \"k.pem\"\n";
        assert_eq!(load(tls, &[]).unwrap().public_url, "https://127.0.0.1:8080");
        let said = format!("public_url = \"http://a.example\"\n{tls}");
        assert_eq!(load(&said, &[]).unwrap().public_url, "http://a.example");
        let none = [("CLICKTRAIL_TLS_CERT", ""), ("CLICKTRAIL_TLS_KEY", "")];
        assert_eq!(load("", &none).unwrap().tls, None);
    }

    #[test]
    fn own_hosts_are_compared_as_requests_name_them() {
        for (url, host) in [
            ("https://Track.Example.com/", "track.example.com"),
            ("http://127.0.0.1:8080", "127.0.0.1"),
            ("http://[::1]:8080", "::1"),
        ] {
            let config = load(&format!("public_url = \"{url}\""), &[]).unwrap();
            assert_eq!((&*config.public_host, config.admin_hosts), (host, None), "{url}");
        }
        let variable =
            [("CLICKTRAIL_ADMIN_HOSTS", "Admin.example:443, 10.0.0.5, [2001:DB8::1], ::1")];
        let expected = ["admin.example", "10.0.0.5", "2001:db8::1", "::1"].map(str::to_owned);
        assert_eq!(load("", &variable).unwrap().admin_hosts, Some(expected.to_vec()));
        assert_eq!(load("admin_hosts = []", &[]).unwrap().admin_hosts, Some(Vec::new()));
    }

    #[test]
    fn memory_is_read_in_units_and_shares() {
        assert_eq!(written::memory_bytes("512MB").ok(), Some(512 << 20));
        assert_eq!(written::memory_bytes(" 2 gb").ok(), Some(2 << 30));
        assert_eq!(
            written::memory_bytes("100%").ok(),
            Some(written::machine_memory_bytes() / 100 * 100)
        );
        assert!(written::memory_bytes("0").is_err() && written::memory_bytes("101%").is_err());
    }
}
