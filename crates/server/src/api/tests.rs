//! The rules of the API, each shown by requests through the whole router.

mod configuration;
mod costs;
mod domains;
mod facts;
mod rates;
mod reconcile;
mod reports;
mod simulate;
mod system;
mod templates;
mod things;
mod writes;
