//! What is counted: every refusal and every oddity by a stable code, for `/system` and for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! events {
    ($($variant:ident $code:literal $meaning:literal;)*) => {
        /// Something worth counting; each refusal is one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Event { $(#[doc = $meaning] $variant,)* }

        impl Event {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

events! {
    UnknownHost "unknown_host" "the host is neither a tracking domain nor the installation's own";
    UnknownCampaign "unknown_campaign" "no campaign has this key";
    InactiveCampaign "inactive_campaign" "the campaign is paused or archived and names no other destination";
    NoDestination "no_destination" "the campaign's flow leads nowhere";
    NextHopRefused "next_hop_refused" "a link showed a next hop that is not among the campaign's allowed hosts, or that we did not sign";
    ClickIdMissing "click_id_missing" "the request names no click";
    ClickIdMalformed "click_id_malformed" "the click id has a wrong length or alphabet";
    ClickIdUnverified "click_id_unverified" "the click id was not given out by this installation";
    ClickIdUnexpanded "click_id_unexpanded" "the click id is a macro that the sender did not expand";
    ForeignOrigin "foreign_origin" "a page reported something whose origin is not the campaign's";
    PageMissing "page_missing" "a landing was reported without the page's URL";
    EventMalformed "event_malformed" "a page's event has no name, or one that is none";
    WrongKey "wrong_key" "the postback key is not the network's";
    MissingKey "missing_key" "the postback has no key and its network demands one";
    WrongAddress "wrong_address" "the postback comes from an address that is not the network's";
    BatchTooLong "batch_too_long" "a call reported more conversions than are read at a time";
    NotLogged "not_logged" "the journal could not take the record and the answer said so";
    Method "method_not_allowed" "the endpoint does not know the method";
    NoLanderFile "no_lander_file" "no hosted lander has a file of this path";
    NoEndpoint "no_endpoint" "no endpoint has this path";
    HeadersTooMany "too_many_headers" "more header fields than allowed";
    HeadTooLarge "head_too_large" "a longer request line or more header bytes than allowed";
    RequestMalformed "malformed_request" "not HTTP/1.1";
    RequestAborted "aborted_request" "the peer went away within a request";
    HeadTimeout "head_timeout" "the request's head did not come in time";
    SendTimeout "send_timeout" "a visitor did not take a long answer in time";
    BodyTooLarge "body_too_large" "a larger body than allowed";
    BodyTimeout "body_timeout" "the body did not come in time";
    BodyEncoded "encoded_body" "the body is compressed, which intake does not read";
    ConnectionsTooMany "too_many_connections" "as many connections as allowed were open";
    TlsFailed "tls_failed" "a connection could not be encrypted: the two sides agree on nothing, or the peer went away";
    TlsTimeout "tls_timeout" "a connection was not encrypted in time";
    PlainOnTls "plain_on_tls" "a request without encryption came to the port for https";
    AcceptFailed "accept_failed" "the system had no file descriptor or memory for a connection";

    QueryCut "query_cut" "the query was longer than what is read, the surplus was cut";
    MacroBlanked "macro_blanked" "a parameter held a macro that the source did not expand";
    CostRefused "cost_refused" "the cost parameter held no amount";
    IdRepaired "id_repaired" "a cut-off or altered click id was repaired";
    Rerouted "rerouted" "a lander click whose click was not found in time was routed anew";
    LookupBusy "lookup_busy" "too many look-ups of older clicks were under way";
    DestinationRefused "destination_refused" "a destination could not be written as a header";
    LandingKnown "landing_known" "a page reported a landing again, or one that came through a redirect";
    EventRepeated "event_repeated" "a page reported an event again";
    ClickJoined "click_joined" "a landing and a call in the background were one click";
    ClockSuspect "clock_suspect" "the wall clock went backwards or leapt";
    Unlogged "unlogged" "answered without being logged";
    SettlesDropped "settles_dropped" "a record that settles an unlogged click was given up";
}

/// One counter of each event.
pub(crate) struct Counters(Box<[Counter]>);

struct Counter {
    value: AtomicU64,
    metric: metrics::Counter,
}

impl Counters {
    pub fn new() -> Self {
        let counter = |event: &Event| Counter {
            value: AtomicU64::new(0),
            metric: metrics::counter!("clicktrail_edge_events_total", "event" => event.code()),
        };
        Self(Event::ALL.iter().map(counter).collect())
    }

    /// Counts nothing.
    pub fn silent() -> Self {
        Self(Box::default())
    }

    pub fn count(&self, event: Event) {
        if let Some(counter) = self.0.get(event as usize) {
            counter.value.fetch_add(1, Ordering::Relaxed);
            counter.metric.increment(1);
        }
    }

    /// How often each event happened, those that never did left out.
    pub fn all(&self) -> Vec<(Event, u64)> {
        let value = |event: Event| Some((event, self.get(event))).filter(|(_, count)| *count > 0);
        Event::ALL.iter().copied().filter_map(value).collect()
    }

    pub fn get(&self, event: Event) -> u64 {
        self.0.get(event as usize).map_or(0, |counter| counter.value.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_counter_of_its_own_and_a_code_of_its_own() {
        let counters = Counters::new();
        let mut codes = std::collections::HashSet::new();
        for (number, &event) in Event::ALL.iter().enumerate() {
            (0..=number).for_each(|_| counters.count(event));
            assert!(codes.insert(event.code()), "{}", event.code());
        }
        let counted: Vec<u64> = counters.all().into_iter().map(|(_, count)| count).collect();
        assert_eq!(counted, (1..=Event::ALL.len() as u64).collect::<Vec<_>>());
    }
}
