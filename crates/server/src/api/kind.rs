//! THE table of kinds the API offers: where each lives, what the server adds to it, what goes with it.

use super::extract::read_value;
use super::problem::ApiError;
use super::token::random_text;
use jiff::tz::TimeZoneDatabase;
use model::builtin::{NetworkTemplate, SourceTemplate, Templates};
use model::params;
use model::table::Things;
use model::thing::{
    Body, Campaign, ConversionType, Domain, Flow, Kind, Lander, Network, Offer, Problem, Source,
    Thing, ThingId, Workspace,
};
use serde::Serialize;
use serde_json::{Map, Value};
use store::Change;

/// Letters and digits that nobody takes for each other.
const KEY_ALPHABET: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// Characters of a campaign key that the server makes.
const KEY_CHARS: usize = 8;

/// URLs that are made from a thing, ready to be copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Links {
    /// A campaign's link; how the links of a domain begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where a network reports conversions: with the macros of its template, else with our names in
    /// braces, where its own macros go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postback_url: Option<String>,
}

/// What URLs are made with.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Scheme and host of the installation.
    pub public_url: &'a str,
    /// The built-in templates.
    pub templates: &'a Templates,
    /// The domains among them.
    pub things: &'a Things,
}

impl Site<'_> {
    /// How links with a domain begin. It is reached by the port of the public URL where both have one scheme: one
    /// process, or one proxy, listens for both.
    fn of(&self, domain: &Domain) -> String {
        let (scheme, authority) = self.public_url.split_once("://").unwrap_or_default();
        let port = authority.rsplit_once(':').map(|(_, port)| port);
        let port = port.filter(|port| scheme == domain.scheme.as_str() && !port.ends_with(']'));
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", domain.scheme.as_str(), domain.host)
    }

    /// How the links of a campaign begin: with its domain, else with the public URL.
    fn of_campaign(&self, campaign: &Campaign) -> String {
        let domains = &self.things.domains;
        let place = |id| domains.binary_search_by_key(&id, |domain| domain.id).ok();
        let own = campaign.domain.and_then(place).map(|at| &domains[at]);
        own.filter(|domain| !domain.archived)
            .map_or_else(|| self.public_url.to_owned(), |domain| self.of(&domain.body))
    }
}

/// A kind of thing as the API offers it.
pub trait Resource: Body + utoipa::ToSchema {
    /// The last segment of its address.
    const COLLECTION: &'static str;

    /// All things of the kind, by number.
    fn all(things: &Things) -> &[Thing<Self>];

    /// What the built-in template of this slug makes of it.
    fn from_template(_templates: &Templates, _slug: &str) -> Option<Self> {
        None
    }

    /// Whether something unique is left for the server to draw: it is drawn anew when somebody else has it.
    fn leaves_a_draw(_sent: &Map<String, Value>) -> bool {
        false
    }

    /// Takes over what a replacement may leave out.
    fn inherit(_sent: &mut Map<String, Value>, _before: &Self) {}

    /// Keeps what `before` promised to the outside when an earlier version comes back.
    fn keep_promises(&mut self, _before: &Self) {}

    /// Things that are sent within this one and become things of their own, saved together with it.
    ///
    /// # Errors
    /// When what was sent is no such thing.
    fn companions(
        _sent: &mut Map<String, Value>,
        _name: &str,
        _workspace: ThingId,
        _things: &Things,
    ) -> Result<Vec<Change>, ApiError> {
        Ok(Vec::new())
    }

    /// Fills in what the server gives.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    fn complete(&mut self, _before: Option<&Self>) -> Result<(), ApiError> {
        Ok(())
    }

    /// What is wrong with it that the model alone cannot tell.
    fn problems_here(&self, _templates: &Templates) -> Vec<Problem> {
        Vec::new()
    }

    /// What can be saved and is probably not meant.
    fn warnings(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// The URLs that go with it.
    fn links(&self, _site: Site<'_>) -> Links {
        Links::default()
    }
}

impl Resource for Source {
    const COLLECTION: &'static str = "sources";

    fn all(things: &Things) -> &[Thing<Self>] {
        &things.sources
    }

    fn from_template(templates: &Templates, slug: &str) -> Option<Self> {
        templates.source(slug).map(SourceTemplate::to_source)
    }

    fn problems_here(&self, templates: &Templates) -> Vec<Problem> {
        templates.problem_of_source(self).into_iter().collect()
    }
}

impl Resource for Network {
    const COLLECTION: &'static str = "networks";

    fn all(things: &Things) -> &[Thing<Self>] {
        &things.networks
    }

    fn from_template(templates: &Templates, slug: &str) -> Option<Self> {
        templates.network(slug).map(NetworkTemplate::to_network)
    }

    fn problems_here(&self, templates: &Templates) -> Vec<Problem> {
        templates.problem_of_network(self).into_iter().collect()
    }

    fn links(&self, Site { public_url, templates, .. }: Site<'_>) -> Links {
        if let Some(template) = self.template.as_deref().and_then(|slug| templates.network(slug)) {
            let postback_url = Some(template.postback_url_of(public_url, self));
            return Links { postback_url, ..Links::default() };
        }
        let key = self.postback_key.as_ref().map(|key| format!("/{key}")).unwrap_or_default();
        let pair = |ours: &str| {
            let name = self.params.get(ours).map_or(ours, String::as_str);
            format!("{}={{{ours}}}", params::encode(name))
        };
        let pairs = ["clickid", "payout", "currency", "txid", "status"].map(pair).join("&");
        let postback_url = Some(format!("{public_url}/postback{key}?{pairs}"));
        Links { postback_url, ..Links::default() }
    }
}

impl Resource for ConversionType {
    const COLLECTION: &'static str = "conversion-types";

    fn all(things: &Things) -> &[Thing<Self>] {
        &things.conversion_types
    }
}

impl Resource for Offer {
    const COLLECTION: &'static str = "offers";

    fn all(things: &Things) -> &[Thing<Self>] {
        &things.offers
    }
}

impl Resource for Lander {
    const COLLECTION: &'static str = "landers";

    fn all(things: &Things) -> &[Thing<Self>] {
        &things.landers
    }
}

impl Resource for Flow {
    const COLLECTION: &'static str = "flows";

    fn all(things: &Things) -> &[Thing<Self>] {
        &things.flows
    }

    fn complete(&mut self, _: Option<&Self>) -> Result<(), ApiError> {
        self.number_paths();
        Ok(())
    }

    fn warnings(&self) -> Vec<Problem> {
        Self::warnings(self)
    }
}

impl Resource for Campaign {
    const COLLECTION: &'static str = "campaigns";

    fn all(things: &Things) -> &[Thing<Self>] {
        &things.campaigns
    }

    fn leaves_a_draw(sent: &Map<String, Value>) -> bool {
        sent.get("key").is_none_or(|key| key.as_str() == Some(""))
    }

    /// Who does not know about keys must not break links.
    fn inherit(sent: &mut Map<String, Value>, before: &Self) {
        if Self::leaves_a_draw(sent) {
            sent.insert("key".to_owned(), before.key.clone().into());
        }
        sent.entry("aliases").or_insert_with(|| before.aliases.clone().into());
    }

    /// Links that were given out keep working.
    fn keep_promises(&mut self, before: &Self) {
        self.aliases.extend(before.aliases.iter().cloned());
    }

    /// A flow given in place of its number becomes a private one, named after the campaign.
    fn companions(
        sent: &mut Map<String, Value>,
        name: &str,
        workspace: ThingId,
        things: &Things,
    ) -> Result<Vec<Change>, ApiError> {
        let Some(inline @ Value::Object(_)) = sent.get("flow") else { return Ok(Vec::new()) };
        let mut flow: Flow = read_value(inline.clone()).map_err(|error| error.within("flow"))?;
        flow.number_paths();
        let problems = flow.problems();
        if !problems.is_empty() {
            return Err(ApiError::invalid(Kind::Flow, problems).within("flow"));
        }
        let id = things.flows.iter().map(|flow| flow.id).max().unwrap_or(0).saturating_add(1);
        sent.insert("flow".to_owned(), id.into());
        let name = free_name(name, workspace, &things.flows);
        Ok(vec![Change { expected: Some(0), ..change(workspace, Some(id), name, &flow)? }])
    }

    fn complete(&mut self, before: Option<&Self>) -> Result<(), ApiError> {
        if self.key.is_empty() {
            self.key =
                random_text(KEY_ALPHABET, KEY_CHARS).map_err(|error| ApiError::internal(&error))?;
        }
        self.aliases.extend(before.map(|before| before.key.clone()));
        let mut kept = Vec::new();
        for alias in std::mem::take(&mut self.aliases) {
            if alias != self.key && !kept.contains(&alias) {
                kept.push(alias);
            }
        }
        self.aliases = kept;
        Ok(())
    }

    fn links(&self, site: Site<'_>) -> Links {
        let url = format!("{}/c/{}", site.of_campaign(self), self.key);
        Links { url: Some(url), ..Links::default() }
    }
}

impl Resource for Domain {
    const COLLECTION: &'static str = "domains";

    fn all(things: &Things) -> &[Thing<Self>] {
        &things.domains
    }

    fn links(&self, site: Site<'_>) -> Links {
        Links { url: Some(site.of(self)), ..Links::default() }
    }
}

impl Resource for Workspace {
    const COLLECTION: &'static str = "workspace";

    fn all(things: &Things) -> &[Thing<Self>] {
        &things.workspaces
    }

    fn problems_here(&self, _: &Templates) -> Vec<Problem> {
        let known = TimeZoneDatabase::bundled().get(&self.time_zone).is_ok();
        let problem = || Problem::new("time_zone", "expected an IANA name such as Europe/Berlin");
        (!known).then(problem).into_iter().collect()
    }
}

/// A change that saves `body` under `name`.
///
/// # Errors
/// When the body cannot be written as JSON.
pub fn change<B: Body>(
    workspace: ThingId,
    id: Option<ThingId>,
    name: String,
    body: &B,
) -> Result<Change, ApiError> {
    let body = serde_json::to_string(body).map_err(|error| ApiError::internal(&error))?;
    Ok(Change { workspace, kind: B::KIND, id, name, archived: false, body, expected: None })
}

/// `name`, or `name (2)` and so on, so that it is nobody's yet.
fn free_name<B>(name: &str, workspace: ThingId, things: &[Thing<B>]) -> String {
    let taken = |name: &str| {
        things.iter().any(|t| t.workspace == workspace && !t.archived && t.name == name)
    };
    let numbered = (2..).map(|number: u32| format!("{name} ({number})"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_moves_the_old_one_to_the_aliases_once() {
        let campaign = |key: &str, aliases: &[&str]| -> Campaign {
            let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
            Campaign {
                key: key.into(),
                aliases,
                ..serde_json::from_value(serde_json::json!({"flow": 1})).unwrap()
            }
        };
        for (before, sent, aliases) in [
            (None, campaign("a", &[]), vec![]),
            (None, campaign("a", &["a", "b", "b"]), vec!["b"]),
            (Some(campaign("a", &[])), campaign("a", &[]), vec![]),
            (Some(campaign("a", &[])), campaign("b", &[]), vec!["a"]),
            (Some(campaign("b", &["a"])), campaign("a", &["a"]), vec!["b"]),
        ] {
            let mut after = sent.clone();
            after.complete(before.as_ref()).unwrap();
            assert_eq!(after.aliases, aliases, "{before:?} {sent:?}");
        }
        let mut keyless = campaign("", &[]);
        keyless.complete(None).unwrap();
        assert_eq!(keyless.key.len(), KEY_CHARS);
        assert!(keyless.key.bytes().all(|b| KEY_ALPHABET.contains(&b)));
    }

    #[test]
    fn links_begin_with_the_domain_and_the_port_it_is_reached_by() {
        let templates = Templates::load().unwrap();
        for (public_url, scheme, url) in [
            ("https://track.example", "https", "https://go.example"),
            ("https://track.example:8443", "https", "https://go.example:8443"),
            ("http://127.0.0.1:8080", "http", "http://go.example:8080"),
            ("http://[::1]", "http", "http://go.example"),
            ("http://[::1]:8080", "http", "http://go.example:8080"),
            ("http://127.0.0.1:8080", "https", "https://go.example"),
        ] {
            let domain = serde_json::json!({"host": "go.example", "scheme": scheme});
            let domain: Domain = serde_json::from_value(domain).unwrap();
            let site = Site { public_url, templates: &templates, things: &Things::default() };
            assert_eq!(domain.links(site).url.unwrap(), url, "{public_url}");
        }
    }

    #[test]
    fn a_postback_url_uses_the_key_and_the_names_of_its_network() {
        let mut network = Network::default();
        let templates = Templates::load().unwrap();
        let things = Things::default();
        let site = Site { public_url: "https://t.example", templates: &templates, things: &things };
        let url = |network: &Network| network.links(site).postback_url.unwrap();
        assert_eq!(
            url(&network),
            "https://t.example/postback?clickid={clickid}&payout={payout}&currency={currency}&txid={txid}&status={status}"
        );
        network.postback_key = Some("k1".into());
        network.params.insert("payout".into(), "summ".into());
        assert!(
            url(&network)
                .starts_with("https://t.example/postback/k1?clickid={clickid}&summ={payout}&")
        );
    }
}
