//! The pages of the example campaign: a landing page that shows direct tracking step by step, and the offer, which shows
//! the click id that arrived and what to try with it.

use crate::app::App;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::Html;
use axum::routing::get;
use serde::Deserialize;
use std::sync::Arc;

const LANDING: &str = include_str!("example/landing.html");

/// The pages under `/example`.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/example/offer", get(offer))
        .route("/example/landing", get(async || Html(LANDING)))
        .with_state(app)
}

#[derive(Deserialize)]
struct Arrival {
    #[serde(default)]
    name: String,
    #[serde(default)]
    clickid: String,
}

async fn offer(State(app): State<Arc<App>>, Query(arrival): Query<Arrival>) -> Html<String> {
    let (name, id) = (escape(&arrival.name), escape(&arrival.clickid));
    let url = &app.config.public_url;
    // A transaction of its own for every click: the same one on two clicks would be refused.
    let txid = &id[id.floor_char_boundary(id.len().saturating_sub(8))..];
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Example offer {name}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{{font:16px/1.5 system-ui;max-width:44em;margin:3em auto;padding:0 1em}}code{{overflow-wrap:anywhere}}</style>\
         <h1>Example offer {name}</h1>\
         <p>Your click arrived with the id <code id=\"clickid\">{id}</code>.</p>\
         <p>Play the network and report a conversion worth 2.50:<br>\
         <a id=\"postback\" href=\"{url}/postback?clickid={id}&amp;payout=2.50&amp;txid={txid}\">\
         {url}/postback?clickid={id}&amp;payout=2.50&amp;txid={txid}</a></p>\
         <p>Then see what it earned, and the whole story of the click:</p>\
         <pre>clicktrail report --by campaign,offer\nclicktrail trail {id}</pre></html>"
    ))
}

/// Text as it may stand in HTML, in an attribute too.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn no_character_leaves_its_text() {
        assert_eq!(escape("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
    }
}
