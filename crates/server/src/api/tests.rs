//! The rules of the API, each shown by requests through the whole router.

mod domains;
mod facts;
mod reports;
mod system;
mod templates;
mod things;
mod writes;
