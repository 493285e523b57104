//! Ids as ad platforms make them for a click: the length and look of each, so that stores are measured honestly.

use super::random::Random;
use anyhow::bail;

const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGITS: &[u8] = b"0123456789";
const HEX: &[u8] = b"0123456789abcdef";

/// Which kind of id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignId {
    /// Google's `gclid`, about 90 characters; on iPhones at times `gbraid` or `wbraid`.
    Google,
    /// Meta's `fbclid`, 60 to 160.
    Meta,
    /// TikTok's `ttclid`, 120 to 180.
    TikTok,
    /// Taboola's, about 70.
    Taboola,
    /// A number of 18 digits.
    Propeller,
    /// 32 hexadecimal digits with hyphens.
    RichAds,
}

impl ForeignId {
    /// The kind with this word.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_word(word: &str) -> anyhow::Result<Self> {
        Ok(match word {
            "gclid" => Self::Google,
            "fbclid" => Self::Meta,
            "ttclid" => Self::TikTok,
            "tblci" => Self::Taboola,
            "propeller" => Self::Propeller,
            "richads" => Self::RichAds,
            _ => bail!("nobody makes ids called `{word}`"),
        })
    }

    /// A new one.
    pub fn make(self, random: &mut Random) -> String {
        match self {
            Self::Google => {
                let start = if random.chance(0.7) { "Cj0KCQjw" } else { "EAIaIQobChMI" };
                let length = 88 - start.len() - 8 + random.below(4);
                format!("{start}{}EALw_wcB", random.text(BASE64URL, length))
            }
            Self::Meta => {
                let length = 18 + random.below(80);
                format!(
                    "IwZXh0bgNhZW0B{}_aem_{}",
                    random.text(BASE64URL, length),
                    random.text(BASE64URL, 22)
                )
            }
            Self::TikTok => {
                let length = 114 + random.below(60);
                format!("E.C.P.{}", random.text(BASE64URL, length))
            }
            Self::Taboola => format!("GiC{}", random.text(BASE64URL, 67)),
            Self::Propeller => format!("{}{}", 1 + random.below(9), random.text(DIGITS, 17)),
            Self::RichAds => {
                let parts = [8, 4, 4, 4, 12].map(|length| random.text(HEX, length));
                parts.join("-")
            }
        }
    }

    /// The parameter in which Google sends what it made on an iPhone without consent to tracking, now and then.
    pub fn other_name(self, system: &str, random: &mut Random) -> Option<&'static str> {
        let is_other = self == Self::Google && system == "ios" && random.chance(0.15);
        is_other.then(|| if random.chance(0.6) { "gbraid" } else { "wbraid" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_as_long_as_the_platforms_make_them() {
        let mut random = Random::of(1, 1, 1);
        for (word, shortest, longest) in [
            ("gclid", 86, 92),
            ("fbclid", 59, 160),
            ("ttclid", 120, 180),
            ("tblci", 66, 72),
            ("propeller", 18, 18),
            ("richads", 36, 36),
        ] {
            let kind = ForeignId::from_word(word).unwrap();
            for _ in 0..1000 {
                let id = kind.make(&mut random);
                assert!((shortest..=longest).contains(&id.len()), "{word} {id}");
                assert_eq!(model::params::encode(&id), id, "needs no encoding");
            }
        }
        assert!(ForeignId::from_word("x").is_err());
    }
}
