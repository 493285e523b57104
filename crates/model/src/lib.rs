//! The words of the domain, and the decisions made with them: pure, without clock, file, network or chance.
//!
//! Modules in reading order: how a click is named ([`id`], [`keys`], [`repair`]), what amounts and hosts
//! are ([`money`], [`rate`], [`host`], [`page`], [`digest`]), what can be known about an event ([`field`], [`facts`]), what an operator sets up
//! ([`thing`]) and what it may start from ([`builtin`]), how a click is routed ([`draw`], [`table`], [`route`],
//! [`template`], [`unexpanded`], [`zone`]),
//! what the journal keeps ([`record`], [`codec`]), what prices a row ([`cost`], [`spend`]), what the store keeps ([`event`],
//! [`judged`]), what an operator orders ([`order`]) and what can be asked ([`metric`], [`query`]).

mod base32;
pub mod id;
pub mod keys;
pub mod repair;

pub mod cidr;
pub mod digest;
pub mod host;
pub mod money;
pub mod page;
pub mod rate;

pub mod facts;
pub mod field;

pub mod builtin;
pub mod thing;

mod condition;
pub mod draw;
pub mod route;
pub mod table;
pub mod template;
pub mod unexpanded;
pub mod zone;

pub mod codec;
pub mod first_party;
pub mod notification;
pub mod params;
pub mod postback;
pub mod record;

pub mod cost;
pub mod event;
pub mod judged;
pub mod order;

pub mod metric;
pub mod query;
pub mod spend;

pub use facts::Facts;
pub use field::Field;
pub use id::{ClickId, ClickKey};
pub use keys::KeyRing;
pub use money::{Currency, Money};
