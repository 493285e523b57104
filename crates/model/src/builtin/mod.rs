//! Templates that come with the program: traffic sources and affiliate networks as they are known to work.
//!
//! The facts are data (`data/source_templates.toml`, `data/network_templates.toml`), so that a change of
//! a platform is a change of one line. A source or network keeps the slug it was made from.

mod nearest;
mod network;
mod source;

pub use network::NetworkTemplate;
pub use source::{CostBasis, SourceTemplate, TemplateParam};

use crate::thing::Problem;
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

/// What is wrong with naming a template that does not exist; `known` are the slugs of its kind.
pub(crate) fn no_template<'a>(
    slug: &str,
    known: impl Iterator<Item = &'a str>,
    collection: &str,
) -> Problem {
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
    use crate::thing::{Body, Network, Source};

    #[test]
    fn an_unknown_template_is_a_problem_that_names_the_nearest() {
        let source = |slug: &str| Source { template: Some(slug.into()), ..Source::default() };
        let network = |slug: &str| Network { template: Some(slug.into()), ..Network::default() };
        for (problems, expected) in [
            (source("meta").problems(), None),
            (network("everflow").problems(), None),
            (
                source("googleads").problems(),
                Some(
                    "there is no template `googleads`: did you mean `google_ads`? GET /api/v1/sources/templates lists them",
                ),
            ),
            (
                source("rich_ads_pop").problems(),
                Some(
                    "there is no template `rich_ads_pop`: did you mean one of `richads_pop`, `richads_push`? GET /api/v1/sources/templates lists them",
                ),
            ),
            (
                // A network's slug is no source's.
                source("everflow").problems(),
                Some("there is no template `everflow`: GET /api/v1/sources/templates lists them"),
            ),
            (
                network("digistore").problems(),
                Some(
                    "there is no template `digistore`: did you mean `digistore24`? GET /api/v1/networks/templates lists them",
                ),
            ),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|message| Problem::new("template", message)).collect();
            assert_eq!(problems, expected);
        }
    }
}
