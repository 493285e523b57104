//! A campaign: the link that is clicked, where its clicks come from, what they cost, where they go.

use super::cost::{CostModel, CostPrecedence};
use super::workspace::is_param_name;
use super::{Body, Kind, Problem, ThingId};
use crate::page;
use crate::template::Template;
use serde::{Deserialize, Serialize};

/// A link with its traffic source and its flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// The path of the link (`/c/{key}`); unique in the installation, made by the server when empty.
    #[serde(default)]
    pub key: String,
    /// Keys it had before; links with them keep working.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Where the clicks come from.
    #[serde(default)]
    pub source: Option<ThingId>,
    /// The tracking domain its link is shown with; the host of `public_url` when absent. Every other
    /// domain of the workspace serves it as well.
    #[serde(default)]
    pub domain: Option<ThingId>,
    /// Where they go.
    pub flow: ThingId,
    /// What they cost.
    #[serde(default)]
    pub cost: CostModel,
    /// Which counts where both the landing URL and the model name a cost.
    #[serde(default, skip_serializing_if = "CostPrecedence::is_usual")]
    pub cost_precedence: CostPrecedence,
    /// Whether the link is in use.
    #[serde(default)]
    pub status: CampaignStatus,
    /// Where clicks go once the campaign is paused or archived; a fixed page when absent.
    #[serde(default)]
    pub archived_url: Option<String>,
    /// Hosts that a link may name as its next hop (paths of mode `transparent`); `*.example.com`
    /// stands for every host below `example.com`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_hosts: Vec<String>,
    /// Origins of pages that may report landings, such as `https://shop.example`; `https://*.shop.example`
    /// stands for every host below it. Those of the flow's landers need not be listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
}

/// Whether a campaign's link is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignStatus {
    /// Clicks are routed.
    #[default]
    Active,
    /// Clicks are recorded and go where those of an archived campaign go.
    Paused,
}

impl Campaign {
    /// Whether a link may name `host` as its next hop.
    pub fn allows_host(&self, host: &str) -> bool {
        host_is_among(&self.allowed_hosts, host)
    }
}

/// Whether `host` is one of `hosts` or, for `*.example.com`, lies below `example.com`; ASCII case does
/// not matter, nor does a dot at its end.
pub(crate) fn host_is_among<H: AsRef<str>>(hosts: &[H], host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    hosts.iter().any(|allowed| match allowed.as_ref().strip_prefix('*') {
        // What stays is `.example.com`, so that a name in front of it is required.
        Some(parent) => host.len().checked_sub(parent.len()).is_some_and(|at| {
            at > 0 && host.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(parent))
        }),
        None => allowed.as_ref().eq_ignore_ascii_case(host),
    })
}

fn is_host(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

/// Whether `text` is scheme, host and perhaps a port, and nothing else; the host may begin with `*.`.
fn is_origin(text: &str) -> bool {
    let plain = text.replacen("://*.", "://", 1);
    page::origin(&plain).is_some_and(|origin| origin.eq_ignore_ascii_case(&plain))
}

impl Body for Campaign {
    const KIND: Kind = Kind::Campaign;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !self.key.is_empty() && !is_param_name(&self.key) {
            problems
                .push(Problem::new("key", "expected letters, digits, `_`, `-` or `.`, at most 64"));
        }
        if let Some(Err(error)) = self.archived_url.as_deref().map(Template::parse) {
            problems.push(Problem::new("archived_url", error.to_string()));
        }
        for (i, host) in self.allowed_hosts.iter().enumerate().filter(|(_, host)| !is_host(host)) {
            let message = format!("`{host}` is no host: expected a name such as shop.example");
            problems.push(Problem::new(format!("allowed_hosts[{i}]"), message));
        }
        for (i, text) in self.origins.iter().enumerate().filter(|(_, text)| !is_origin(text)) {
            let message =
                format!("`{text}` is no origin: expected scheme and host, https://shop.example");
            problems.push(Problem::new(format!("origins[{i}]"), message));
        }
        problems.extend(self.cost.problem());
        problems
    }

    fn references(&self) -> Vec<(Kind, ThingId)> {
        let source = self.source.map(|id| (Kind::Source, id));
        let domain = self.domain.map(|id| (Kind::Domain, id));
        source.into_iter().chain([(Kind::Flow, self.flow)]).chain(domain).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_hosts_are_allowed() {
        let hosts = ["shop.example", "*.brand.example"];
        for (host, allowed) in [
            ("shop.example", true),
            ("SHOP.example.", true),
            ("www.shop.example", false),
            ("a.b.brand.example", true),
            ("brand.example", false),
            ("evilbrand.example", false),
            (".brand.example", false),
            ("", false),
        ] {
            assert_eq!(host_is_among(&hosts, host), allowed, "{host}");
        }
    }

    #[test]
    fn an_origin_is_scheme_and_host_and_nothing_else() {
        for (text, is_well) in [
            ("https://shop.example", true),
            ("HTTPS://Shop.example", true),
            ("https://*.shop.example", true),
            ("http://localhost:3000", true),
            ("https://[2001:db8::1]:8443", true),
            ("https://shop.example/", false),
            ("https://shop.example/landing", false),
            ("https://shop.example:443", false),
            ("https://a.*.example", false),
            ("https://*", false),
            ("https://", false),
            ("shop.example", false),
            ("null", false),
            ("ftp://shop.example", false),
        ] {
            assert_eq!(is_origin(text), is_well, "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_and_nothing_else() {
        let json =
            r#"{"flow":1,"allowed_hosts":["a.example","*.b.example","https://c.example","*","x"]}"#;
        let campaign: Campaign = serde_json::from_str(json).unwrap();
        let places: Vec<_> = campaign.problems().into_iter().map(|p| p.field).collect();
        assert_eq!(places, ["allowed_hosts[2]", "allowed_hosts[3]", "allowed_hosts[4]"]);
    }
}
