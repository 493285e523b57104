//! Client hints: what Chromium-based browsers say in `Sec-CH-UA-*` headers (WICG "User-Agent Client Hints").

/// The raw header values of one request; absent ones are `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Hints<'a> {
    /// `Sec-CH-UA`: brands with major versions.
    pub ua: Option<&'a str>,
    /// `Sec-CH-UA-Mobile`: `?1` or `?0`.
    pub mobile: Option<&'a str>,
    /// `Sec-CH-UA-Platform`: the operating system.
    pub platform: Option<&'a str>,
    /// `Sec-CH-UA-Platform-Version`: its version, never frozen.
    pub platform_version: Option<&'a str>,
    /// `Sec-CH-UA-Model`: the device's model.
    pub model: Option<&'a str>,
    /// `Sec-CH-UA-Full-Version-List`: brands with full versions.
    pub full_version_list: Option<&'a str>,
    /// `Sec-CH-UA-Form-Factors`: `"Mobile"`, `"Tablet"`, `"Desktop"`, `"XR"`, …
    pub form_factors: Option<&'a str>,
    /// `X-Requested-With`: the Android app whose built-in browser asks.
    pub requested_with: Option<&'a str>,
}

/// A brand and its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brand<'a> {
    /// As the browser writes it: `Google Chrome`, `Microsoft Edge`.
    pub name: &'a str,
    /// Full or major, whichever was sent.
    pub version: &'a str,
}

impl<'a> Hints<'a> {
    /// More of a header than this is not looked at.
    const LIMIT_BYTES: usize = 256;

    /// The same hints without what exceeds the limit.
    pub fn bounded(&self) -> Self {
        let cut =
            |value: Option<&'a str>| value.map(|text| crate::agents::cut(text, Self::LIMIT_BYTES));
        Self {
            ua: cut(self.ua),
            mobile: cut(self.mobile),
            platform: cut(self.platform),
            platform_version: cut(self.platform_version),
            model: cut(self.model),
            full_version_list: cut(self.full_version_list),
            form_factors: cut(self.form_factors),
            requested_with: cut(self.requested_with),
        }
    }

    /// The brand that says most: a browser's own name before `Google Chrome` before the engine.
    pub fn brand(&self) -> Option<Brand<'a>> {
        let brands = |list: Option<&'a str>| list.and_then(most_specific);
        let full = brands(self.full_version_list);
        full.or_else(|| brands(self.ua))
    }

    /// The operating system's name.
    pub fn platform(&self) -> Option<&'a str> {
        self.platform.map(unquoted).filter(|name| !name.is_empty() && *name != "Unknown")
    }

    /// Its version, without the zero parts that only fill up.
    pub fn platform_version(&self) -> Option<&'a str> {
        let version = self.platform_version.map(unquoted)?;
        let numeric = version.split('.').all(|part| part.parse::<u32>().is_ok());
        (numeric && !version.is_empty()).then_some(version)
    }

    /// The device's model.
    pub fn model(&self) -> Option<&'a str> {
        self.model.map(unquoted).filter(|model| !model.is_empty() && *model != "K")
    }

    /// Whether the browser prefers pages for small screens.
    pub fn mobile(&self) -> Option<bool> {
        match self.mobile.map(str::trim)? {
            "?1" | "1" => Some(true),
            "?0" | "0" => Some(false),
            _ => None,
        }
    }

    /// Whether a form factor is named.
    pub fn has_form(&self, form: &str) -> bool {
        self.form_factors.is_some_and(|list| {
            list.split(',').any(|item| unquoted(item).eq_ignore_ascii_case(form))
        })
    }
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches('"').trim()
}

/// Reads a list such as `"Not A;Brand";v="99", "Chromium";v="98", "Google Chrome";v="98"`.
fn brands(list: &str) -> impl Iterator<Item = Brand<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let open = rest.find('"')?;
        let name_end = open + 1 + rest[open + 1..].find('"')?;
        let name = &rest[open + 1..name_end];
        rest = &rest[name_end + 1..];
        let parameters_end = rest.find(',').unwrap_or(rest.len());
        let parameters = &rest[..parameters_end];
        rest = rest.get(parameters_end + 1..).unwrap_or("");
        let version = parameters.split_once("v=").map_or("", |(_, value)| unquoted(value));
        Some(Brand { name: name.trim(), version })
    })
}

fn most_specific(list: &str) -> Option<Brand<'_>> {
    let rank = |brand: &Brand<'_>| match brand.name {
        "Chromium" => 1,
        "Google Chrome" | "Android WebView" => 2,
        // Opera's phone browser lists itself as both; the second one has its own version.
        "OperaMobile" => 4,
        _ => 3,
    };
    brands(list).filter(|brand| !is_grease(brand.name)).max_by_key(rank)
}

/// Browsers mix in a made-up brand so that nobody relies on the list's form: `Not A;Brand`,
/// `Not/A)Brand`, `Not_A Brand` and the like (WICG "User-Agent Client Hints", 6.2 GREASE).
fn is_grease(name: &str) -> bool {
    let letters =
        name.bytes().filter(u8::is_ascii_alphabetic).map(|byte| byte.to_ascii_lowercase());
    letters.eq(*b"notabrand") || name.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_most_specific_brand_is_found_whatever_is_mixed_in() {
        let cases = [
            (
                r#""Not A;Brand";v="99", "Chromium";v="98", "Google Chrome";v="98""#,
                Some(("Google Chrome", "98")),
            ),
            (r#""Chromium";v="104", " Not A;Brand";v="99""#, Some(("Chromium", "104"))),
            (
                r#""Not/A)Brand";v="8", "Chromium";v="126", "Microsoft Edge";v="126""#,
                Some(("Microsoft Edge", "126")),
            ),
            (
                r#""Opera";v="82", "Chromium";v="96", "OperaMobile";v="67""#,
                Some(("OperaMobile", "67")),
            ),
            (
                r#""Brave";v="131", "Chromium";v="131", "Not_A Brand";v="24""#,
                Some(("Brave", "131")),
            ),
            (r#""(Not(A:Brand";v="99.0.0.0""#, None),
            (r#""a, b";v="1""#, Some(("a, b", "1"))),
            (r#""no version""#, Some(("no version", ""))),
            (r#""not closed"#, None),
            ("", None),
        ];
        for (list, expected) in cases {
            let hints = Hints { ua: Some(list), ..Hints::default() };
            assert_eq!(hints.brand().map(|brand| (brand.name, brand.version)), expected, "{list}");
        }
    }

    #[test]
    fn full_versions_go_before_major_ones() {
        let hints = Hints {
            ua: Some(r#""Google Chrome";v="98""#),
            full_version_list: Some(r#""Google Chrome";v="98.0.4758.87""#),
            ..Hints::default()
        };
        assert_eq!(hints.brand().map(|brand| brand.version), Some("98.0.4758.87"));
    }

    #[test]
    fn values_are_read_with_and_without_quotes_and_empty_ones_are_none() {
        let hints = Hints {
            platform: Some("\"Windows\""),
            platform_version: Some("\"15.0.0\""),
            model: Some("\"\""),
            mobile: Some("?0"),
            form_factors: Some("\"Desktop\", \"XR\""),
            ..Hints::default()
        };
        assert_eq!((hints.platform(), hints.platform_version()), (Some("Windows"), Some("15.0.0")));
        assert_eq!((hints.model(), hints.mobile()), (None, Some(false)));
        assert!(hints.has_form("desktop") && hints.has_form("XR") && !hints.has_form("Tablet"));
        let odd = Hints { platform_version: Some("1.x"), mobile: Some("?2"), ..Hints::default() };
        assert_eq!((odd.platform_version(), odd.mobile()), (None, None));
    }

    proptest! {
        #[test]
        fn no_list_is_a_panic(list in "\\PC{0,300}") {
            let hints = Hints { ua: Some(&list), ..Hints::default() }.bounded();
            hints.brand();
        }
    }
}
