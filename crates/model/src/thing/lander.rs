//! A lander: a page between the ad and the offer, somebody else's or one whose files we serve.

use super::{Body, Kind, Problem};
use crate::digest::Digest;
use crate::page;
use crate::template::Template;
use serde::{Deserialize, Serialize};

/// What the paths of hosted landers begin with.
pub const HOSTED_PATH: &str = "/l/";

/// A landing page of the operator's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lander {
    /// Where it is; tokens may stand behind the authority. Of a hosted lander: `/l/NAME/` of a tracking domain.
    pub url: String,
    /// How many offers it links to (`/click/1` … `/click/n`).
    #[serde(default = "one")]
    pub offers: u8,
    /// Its files, when they are served from here: the number that their upload gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub bundle: Option<BundleId>,
}

const fn one() -> u8 {
    1
}

impl Lander {
    /// Host and folder under which its files are served; `None` of one that is not hosted.
    pub fn hosted_at(&self) -> Option<(&str, &str)> {
        self.bundle?;
        let parts = page::Parts::of(&self.url)?;
        let (folder, _) = parts.path.strip_prefix(HOSTED_PATH)?.split_once('/')?;
        is_folder(folder).then_some((parts.host, folder))
    }
}

/// What a browser never writes in another way.
fn is_folder(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_plain)
}

impl Body for Lander {
    const KIND: Kind = Kind::Lander;

    fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Template::parse(&self.url)
            .err()
            .map(|error| Problem::new("url", error.to_string()))
            .into_iter()
            .collect();
        if !(1..=20).contains(&self.offers) {
            problems.push(Problem::new("offers", "expected 1 to 20"));
        }
        if problems.is_empty() && self.bundle.is_some() && self.hosted_at().is_none() {
            let message = "of a hosted lander, expected https://DOMAIN/l/NAME/ and what may follow: NAME of letters, digits, `-`, `_` and `.`";
            problems.push(Problem::new("url", message));
        }
        problems
    }
}

/// The files of a hosted lander as one: the digest of the list of their paths and contents. The same files have the same
/// number, and what a number names never changes.
pub type BundleId = Digest;

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLE: &str = "00ff5a0000000000000000000000000000000000000000000000000000000001";

    fn lander(url: &str, bundle: Option<&str>) -> Lander {
        let bundle = bundle.map(|text| text.parse().unwrap());
        Lander { url: url.into(), offers: 1, bundle }
    }

    #[test]
    fn a_hosted_lander_has_a_folder_of_its_own() {
        for (url, at) in [
            ("https://go.example/l/quiz/", Some(("go.example", "quiz"))),
            ("https://go.example:8443/l/quiz/b.html?c={country}#top", Some(("go.example", "quiz"))),
            ("http://go.example/l/a-b_c.d/x/y.html", Some(("go.example", "a-b_c.d"))),
            ("https://go.example/l/quiz", None),
            ("https://go.example/l//", None),
            ("https://go.example/l/../", None),
            ("https://go.example/l/{country}/", None),
            ("https://go.example/l/a%20b/", None),
            ("https://go.example/landers/quiz/", None),
            ("https://go.example/", None),
        ] {
            assert_eq!(lander(url, Some(BUNDLE)).hosted_at(), at, "{url}");
            assert_eq!(lander(url, Some(BUNDLE)).problems().is_empty(), at.is_some(), "{url}");
            assert_eq!(lander(url, None).hosted_at(), None);
            assert!(lander(url, None).problems().is_empty(), "{url}");
        }
    }
}
