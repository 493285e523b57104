//! The edge as its visitors, networks and operators meet it: real journal, real connections.
#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test fail as it does")]

mod rig;

mod clicks;

mod connections;
mod direct;
mod domains;
mod durability;
mod hosted;
mod hostile;
mod intake;
mod joined;
mod lander_clicks;
mod page_events;
mod restart;
mod routing;
mod secure;
