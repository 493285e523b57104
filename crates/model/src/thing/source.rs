//! A traffic source: how its parameters become our fields, and what to tell it about conversions.

use super::workspace::is_param_name;
use super::{Body, Kind, Problem};
use crate::field::Field;
use crate::money::Currency;
use crate::template::Template;
use serde::{Deserialize, Serialize};

/// A place ads are bought at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// The built-in template it was made from.
    pub template: Option<String>,
    /// Which parameter of the landing URL fills which field.
    pub params: Vec<SourceParam>,
    /// The parameter that holds the source's own click id.
    pub click_id_param: Option<String>,
    /// The parameter that holds the click's cost.
    pub cost_param: Option<String>,
    /// The currency of that cost; the workspace's when absent.
    pub cost_currency: Option<Currency>,
    /// URLs to call when a conversion comes in.
    pub postback_urls: Vec<String>,
}

/// One parameter of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceParam {
    /// Its name in the landing URL.
    pub param: String,
    /// The field it fills: one about the ad, `external_id` or a sub id.
    pub field: Field,
}

impl Body for Source {
    const KIND: Kind = Kind::Source;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (i, SourceParam { param, field }) in self.params.iter().enumerate() {
            if !is_param_name(param) {
                problems.push(Problem::new(
                    format!("params[{i}].param"),
                    "expected the name of a query parameter",
                ));
            }
            if !field.from_source() {
                let message = format!(
                    "`{field}` is not filled by a source; use an ad field, external_id or sub1 … sub20"
                );
                problems.push(Problem::new(format!("params[{i}].field"), message));
            }
            if self.params[..i].iter().any(|earlier| earlier.param == *param) {
                problems.push(Problem::new(
                    format!("params[{i}].param"),
                    format!("`{param}` is listed twice"),
                ));
            }
        }
        for (name, value) in
            [("click_id_param", &self.click_id_param), ("cost_param", &self.cost_param)]
        {
            if value.as_deref().is_some_and(|param| !is_param_name(param)) {
                problems.push(Problem::new(name, "expected the name of a query parameter"));
            }
        }
        for (i, url) in self.postback_urls.iter().enumerate() {
            if let Err(error) = Template::parse(url) {
                problems.push(Problem::new(format!("postback_urls[{i}]"), error.to_string()));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postback_url_is_a_destination() {
        for (url, expected) in [
            ("https://source.example/?id={external_id}", None),
            ("source.example/?id={external_id}", Some("http://")),
            ("https://source.example/?id={external}", Some("unknown token")),
            ("", Some("http://")),
        ] {
            let fine = "https://a.example/".to_owned();
            let source = Source { postback_urls: vec![fine, url.to_owned()], ..Source::default() };
            let problems = source.problems();
            assert_eq!(problems.is_empty(), expected.is_none(), "{url}: {problems:?}");
            let Some(part) = expected else { continue };
            assert_eq!(problems[0].field, "postback_urls[1]", "{url}");
            assert!(problems[0].message.contains(part), "{url}: {problems:?}");
        }
    }
}
