//! What kinds of files a hosted lander may have: the type is said by us, by the name's ending, and no browser guesses.

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// What stands in front of the dot, in lower case.
    pub ending: &'static str,
    /// `Content-Type` (IANA media types registry).
    pub name: &'static str,
    /// Whether it gets smaller by packing.
    pub packs: bool,
}

const fn packed(ending: &'static str, name: &'static str) -> MediaType {
    MediaType { ending, name, packs: true }
}

const fn plain(ending: &'static str, name: &'static str) -> MediaType {
    MediaType { ending, name, packs: false }
}

/// THE table of what is served.
const MEDIA_TYPES: [MediaType; 38] = [
    packed("html", "text/html; charset=utf-8"),
    packed("htm", "text/html; charset=utf-8"),
    packed("css", "text/css; charset=utf-8"),
    packed("js", "text/javascript; charset=utf-8"),
    packed("mjs", "text/javascript; charset=utf-8"),
    packed("map", "application/json"),
    packed("json", "application/json"),
    packed("webmanifest", "application/manifest+json"),
    packed("txt", "text/plain; charset=utf-8"),
    packed("vtt", "text/vtt; charset=utf-8"),
    packed("xml", "text/xml; charset=utf-8"),
    packed("svg", "image/svg+xml"),
    packed("wasm", "application/wasm"),
    packed("ttf", "font/ttf"),
    packed("otf", "font/otf"),
    packed("eot", "application/vnd.ms-fontobject"),
    packed("ico", "image/vnd.microsoft.icon"),
    packed("bmp", "image/bmp"),
    plain("woff", "font/woff"),
    plain("woff2", "font/woff2"),
    plain("png", "image/png"),
    plain("apng", "image/apng"),
    plain("jpg", "image/jpeg"),
    plain("jpeg", "image/jpeg"),
    plain("gif", "image/gif"),
    plain("webp", "image/webp"),
    plain("avif", "image/avif"),
    plain("jxl", "image/jxl"),
    plain("mp4", "video/mp4"),
    plain("m4v", "video/mp4"),
    plain("webm", "video/webm"),
    plain("ogv", "video/ogg"),
    plain("mp3", "audio/mpeg"),
    plain("m4a", "audio/mp4"),
    plain("ogg", "audio/ogg"),
    plain("wav", "audio/wav"),
    plain("pdf", "application/pdf"),
    plain("lottie", "application/zip"),
];

impl MediaType {
    /// The kind of a file by its path; `None` for what is not served.
    pub fn of(path: &str) -> Option<&'static Self> {
        let name = path.rsplit('/').next()?;
        let (_, ending) = name.rsplit_once('.')?;
        MEDIA_TYPES.iter().find(|known| known.ending.eq_ignore_ascii_case(ending))
    }

    /// Whether it is a page, with tokens to be filled.
    pub fn is_page(&self) -> bool {
        matches!(self.ending, "html" | "htm")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_the_type_and_nothing_else_is_served() {
        for (path, name) in [
            ("index.html", Some("text/html; charset=utf-8")),
            ("a/b.min.JS", Some("text/javascript; charset=utf-8")),
            ("img/logo.svg", Some("image/svg+xml")),
            ("index.php", None),
            ("index.html.php", None),
            ("html", None),
            ("a.html/b", None),
            ("run.exe", None),
            ("", None),
        ] {
            assert_eq!(MediaType::of(path).map(|kind| kind.name), name, "{path}");
        }
        let mut endings: Vec<_> = MEDIA_TYPES.iter().map(|kind| kind.ending).collect();
        endings.sort_unstable();
        endings.dedup();
        assert_eq!(endings.len(), MEDIA_TYPES.len());
    }
}
