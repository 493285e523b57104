//! Conversions as they are reported: postbacks from servers, pixels from browsers. Stored raw, then answered.

use crate::batch::{self, Told, TooMany};
use crate::cookie::Cookies;
use crate::counters::Event;
use crate::edge::Edge;
use crate::headers::Headers;
use crate::log::{Entry, encode};
use crate::peer::client_address;
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::sender::check_sender;
use crate::verdicts::Outcome;
use crate::visitor::kept_address;
use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use model::facts::Facts;
use model::id::{ClickId, IdError};
use model::notification::read_body;
use model::postback::{Named, NotNamed, PostbackParam, PostbackParams};
use model::record::{RecordKind, tag};
use model::table::RoutingTable;
use model::thing::{DEFAULT_WORKSPACE, IpPrivacy, Network, Thing, ThingId};
use model::{Field, first_party, params};
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// How long `?wait=1` waits for the verdict.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Headers of a postback that are kept, each cut to this many bytes.
const HEADER_BYTES_MAX: usize = 512;
/// More parameters than this are not looked at.
const PARAMS_MAX: usize = 256;

/// A network's key, where it stands neither in the path nor in a parameter.
const KEY_HEADER: HeaderName = HeaderName::from_static("x-postback-key");

/// What intake found out about a call.
struct Call {
    id: Option<ClickId>,
    refusal: Option<Event>,
    notes: Vec<&'static str>,
    network: Option<ThingId>,
    workspace: ThingId,
    facts: Facts,
}

/// A postback: stored, then answered. Networks switch partners off after repeated errors, so a stored postback is
/// answered 200 whatever it is worth, unless its sender is told to expect otherwise.
pub(crate) async fn postback(edge: &Edge, request: &Incoming<'_>, key: Option<&str>) -> Reply {
    let table = edge.table.load_full();
    if let Some(elements) = batch::elements(request.body) {
        return postbacks(edge, request, &table, key, elements).await;
    }
    let call = Call::read(edge, request, &table, key, RecordKind::Postback);
    if let Some(refusal) = call.refusal {
        edge.log.counters.count(refusal);
    }
    let Ok(sequence) = call.store(edge, RecordKind::Postback).await else {
        return edge.unavailable();
    };
    let query = Query { text: request.query(), is_cut: false };
    let outcome = match call.refusal {
        None if query.is_set("wait") => edge.verdicts.wait(sequence, WAIT_MAX).await,
        _ => None,
    };
    call.answer(query, sequence, outcome)
}

/// Several postbacks in one call: each is a call of its own, and all of them share one write.
async fn postbacks(
    edge: &Edge,
    request: &Incoming<'_>,
    table: &RoutingTable,
    key: Option<&str>,
    elements: Result<Vec<Bytes>, TooMany>,
) -> Reply {
    let kind = RecordKind::Postback;
    let calls: Vec<Call> = match elements {
        Ok(elements) => {
            let of = |(number, body)| {
                let mut call = Call::read(edge, &Incoming { body, ..*request }, table, key, kind);
                call.facts.push_int(tag::ELEMENT, number);
                call
            };
            (1..).zip(&elements).map(of).collect()
        }
        Err(TooMany) => {
            let mut call = Call::read(edge, request, table, key, kind);
            call.refuse(Event::BatchTooLong);
            vec![call]
        }
    };
    calls.iter().filter_map(|call| call.refusal).for_each(|event| edge.log.counters.count(event));
    let records = calls.iter().map(|call| encode(kind, &call.facts)).collect();
    let Ok(sequences) = edge.log.append_all_or_refuse(records).await else {
        return edge.unavailable();
    };
    let query = Query { text: request.query(), is_cut: false };
    let deadline = Instant::now() + WAIT_MAX;
    let mut answers = Vec::with_capacity(calls.len());
    for (call, sequence) in calls.iter().zip(sequences) {
        let outcome = match call.refusal {
            None if query.is_set("wait") => {
                let left = deadline.saturating_duration_since(Instant::now());
                edge.verdicts.wait(sequence.0, left).await
            }
            _ => None,
        };
        answers.push(call.told(query, sequence.0, outcome.as_ref()));
    }
    batch::answer(query, answers)
}

/// A pixel: stored, then answered with the picture.
pub(crate) async fn pixel(edge: &Edge, request: &Incoming<'_>) -> Reply {
    let table = edge.table.load_full();
    let call = Call::read(edge, request, &table, None, RecordKind::Pixel);
    if let Some(refusal) = call.refusal {
        edge.log.counters.count(refusal);
    }
    match call.store(edge, RecordKind::Pixel).await {
        Ok(_) => reply::pixel(),
        Err(()) => edge.unavailable(),
    }
}

/// The record of a conversion that a page's event is, as if its browser had loaded the pixel.
pub(crate) fn pixel_record(edge: &Edge, request: &Incoming<'_>, table: &RoutingTable) -> Vec<u8> {
    let call = Call::read(edge, request, table, None, RecordKind::Pixel);
    if let Some(refusal) = call.refusal {
        edge.log.counters.count(refusal);
    }
    encode(RecordKind::Pixel, &call.facts)
}

impl Call {
    fn read(
        edge: &Edge,
        request: &Incoming<'_>,
        table: &RoutingTable,
        path_key: Option<&str>,
        kind: RecordKind,
    ) -> Self {
        let mut first_party = Vec::new();
        let url = first_party::hide_in_url(request.path_and_query, &mut first_party);
        let body = String::from_utf8_lossy(request.body);
        let body = match first_party::hide_in_body(&body, &mut first_party) {
            Cow::Borrowed(same) if same.len() == body.len() => request.body.clone(),
            hidden => Bytes::from(hidden.into_owned()),
        };
        let request = &Incoming { path_and_query: &url, body: &body, ..*request };
        let headers = Headers::read(request.headers);
        let query_key = Query { text: request.query(), is_cut: false }.get("key");
        let header_key = || request.headers.get(KEY_HEADER).and_then(|key| key.to_str().ok());
        let key = path_key.map(params::decode).or(query_key);
        let key = key.or_else(|| header_key().map(Cow::Borrowed));
        let named = key.as_deref().and_then(|key| table.network_by_postback_key(key));
        let form = read_body(&String::from_utf8_lossy(request.body), named.map(|n| &n.body));
        let form = form.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let pairs = params::pairs(request.query()).chain(form).take(PARAMS_MAX);
        let read = PostbackParams::read(pairs, named.map(|n| &n.body));

        let mut notes = Vec::new();
        let found = match named_click(edge, &read, &mut notes) {
            Err(Event::ClickIdMissing) if kind == RecordKind::Pixel => {
                from_cookie(edge, request, table, &headers).ok_or(Event::ClickIdMissing).map(Some)
            }
            found => found,
        };
        let id = found.ok().flatten();
        let clicked = id.and_then(|id| network_of(edge, table, id));
        let network = named.or(clicked);
        let peer = client_address(request.peer, request.headers, &edge.config.trusted_proxies);
        let sender = match kind {
            // A browser knows no key and comes from anywhere.
            RecordKind::Pixel => Ok(()),
            _ => check_sender(named, clicked, (key.as_deref(), peer), &mut notes),
        };
        let campaign = id.and_then(|id| table.campaign(id.campaign));
        let workspace = network
            .map(|n| n.workspace)
            .or(campaign.map(|campaign| campaign.workspace))
            .unwrap_or(DEFAULT_WORKSPACE);
        let privacy = match kind {
            RecordKind::Pixel => edge.settings(table, workspace).ip_privacy,
            _ => IpPrivacy::Full,
        };
        let peer = kept_address(peer, privacy, &edge.keys);
        let mut call = Self {
            id,
            refusal: sender.err().or(found.err()),
            notes,
            network: network.map(|n| n.id),
            workspace,
            facts: Facts::for_click(),
        };
        call.describe(edge, request, &peer);
        for (name, hash) in first_party {
            call.facts.push_bytes(tag::FIRST_PARTY, format!("{name}={hash}").as_bytes());
        }
        call
    }

    /// Writes the call down as it came, and what was found out.
    fn describe(&mut self, edge: &Edge, request: &Incoming<'_>, peer: &str) {
        let facts = &mut self.facts;
        facts.push_int(tag::AT, edge.log.clock.now_ms());
        facts.set_int(Field::Workspace, self.workspace);
        if let Some(id) = self.id {
            facts.push_int(tag::KEY, id.key.0);
            facts.set_int(Field::Campaign, id.campaign);
            facts.set_flag(Field::Unlogged, id.unlogged);
            facts.set_flag(Field::Test, id.test);
        }
        facts.push_bytes(tag::INTAKE_METHOD, request.method.as_str().as_bytes());
        facts.push_bytes(tag::INTAKE_URL, request.path_and_query.as_bytes());
        if !request.body.is_empty() {
            facts.push_bytes(tag::INTAKE_BODY, request.body);
        }
        for name in [header::CONTENT_TYPE, header::USER_AGENT, header::REFERER, KEY_HEADER] {
            if let Some(value) = request.headers.get(&name) {
                let value = String::from_utf8_lossy(value.as_bytes());
                // The page that a pixel stands on may have the customer in its address.
                let value = first_party::hide_in_url(&value, &mut Vec::new());
                let value = params::cut(&value, HEADER_BYTES_MAX);
                facts.push_bytes(tag::INTAKE_HEADER, format!("{name}: {value}").as_bytes());
            }
        }
        if !peer.is_empty() {
            facts.push_bytes(tag::INTAKE_PEER, peer.as_bytes());
        }
        if let Some(network) = self.network {
            facts.push_int(tag::INTAKE_NETWORK, network.into());
        }
        if let Some(refusal) = self.refusal {
            facts.push_bytes(tag::INTAKE_REFUSAL, refusal.code().as_bytes());
        }
        for note in &self.notes {
            facts.push_bytes(tag::INTAKE_NOTE, note.as_bytes());
        }
    }

    /// Appends it; its number in the inbox is its number in the journal.
    async fn store(&self, edge: &Edge, kind: RecordKind) -> Result<u64, ()> {
        let campaign = self.id.map_or(0, |id| id.campaign);
        let entry = Entry { kind, facts: &self.facts, workspace: self.workspace, campaign };
        // A sender who is told to try again sends it anew, so nothing is owed; a copy in flight is a duplicate then.
        edge.log.append_or_refuse(encode(kind, entry.facts)).await.map(|sequence| sequence.0)
    }

    /// Refuses it for another reason than its id; a sender who is none was refused already.
    fn refuse(&mut self, event: Event) {
        if matches!(self.refusal, Some(Event::WrongKey | Event::MissingKey | Event::WrongAddress)) {
            return;
        }
        self.refusal = Some(event);
        self.facts.remove(tag::INTAKE_REFUSAL);
        self.facts.push_bytes(tag::INTAKE_REFUSAL, event.code().as_bytes());
    }

    fn answer(&self, query: Query<'_>, sequence: u64, outcome: Option<Outcome>) -> Reply {
        let Told { status, reason, document } = self.told(query, sequence, outcome.as_ref());
        if query.get("format").as_deref() == Some("text") {
            let word = if status == StatusCode::OK { "OK".to_owned() } else { reason };
            return reply::text(status, format!("{word}\n"));
        }
        reply::json(status, document.to_string())
    }

    fn told(&self, query: Query<'_>, sequence: u64, outcome: Option<&Outcome>) -> Told {
        let said = outcome.map(|outcome| outcome.verdict);
        let refused_later = said == Some(model::event::Verdict::Refused);
        let is_refused = self.refusal.is_some() || refused_later;
        let reason = match (&self.refusal, outcome) {
            (Some(refusal), _) => refusal.code(),
            (None, Some(outcome)) => outcome.reason.as_str(),
            (None, None) => "",
        };
        let status = match self.refusal {
            Some(Event::WrongKey | Event::MissingKey | Event::WrongAddress) => {
                StatusCode::FORBIDDEN
            }
            Some(_) if query.is_set("strict") => StatusCode::BAD_REQUEST,
            None if refused_later && query.is_set("strict") => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::OK,
        };
        let mut document = serde_json::json!({
            "result": if is_refused { "refused" } else { "accepted" },
            "inbox": sequence.to_string(),
        });
        if !reason.is_empty() {
            document["reason"] = reason.into();
        }
        if let Some(verdict) = said {
            document["verdict"] = verdict.as_str().into();
        }
        Told { status, reason: reason.to_owned(), document }
    }
}

/// The click a conversion belongs to, and what is to be noted about its id. A foreign click id is left to ingest, which
/// can look it up.
fn named_click(
    edge: &Edge,
    read: &PostbackParams,
    notes: &mut Vec<&'static str>,
) -> Result<Option<ClickId>, Event> {
    let now_ms = edge.log.clock.now_ms();
    if read.get(PostbackParam::Ignored).is_some() {
        notes.push("not_a_conversion");
        return Ok(None);
    }
    match read.named_click(&edge.config.id_prefix, &edge.keys, now_ms) {
        Ok(Named { id, repair: None }) => Ok(Some(id)),
        Ok(Named { id, repair: Some(repair) }) => {
            notes.push(repair_note(repair));
            edge.log.counters.count(Event::IdRepaired);
            Ok(Some(id))
        }
        Err(NotNamed::Foreign(_)) => {
            notes.push("external_id");
            Ok(None)
        }
        Err(why) if why != NotNamed::Unverified && !read.platform_ids().is_empty() => {
            notes.push("platform_id");
            Ok(None)
        }
        Err(NotNamed::Missing) => Err(Event::ClickIdMissing),
        Err(NotNamed::Unexpanded) => Err(Event::ClickIdUnexpanded),
        Err(NotNamed::Malformed) => Err(Event::ClickIdMalformed),
        Err(NotNamed::Unverified) => Err(Event::ClickIdUnverified),
    }
}

fn repair_note(repair: IdError) -> &'static str {
    match repair {
        IdError::Truncated { .. } => "click_id_truncated",
        IdError::Wrapped { .. } => "click_id_wrapped",
        IdError::Altered { .. } | IdError::Malformed | IdError::Unverified => "click_id_altered",
    }
}

/// The newest click in a visitor's cookie, of the campaign in `campaign` or `c` if it is given.
fn from_cookie(
    edge: &Edge,
    request: &Incoming<'_>,
    table: &RoutingTable,
    headers: &Headers<'_>,
) -> Option<ClickId> {
    let query = Query { text: request.query(), is_cut: false };
    let key: Option<Cow<'_, str>> = query.get("campaign").or_else(|| query.get("c"));
    let campaign = match key {
        Some(key) => Some(table.campaign_by_key(&key)?.id),
        None => None,
    };
    let mut clicks = edge.clicks_of(Cookies::read(headers.cookie)).map(|(_, id)| id);
    clicks.find(|id| campaign.is_none_or(|campaign| id.campaign == campaign))
}

/// The network of the offer that a click still in memory was sent to.
fn network_of<'t>(edge: &Edge, table: &'t RoutingTable, id: ClickId) -> Option<&'t Thing<Network>> {
    let click = edge.recall_at_hand(id.key)?;
    table.network(u32::try_from(click.facts.int(Field::Network)?).ok()?)
}
