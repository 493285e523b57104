//! A page of a hosted lander for its visitor: what the click says stands in its tokens, and the page script is in it.

use crate::edge::Edge;
use crate::hosted_page::{HostedPage, ScriptTag};
use crate::lander_click::named_click;
use crate::packing::{Strength, packed, takes_gzip};
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::site::Site;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, header};
use model::ClickId;
use model::facts::Facts;
use model::record::tag;
use model::route::UrlValues;
use model::table::{CampaignRoute, RoutingTable};
use model::template::{Token, TokenValues};
use std::borrow::Cow;

const TYPE: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// It may be kept for going back and forth, but no other visitor gets it.
const KEPT: HeaderValue = HeaderValue::from_static("private, no-cache");
/// A page smaller than a packet gets no faster by being packed.
const PACKED_FROM_BYTES: usize = 1_000;
/// What the page script looks for when nobody says otherwise.
const USUAL_PARAM: &str = "clickid";

/// The page as this visitor gets it.
pub(super) async fn reply(
    edge: &Edge,
    request: &Incoming<'_>,
    site: Site,
    table: &RoutingTable,
    page: &HostedPage,
) -> Reply {
    let text = match click(edge, request, site, table).await {
        Some(click) => click.fill(edge, table, page),
        None => page.fill(&Nobody, None),
    };
    let body = Bytes::from(text);
    let gzip = match takes_gzip(request.headers) && body.len() >= PACKED_FROM_BYTES {
        true => pack(body.clone()).await,
        false => None,
    };
    let mut reply = Response::new(Bytes::new());
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, TYPE);
    headers.insert(header::CACHE_CONTROL, KEPT);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let body = gzip.unwrap_or(body);
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    if request.method != Method::HEAD {
        *reply.body_mut() = body;
    }
    reply::ask_for_hints(&mut reply);
    reply
}

/// Not on the threads that answer clicks.
async fn pack(body: Bytes) -> Option<Bytes> {
    let work = move || packed(&body, Strength::Fast).ok();
    tokio::task::spawn_blocking(work).await.ok()?.map(Bytes::from)
}

/// The click that a page is looked at for.
struct Looking<'t> {
    id: ClickId,
    facts: Facts,
    campaign: &'t CampaignRoute,
}

/// The click that the page's URL names, else the newest of the visitor's cookie.
async fn click<'t>(
    edge: &Edge,
    request: &Incoming<'_>,
    site: Site,
    table: &'t RoutingTable,
) -> Option<Looking<'t>> {
    let query = Query::bounded(request.path_and_query, edge.config.limits.uri_kept_bytes);
    let id = named_click(edge, request, query, table).ok()?;
    let campaign = table.campaign(id.campaign).filter(|c| site.serves(c.workspace))?;
    let found = edge.recall(campaign.workspace, id.key).await;
    Some(Looking { id, facts: found.map(|click| click.facts).unwrap_or_default(), campaign })
}

impl Looking<'_> {
    fn fill(&self, edge: &Edge, table: &RoutingTable, page: &HostedPage) -> String {
        let text = self.id.text(&edge.config.id_prefix, &edge.keys);
        let click_param = &edge.settings(table, self.campaign.workspace).click_param;
        let values = UrlValues {
            table,
            campaign: self.campaign,
            facts: &self.facts,
            query: self.facts.text_at(tag::RAW_QUERY).unwrap_or_default(),
            key: self.id.key,
            click_id: text.as_str(),
            click_param,
            draws: edge.keys.draw(),
        };
        let param = Some(&**click_param).filter(|param| *param != USUAL_PARAM);
        page.fill(&values, Some(&ScriptTag { campaign: &self.campaign.key, param }))
    }
}

/// Somebody who came without a click: tokens are empty, or what they are by default.
struct Nobody;

impl TokenValues for Nobody {
    fn value(&self, _: Token) -> Cow<'_, str> {
        Cow::Borrowed("")
    }
}
