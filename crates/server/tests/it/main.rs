//! The black-box tests: one binary that drives the real server on port 0 with real clients.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it does not expect")]

// A server of a test's own, and how to talk to it.
mod harness;

// The main line as a stranger walks it.
mod main_line;

// Bad input: a clear answer, counted, nothing lost.
mod bad_input;

// Landings that pages report, by https.
mod direct;

// No file descriptor left: those who are connected are served, and accepting goes on afterwards.
mod descriptors;

// The journey of a visitor in a real browser.
mod browser;

// Direct tracking in a real browser.
mod page_script;

// A configuration applied while clicks run.
mod configuration;

// What commands do with what they are given.
mod commands;
// What was spent, spread over clicks.
mod costs;

// SIGKILL under load.
mod crash;

// Made-up traffic, its reports, and the same sums recomputed from the export.
mod demo;

// What came in, and how it is set right.
mod inbox;

// Clicks and calls in every order, against the plainest book of conversions.
mod ledger;

// The ways in which conversions come.
mod ways_in;

// Postbacks as networks send them, and what may be wrong with one.
mod networks;

// Landers whose files are served from here.
mod hosted;

// Many hosts on one installation.
mod domains;

// Amounts in other currencies.
mod rates;

// Totals of others beside ours.
mod reconcile;

// Data of a newer version.
mod newer;
mod routing;

// The rules of the tree itself.
mod tidy;
