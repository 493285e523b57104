//! `/l/NAME/…` of a tracking domain: the pages of hosted landers, filled for their visitor, and their files.

mod bundles;
mod file;
mod held;
mod library;
mod media_type;
mod page;

pub use bundles::{Bundles, Listing, StoredFile};
pub(crate) use library::Library;
pub use media_type::MediaType;

use crate::counters::Event;
use crate::edge::Edge;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::site::Site;
use http::StatusCode;
use percent_encoding::percent_decode_str;

/// What a folder answers with.
const INDEX: &str = "index.html";

/// Answers for a path behind `/l/`. Hosts that are no tracking domain have no such paths: pages of others never stand
/// beside the API, or where its cookies are.
pub(crate) async fn hosted(edge: &Edge, request: &Incoming<'_>, site: Site, path: &str) -> Reply {
    let Site::Domain { workspace, .. } = site else { return edge.refuse(Event::NoEndpoint) };
    let table = edge.table.load_full();
    let (folder, path) = path.split_once('/').map_or((path, None), |(at, path)| (at, Some(path)));
    let Some(bundle) = table.hosted_bundle(workspace, folder) else {
        return edge.refuse(Event::NoLanderFile);
    };
    let Some(path) = path else { return with_slash(edge, request) };
    let listing = edge.library.listing(bundle).await;
    match listing.as_deref().map_or(Found::Nothing, |listing| find(listing, path)) {
        Found::File(kind, stored) if kind.is_page() => match edge.library.page(stored.sha256).await
        {
            Some(page) => page::reply(edge, request, site, &table, &page).await,
            None => edge.refuse(Event::NoLanderFile),
        },
        Found::File(kind, stored) => match edge.library.file(stored.sha256, kind.packs).await {
            Some(whole) => file::reply(request, kind, stored, &whole),
            None => edge.refuse(Event::NoLanderFile),
        },
        Found::Folder => with_slash(edge, request),
        Found::Nothing => edge.refuse(Event::NoLanderFile),
    }
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Found {
    File(&'static MediaType, StoredFile),
    Folder,
    Nothing,
}

/// Looks a path up in the list, and nowhere else: `..` is a name that no list has.
fn find(listing: &Listing, path: &str) -> Found {
    let Ok(path) = percent_decode_str(path).decode_utf8() else { return Found::Nothing };
    let is_folder = path.is_empty() || path.ends_with('/');
    let name = if is_folder { format!("{path}{INDEX}") } else { path.into_owned() };
    match listing.get(&name).zip(MediaType::of(&name)) {
        Some((stored, kind)) => Found::File(kind, *stored),
        None if !is_folder && listing.contains_key(&format!("{name}/{INDEX}")) => Found::Folder,
        None => Found::Nothing,
    }
}

/// A folder without the slash at its end: relative links of its page would lead beside it.
fn with_slash(edge: &Edge, request: &Incoming<'_>) -> Reply {
    let (path, query) = (request.path(), request.query());
    let mark = if query.is_empty() { "" } else { "?" };
    let reply = reply::redirect(StatusCode::FOUND, format!("{path}/{mark}{query}"));
    reply.unwrap_or_else(|| edge.refuse(Event::NoLanderFile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::digest::Digest;

    #[test]
    fn a_path_is_looked_up_in_the_list_and_nowhere_else() {
        let stored = StoredFile { sha256: Digest([1; 32]), bytes: 1 };
        let names = ["index.html", "a b/ü.png", "sub/index.html", "src/run.php"];
        let listing = names.map(|name| (name.to_owned(), stored)).into();
        for (path, expected) in [
            ("", "file"),
            ("index.html", "file"),
            ("a%20b/%C3%BC.png", "file"),
            ("sub/", "file"),
            ("sub", "folder"),
            ("src/run.php", "nothing"),
            ("src", "nothing"),
            ("../index.html", "nothing"),
            ("%2e%2e/index.html", "nothing"),
            ("sub/../index.html", "nothing"),
            ("/index.html", "nothing"),
            ("%FF", "nothing"),
            ("%", "nothing"),
            ("index.html%00", "nothing"),
            ("INDEX.HTML", "nothing"),
        ] {
            let found = match find(&listing, path) {
                Found::File(..) => "file",
                Found::Folder => "folder",
                Found::Nothing => "nothing",
            };
            assert_eq!(found, expected, "{path}");
        }
    }
}
