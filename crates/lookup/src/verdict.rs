//! Whether a request is a person's click, and if not, the stable code of the reason.

/// What a request is counted as. Every one of them gets the same answer: a crawler that reviews ads
/// must see what a visitor sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A person, as far as one can tell.
    Human,
    /// A program. Recorded as a bot click.
    Bot(Reason),
    /// A link preview, a prefetch or a probe on a person's behalf. Recorded, not counted as a click.
    Preview(Reason),
}

impl Verdict {
    /// The reason, unless it is a person.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Human => None,
            Self::Bot(reason) | Self::Preview(reason) => Some(reason),
        }
    }
}

/// Why a request is not a person's click.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An advertising platform looks at the landing page before or while it runs the ad.
    AdReview,
    /// Collects pages for a language model or fetches them for its user.
    AiCrawler,
    /// Keeps copies of pages.
    Archiver,
    /// Any other crawler, or a program that names itself a robot.
    Crawler,
    /// No user agent at all.
    EmptyUserAgent,
    /// Reads feeds, podcasts among them.
    FeedReader,
    /// The request asks for the headers only (`HEAD`).
    Head,
    /// A browser driven by a program.
    Headless,
    /// A programming library or a command-line client.
    HttpLibrary,
    /// Shows a card for a link in a chat or a feed.
    LinkPreview,
    /// Watches that a site is up and how fast.
    Monitor,
    /// The request asks what it may do (`OPTIONS`).
    Options,
    /// The browser fetches ahead of a click that may never come.
    Prefetch,
    /// The browser renders ahead of a click that may never come.
    Prerender,
    /// Looks for weaknesses.
    Scanner,
    /// Collects pages for a search engine.
    SearchEngine,
    /// Collects pages to rank, compare or watch sites.
    Seo,
    /// A page loads the address as a picture, script, style or font: nobody goes there.
    Subresource,
}

impl Reason {
    /// Every reason, in the order of their codes.
    pub const ALL: [Self; 18] = [
        Self::AdReview,
        Self::AiCrawler,
        Self::Archiver,
        Self::Crawler,
        Self::EmptyUserAgent,
        Self::FeedReader,
        Self::Head,
        Self::Headless,
        Self::HttpLibrary,
        Self::LinkPreview,
        Self::Monitor,
        Self::Options,
        Self::Prefetch,
        Self::Prerender,
        Self::Scanner,
        Self::SearchEngine,
        Self::Seo,
        Self::Subresource,
    ];

    /// The stable code in records and reports.
    pub fn code(self) -> &'static str {
        match self {
            Self::AdReview => "ad_review",
            Self::AiCrawler => "ai_crawler",
            Self::Archiver => "archiver",
            Self::Crawler => "crawler",
            Self::EmptyUserAgent => "empty_user_agent",
            Self::FeedReader => "feed_reader",
            Self::Head => "head",
            Self::Headless => "headless",
            Self::HttpLibrary => "http_library",
            Self::LinkPreview => "link_preview",
            Self::Monitor => "monitor",
            Self::Options => "options",
            Self::Prefetch => "prefetch",
            Self::Prerender => "prerender",
            Self::Scanner => "scanner",
            Self::SearchEngine => "search_engine",
            Self::Seo => "seo",
            Self::Subresource => "subresource",
        }
    }

    /// Whether it is done on a person's behalf, who may yet come.
    pub fn is_preview(self) -> bool {
        matches!(
            self,
            Self::Head
                | Self::LinkPreview
                | Self::Options
                | Self::Prefetch
                | Self::Prerender
                | Self::Subresource
        )
    }

    /// The reason with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// What method and headers say, before the user agent is looked at: `None` when nothing speaks
/// against a click.
///
/// `header` answers with the value of a header named in lower case. Meant for addresses a person
/// navigates to; a pixel is loaded as a picture by its nature.
///
/// Sources: Fetch Metadata and `Sec-Purpose` (the HTML standard, "speculative loading"), `Purpose`
/// (Chromium's `<link rel=prefetch>`), `X-Moz` (Firefox before 115), `X-Purpose` (Safari's
/// top-sites preview; Meta's apps load the page ahead of a tap).
pub fn request_verdict<'a>(
    method: &str,
    header: impl Fn(&str) -> Option<&'a str>,
) -> Option<Verdict> {
    let reason = match method {
        "HEAD" => Some(Reason::Head),
        "OPTIONS" => Some(Reason::Options),
        _ => None,
    };
    reason.or_else(|| speculative(&header)).or_else(|| subresource(&header)).map(Verdict::Preview)
}

/// The browser loads the address before anybody asked for it.
fn speculative<'a>(header: &impl Fn(&str) -> Option<&'a str>) -> Option<Reason> {
    const HEADERS: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];
    let has = |word: &str| {
        let mut purposes =
            HEADERS.into_iter().filter_map(header).flat_map(|value| value.split([';', ',']));
        purposes.any(|purpose| purpose.trim().eq_ignore_ascii_case(word))
    };
    if has("prerender") {
        Some(Reason::Prerender)
    } else if has("prefetch") {
        Some(Reason::Prefetch)
    } else if has("preview") {
        Some(Reason::LinkPreview)
    } else {
        None
    }
}

/// The address stands in a page as a part of it. `empty` is not among them: ad platforms announce a
/// click in the background with `sendBeacon` while the browser goes straight to the page (parallel
/// tracking).
fn subresource<'a>(header: &impl Fn(&str) -> Option<&'a str>) -> Option<Reason> {
    let parts = ["image", "script", "style", "font", "audio", "video", "track", "manifest"];
    let destination = header("sec-fetch-dest")?.trim();
    let mode = header("sec-fetch-mode").map_or("", str::trim);
    let part_of_page = parts.iter().any(|part| destination.eq_ignore_ascii_case(part));
    (part_of_page && !mode.eq_ignore_ascii_case("navigate")).then_some(Reason::Subresource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_one_code_of_its_own() {
        let codes = Reason::ALL.map(Reason::code);
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "sorted, so none repeats");
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
        }
        assert_eq!(Reason::from_code("no such reason"), None);
    }

    #[test]
    fn a_request_nobody_navigates_by_is_a_preview() {
        type Headers = &'static [(&'static str, &'static str)];
        let cases: [(&str, Headers, Option<Reason>); 20] = [
            ("GET", &[], None),
            ("POST", &[], None),
            ("HEAD", &[], Some(Reason::Head)),
            ("OPTIONS", &[], Some(Reason::Options)),
            ("GET", &[("sec-purpose", "prefetch")], Some(Reason::Prefetch)),
            ("GET", &[("sec-purpose", "prefetch;prerender")], Some(Reason::Prerender)),
            ("GET", &[("sec-purpose", "prefetch; anonymous-client-ip")], Some(Reason::Prefetch)),
            ("GET", &[("purpose", "prefetch")], Some(Reason::Prefetch)),
            ("GET", &[("purpose", "PREFETCH")], Some(Reason::Prefetch)),
            ("GET", &[("x-moz", "prefetch")], Some(Reason::Prefetch)),
            ("GET", &[("x-purpose", "preview")], Some(Reason::LinkPreview)),
            ("GET", &[("purpose", "something")], None),
            ("GET", &[("sec-purpose", "other"), ("purpose", "prefetch")], Some(Reason::Prefetch)),
            ("GET", &[("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")], None),
            ("GET", &[("sec-fetch-dest", "iframe"), ("sec-fetch-mode", "navigate")], None),
            (
                "GET",
                &[("sec-fetch-dest", "image"), ("sec-fetch-mode", "no-cors")],
                Some(Reason::Subresource),
            ),
            (
                "GET",
                &[("sec-fetch-dest", "script"), ("sec-fetch-mode", "cors")],
                Some(Reason::Subresource),
            ),
            ("GET", &[("sec-fetch-dest", "style")], Some(Reason::Subresource)),
            // What `sendBeacon` sends for parallel tracking: a click.
            ("POST", &[("sec-fetch-dest", "empty"), ("sec-fetch-mode", "no-cors")], None),
            ("HEAD", &[("purpose", "prefetch")], Some(Reason::Head)),
        ];
        for (method, headers, expected) in cases {
            let header =
                |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            let verdict = request_verdict(method, header);
            assert_eq!(verdict, expected.map(Verdict::Preview), "{method} {headers:?}");
        }
    }
}
