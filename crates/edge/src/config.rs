//! How an edge behaves; [`Config::default`] is what a server wants.

use model::cidr::Cidr;
use std::time::Duration;

/// What a visitor gets when the journal cannot take the click.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLogFailure {
    /// The redirect, with a click id that says *unlogged*.
    #[default]
    Redirect,
    /// `503 Service Unavailable`.
    Refuse,
}

/// Settings of an edge.
#[derive(Clone, Debug)]
pub struct Config {
    /// Part of every click id; unique among the nodes of an installation.
    pub node: u8,
    /// Stands in front of every click id.
    pub id_prefix: Box<str>,
    /// What a visitor gets when the journal cannot take the click.
    pub on_log_failure: OnLogFailure,
    /// Peers whose `X-Forwarded-…` headers count.
    pub trusted_proxies: Vec<Cidr>,
    /// The host of the public URL, as [`model::host::requested`] gives it: known whatever tracking domains there are.
    pub public_host: Box<str>,
    /// Hosts that serve the API and the dashboard, in the same form; loopback hosts do in any case. `None` for every
    /// host until there is a tracking domain, and for the public one from then on.
    pub admin_hosts: Option<Vec<Box<str>>>,
    /// The public URL is https: cookies are `Secure` and work in frames.
    pub secure: bool,
    /// How long `/click` waits for a click that is not in memory.
    pub lookup_deadline: Duration,
    /// How many such look-ups may be under way; further ones count as misses at once.
    pub lookups_max: usize,
    /// How many clicks are kept in memory for `/click`, about 0.5 KiB each.
    pub recent_clicks_max: usize,
    /// Bound of the memory about who was here within a day; see `visits` for what fits.
    pub visits_bytes_max: usize,
    /// What one request or connection may cost.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            node: 0,
            id_prefix: "ct_".into(),
            on_log_failure: OnLogFailure::Redirect,
            trusted_proxies: Vec::new(),
            public_host: Box::default(),
            admin_hosts: None,
            secure: false,
            lookup_deadline: Duration::from_millis(20),
            lookups_max: 64,
            recent_clicks_max: 1 << 17,
            visits_bytes_max: 128 << 20,
            limits: Limits::default(),
        }
    }
}

/// What one request or connection may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of path and query that are read; the parameters behind are cut.
    pub uri_kept_bytes: usize,
    /// Header fields of a request.
    pub headers_max: usize,
    /// Bytes of a request line and its headers.
    pub head_bytes_max: usize,
    /// Bytes of a request body.
    pub body_bytes_max: usize,
    /// From the accept to the end of the handshake of an encrypted connection.
    pub handshake_deadline: Duration,
    /// From the accept, or the handshake, to the first complete head.
    pub head_deadline: Duration,
    /// From the head to the end of the body.
    pub body_deadline: Duration,
    /// From one piece of a long answer, of 64 KiB, to the next.
    pub send_deadline: Duration,
    /// From an answer to the next complete head.
    pub idle_deadline: Duration,
    /// From the signal to stop to the end of requests under way.
    pub stop_deadline: Duration,
    /// Connections at a time.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            uri_kept_bytes: 8 << 10,
            headers_max: 64,
            head_bytes_max: 32 << 10,
            body_bytes_max: 64 << 10,
            handshake_deadline: Duration::from_secs(5),
            head_deadline: Duration::from_secs(10),
            body_deadline: Duration::from_secs(10),
            send_deadline: Duration::from_secs(120),
            idle_deadline: Duration::from_secs(30),
            stop_deadline: Duration::from_secs(5),
            connections_max: 16_384,
        }
    }
}
