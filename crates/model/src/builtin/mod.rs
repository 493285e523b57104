//! Templates that come with the program: traffic sources and affiliate networks as they are known to work.
//!
//! The facts are data (`data/source_templates.toml`, `data/network_templates.toml`), so that a change of
//! a platform is a change of one line. A source or network keeps the slug it was made from.

mod nearest;
mod network;
mod source;

pub use network::NetworkTemplate;
pub use source::{CostBasis, SourceTemplate, TemplateParam};

use crate::thing::{Network, Problem, Source};
use serde::{Deserialize, Serialize};

/// How well the facts of a template are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// A page or a library of the vendor says so.
    High,
    /// Several independent uses agree.
    Medium,
    /// Nothing of the vendor confirms it: compare it with the platform's own screens.
    Low,
}

/// All of them, read at the start of a program.
#[derive(Clone, Debug)]
pub struct Templates {
    sources: Vec<SourceTemplate>,
    networks: Vec<NetworkTemplate>,
}

/// The files of templates that are part of the program are no templates.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the built-in templates of {of}: build the program anew")]
pub struct TemplatesError {
    of: &'static str,
    #[source]
    source: toml::de::Error,
}

impl Templates {
    /// Reads them.
    ///
    /// # Errors
    /// When the program was built from files that its tests do not pass.
    pub fn load() -> Result<Self, TemplatesError> {
        let failed = |of| move |source| TemplatesError { of, source };
        let sources: source::File = toml::from_str(source::TEXT).map_err(failed("sources"))?;
        let networks: network::File = toml::from_str(network::TEXT).map_err(failed("networks"))?;
        Ok(Self { sources: sources.source, networks: networks.network })
    }

    /// Those of sources, by name.
    pub fn sources(&self) -> &[SourceTemplate] {
        &self.sources
    }

    /// Those of networks, by name.
    pub fn networks(&self) -> &[NetworkTemplate] {
        &self.networks
    }

    /// The source's template of this slug.
    pub fn source(&self, slug: &str) -> Option<&SourceTemplate> {
        self.sources.iter().find(|template| template.slug == slug)
    }

    /// The network's template of this slug.
    pub fn network(&self, slug: &str) -> Option<&NetworkTemplate> {
        self.networks.iter().find(|template| template.slug == slug)
    }

    /// What is wrong with the template that a source names: it does not exist.
    pub fn problem_of_source(&self, source: &Source) -> Option<Problem> {
        let slug = source.template.as_deref().filter(|slug| self.source(slug).is_none())?;
        let known = self.sources.iter().map(|template| template.slug.as_str());
        Some(no_template(slug, known, "sources"))
    }

    /// What is wrong with the template that a network names: it does not exist.
    pub fn problem_of_network(&self, network: &Network) -> Option<Problem> {
        let slug = network.template.as_deref().filter(|slug| self.network(slug).is_none())?;
        let known = self.networks.iter().map(|template| template.slug.as_str());
        Some(no_template(slug, known, "networks"))
    }
}

/// What is wrong with naming a template that does not exist; `known` are the slugs of its kind.
fn no_template<'a>(slug: &str, known: impl Iterator<Item = &'a str>, collection: &str) -> Problem {
    let near = nearest::nearest(slug, known);
    let hint = match near.as_slice() {
        [] => String::new(),
        [only] => format!("did you mean `{only}`? "),
        several => format!("did you mean one of `{}`? ", several.join("`, `")),
    };
    let message = format!(
        "there is no template `{slug}`: {hint}GET /api/v1/{collection}/templates lists them"
    );
    Problem::new("template", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_template_is_a_problem_that_names_the_nearest() {
        let templates = Templates::load().unwrap();
        let source = |slug: &str| {
            let template = Some(slug.into());
            templates.problem_of_source(&Source { template, ..Source::default() })
        };
        let network = |slug: &str| {
            let template = Some(slug.into());
            templates.problem_of_network(&Network { template, ..Network::default() })
        };
        for (problem, expected) in [
            (source("meta"), None),
            (network("everflow"), None),
            (
                source("googleads"),
                Some(
                    "there is no template `googleads`: did you mean `google_ads`? GET /api/v1/sources/templates lists them",
                ),
            ),
            (
                source("rich_ads_pop"),
                Some(
                    "there is no template `rich_ads_pop`: did you mean one of `richads_pop`, `richads_push`? GET /api/v1/sources/templates lists them",
                ),
            ),
            (
                // A network's slug is no source's.
                source("everflow"),
                Some("there is no template `everflow`: GET /api/v1/sources/templates lists them"),
            ),
            (
                network("digistore"),
                Some(
                    "there is no template `digistore`: did you mean `digistore24`? GET /api/v1/networks/templates lists them",
                ),
            ),
        ] {
            assert_eq!(problem, expected.map(|message| Problem::new("template", message)));
        }
    }
}
