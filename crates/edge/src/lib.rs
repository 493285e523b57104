//! The hot path: a click, a lander click, a postback, a pixel or an impression comes in, is written down and answered.
//!
//! Modules in reading order. What comes in: [`request`](Incoming), `headers`, `query`, `peer`, `cookie`, and the host it
//! came to: `site`. What is made of it: `visitor` (who), `source` (what the ad platform says), `price` (what it costs), `ids` (its key), `visits`
//! (first time or again), `choices` (what a visitor had and saw). The endpoints: `click`, `lander_click`, `impression`,
//! `intake` (postbacks and pixels), `health`; and `rehearsal` (a click that nobody made). What they share: `link` (which
//! campaign is asked for), `onward` (how somebody is sent on), `log` (the durability rule), `unlogged` (what is owed when
//! the journal fails), `recent` and `older` (clicks to come back to), `verdicts`, `reply`, `counters`. Around them: `edge`
//! (the dispatcher) and `serve` (connections).
//!
//! Nothing here touches a database or the network: the routing table is a snapshot in memory, the journal is a file,
//! and older clicks are asked for through a trait with a deadline.

mod config;
mod counters;

mod cookie;
mod digits;
mod headers;
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
mod health;
mod impression;
mod intake;
mod lander_click;
mod page_script;
mod pixel_script;
mod rehearsal;
mod sender;

mod link;
mod log;
mod older;
mod onward;
mod recent;
mod reply;
mod unlogged;
mod verdicts;

mod edge;

mod connections;
mod serve;

pub use config::{Config, Limits, OnLogFailure};
pub use counters::Event;
pub use edge::{Clock, Edge, Parts, Status, WallClock};
pub use ids::{FloorError, IdFloor};
pub use older::{BoxFuture, ClickLookup, RecentClick};
pub use rehearsal::Rehearsal;
pub use reply::Reply;
pub use request::Incoming;
pub use serve::{BoxBody, ServeReport, serve};
pub use verdicts::{Outcome, Verdicts};
