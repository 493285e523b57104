//! A tracking domain: a host whose links belong to one workspace, and what it answers beside them.

use super::{Body, Kind, Problem, StatusAnswer, ThingId};
use crate::host::HostName;
use crate::template::Template;
use serde::{Deserialize, Serialize};

/// A host that serves the links of its workspace's campaigns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Its name in DNS, such as `go.example.com`; unique in the installation among those not archived.
    #[schema(value_type = String)]
    pub host: HostName,
    /// How links with it begin.
    #[serde(default)]
    pub scheme: Scheme,
    /// What `/` answers.
    #[serde(default)]
    pub root: DomainAnswer,
    /// What every other path answers that is no endpoint, and a link whose key nobody has.
    #[serde(default)]
    pub not_found: DomainAnswer,
}

/// How links begin.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `https://`
    #[default]
    Https,
    /// `http://`
    Http,
}

/// What a domain answers where no link is: at most one of these, and a fixed 404 without any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DomainAnswer {
    /// A click on this campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<ThingId>,
    /// A redirect to this URL; nothing is recorded, so it has no tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// An answer that leads nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusAnswer>,
}

impl Scheme {
    /// The word in front of `://`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

impl DomainAnswer {
    fn check(&self, at: &str, problems: &mut Vec<Problem>) {
        let given = [self.campaign.is_some(), self.url.is_some(), self.status.is_some()];
        if given.into_iter().filter(|is| *is).count() > 1 {
            let message = "a domain answers with at most one of `campaign`, `url` and `status`";
            problems.push(Problem::new(at, message));
        }
        if let Some(url) = &self.url {
            let place = format!("{at}.url");
            if let Err(error) = Template::parse(url) {
                problems.push(Problem::new(place, error.to_string()));
            } else if url.contains('{') {
                let message =
                    "there is no click to fill tokens from: leave them out, or name a campaign";
                problems.push(Problem::new(place, message));
            }
        }
        if let Some(status) = &self.status {
            status.check(&format!("{at}.status"), problems);
        }
    }
}

impl Body for Domain {
    const KIND: Kind = Kind::Domain;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.root.check("root", &mut problems);
        self.not_found.check("not_found", &mut problems);
        problems
    }

    fn references(&self) -> Vec<(Kind, ThingId)> {
        let campaigns = [self.root.campaign, self.not_found.campaign];
        campaigns.into_iter().flatten().map(|id| (Kind::Campaign, id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_answers_in_one_way_at_most() {
        for (json, places) in [
            (r#"{"host":"go.example"}"#, &[][..]),
            (
                r#"{"host":"go.example","root":{"campaign":1},"not_found":{"url":"https://a.example/x"}}"#,
                &[],
            ),
            (
                r#"{"host":"go.example","scheme":"http","root":{"status":{"code":200,"text":"Hello"}}}"#,
                &[],
            ),
            (
                r#"{"host":"go.example","root":{"campaign":1,"url":"https://a.example/"}}"#,
                &["root"],
            ),
            (r#"{"host":"go.example","not_found":{"url":"a.example"}}"#, &["not_found.url"]),
            (
                r#"{"host":"go.example","root":{"url":"https://a.example/{click_id}"}}"#,
                &["root.url"],
            ),
            (r#"{"host":"go.example","root":{"status":{"code":500}}}"#, &["root.status.code"]),
        ] {
            let domain: Domain = serde_json::from_str(json).unwrap();
            let found: Vec<_> = domain.problems().into_iter().map(|p| p.field).collect();
            assert_eq!(found, places, "{json}");
        }
        for json in [r#"{"host":"https://go.example"}"#, r#"{"host":"go.example","port":1}"#, "{}"]
        {
            assert!(serde_json::from_str::<Domain>(json).is_err(), "{json}");
        }
    }
}
