//! The hot path: a click, a lander click, a postback, a pixel or an impression comes in, is written down and answered.
//!
//! Modules in reading order. What comes in: [`request`](Incoming), `headers`, `query`, `form`, `peer`, `cookie`, and the
//! host it came to: `site`, and the page it came from: `origins`. What is made of it: `visitor` (who), `source` (what
//! the ad platform says), `price` (what it costs), `ids` (its key), `visits` (first time or again), `choices` (what a
//! visitor had and saw). The endpoints: `click`, `direct` (a landing that a page reports), `joined` (where both announce
//! one click), `lander_click`, `page_event`, `impression`, `intake` (postbacks and pixels), `hosted` (landers whose files
//! are served from here) with `hosted_page` (what is filled in), `health`; and `rehearsal` (a click that nobody made).
//! What they share: `link` (which campaign is asked for), `onward` (how somebody is sent on), `log` (the durability
//! rule), `unlogged` (what is owed when the journal fails), `recent` and `older` (clicks to come back to), `once` (what
//! must not count twice), `verdicts`, `packing`, `reply`, `counters`. Around them: `edge` (the dispatcher), `serve`
//! (connections), `respond` (what a request on one gets), `pieces` (long answers), `secure` (their encryption)
//! and `stop` (their end).
//!
//! Nothing here touches a database or the network: the routing table is a snapshot in memory, the journal is a file,
//! older clicks are asked for through a trait with a deadline, and hosted landers are files.

mod config;
mod counters;

mod cookie;
mod digits;
mod form;
mod headers;
mod origins;
mod peer;
mod query;
mod request;
mod site;

mod arrival;
mod choices;
mod ids;
mod price;
mod source;
mod visitor;
mod visits;

mod batch;
mod click;
mod direct;
mod health;
mod hosted;
mod hosted_page;
mod impression;
mod intake;
mod joined;
mod lander_click;
mod page_event;
mod page_script;
mod pixel_script;
mod rehearsal;
mod sender;

mod link;
mod log;
mod older;
mod once;
mod onward;
mod packing;
mod recent;
mod reply;
mod unlogged;
mod verdicts;

mod edge;

mod connections;
mod pieces;
mod respond;
mod secure;
mod serve;
mod stop;

pub use config::{Config, Limits, OnLogFailure};
pub use counters::Event;
pub use edge::{Clock, Edge, Parts, Status, WallClock};
pub use hosted::{Bundles, Listing, MediaType, StoredFile};
pub use hosted_page::{HostedPage, ScriptTag};
pub use ids::{FloorError, IdFloor};
pub use older::{BoxFuture, ClickLookup, RecentClick};
pub use rehearsal::Rehearsal;
pub use reply::Reply;
pub use request::Incoming;
pub use respond::BoxBody;
pub use secure::Tls;
pub use serve::{ServeReport, serve};
pub use verdicts::{Outcome, Verdicts};
