//! Which files of an archive become a lander's, by their names.

use edge::MediaType;

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is served.
    Kept,
    /// It is not needed by a page; why.
    LeftOut(&'static str),
    /// With it the whole archive is refused; why, and what to do.
    Refused(&'static str),
}

/// The longest path.
const PATH_BYTES_MAX: usize = 512;

/// What other systems put beside files.
const OF_SYSTEMS: [&str; 4] = ["__MACOSX", "Thumbs.db", "desktop.ini", "$RECYCLE.BIN"];

/// Programs for other servers: served as files they would show their source, and the lander would not work.
const PROGRAMS: [&str; 16] = [
    "php", "phtml", "php3", "php4", "php5", "php7", "phar", "asp", "aspx", "jsp", "jspx", "cgi",
    "pl", "py", "rb", "shtml",
];

/// Judges a path, with `/` between folders.
pub fn judge(path: &str) -> Verdict {
    if path.len() > PATH_BYTES_MAX {
        return Verdict::Refused("the path is longer than 512 bytes");
    }
    if path.contains('\\') {
        return Verdict::Refused("the path has a `\\`: pack with `/` between folders");
    }
    if path.contains(':') || path.chars().any(char::is_control) {
        return Verdict::Refused("the path has a `:` or a control character: rename the file");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Verdict::Refused("the path leads out of the archive: pack the folder itself");
    }
    if path.split('/').any(|part| part.starts_with('.') || OF_SYSTEMS.contains(&part)) {
        return Verdict::LeftOut("it belongs to a system or tool");
    }
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    if PROGRAMS.iter().any(|program| program.eq_ignore_ascii_case(ending)) {
        return Verdict::Refused(
            "it is a program for another server: save the page as its visitors see it, as HTML",
        );
    }
    match MediaType::of(path) {
        Some(_) => Verdict::Kept,
        None => Verdict::LeftOut("no page can use this kind of file"),
    }
}

/// The folder that all files which are served lie in, with its `/`; empty when they do not lie in one. Most programs
/// pack a folder under its name.
pub fn common_folder<'a>(paths: &[&'a str]) -> &'a str {
    let mut served = paths.iter().filter(|path| judge(path) == Verdict::Kept);
    let Some(first) = served.next() else { return "" };
    let folder = first.find('/').and_then(|end| first.get(..=end)).unwrap_or_default();
    if served.all(|path| path.starts_with(folder)) { folder } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whether_its_file_is_served() {
        for (path, kept, refused) in [
            ("index.html", true, false),
            ("img/Größe 1.PNG", true, false),
            ("a/b/c.min.js", true, false),
            (".htaccess", false, false),
            (".git/config", false, false),
            ("__MACOSX/._index.html", false, false),
            ("img/Thumbs.db", false, false),
            ("readme.md", false, false),
            ("layers.psd", false, false),
            ("LICENSE", false, false),
            ("index.php", false, true),
            ("send.PHP", false, true),
            ("../index.html", false, true),
            ("a/../../index.html", false, true),
            ("/etc/index.html", false, true),
            ("a//index.html", false, true),
            ("./index.html", false, true),
            ("..\\index.html", false, true),
            ("C:/index.html", false, true),
            ("in\ndex.html", false, true),
            ("in\0dex.html", false, true),
            ("", false, true),
        ] {
            let verdict = judge(path);
            assert_eq!(verdict == Verdict::Kept, kept, "{path:?}: {verdict:?}");
            assert_eq!(matches!(verdict, Verdict::Refused(_)), refused, "{path:?}: {verdict:?}");
        }
        assert!(matches!(judge(&format!("{}.html", "a".repeat(512))), Verdict::Refused(_)));
    }

    #[test]
    fn the_folder_around_everything_is_found() {
        for (paths, folder) in [
            (&["quiz/index.html", "quiz/img/a.png"][..], "quiz/"),
            (&["__MACOSX/x.html", "readme.md", "quiz/index.html"], "quiz/"),
            (&["index.html", "quiz/a.png"], ""),
            (&["a/index.html", "b/index.html"], ""),
            (&["quiz/index.html", "quiz2/a.png"], ""),
            (&["readme.md"], ""),
            (&[], ""),
        ] {
            assert_eq!(common_folder(paths), folder, "{paths:?}");
        }
    }
}
