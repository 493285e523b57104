//! The HTTP API: everything under `/api/v1`, and `/metrics`.
//!
//! Modules in reading order. What every request meets: `auth`, `token`, `extract`, `problem`, `error`. Things:
//! `kind` (the table of kinds), `thing_input`, `notes`, `parallel_tracking`, `listing`, `write`, `things`, `revisions`,
//! `template_view`, `templates`, `tokens`, `bundles`. Figures: `names`, `question`, `freshness`, `reports`, `reconcile_columns`,
//! `reconcile_sheet`, `reconcile_calls`, `reconcile`, `simulate`. Facts: `facts`, `ledger`, `inbox`, `replay`, `reported`,
//! `wrong_lines`, `import`, `page_story`, `trail`, `made_up`, `explain`, `newest`, `clicks`, `events_export`.
//! Currencies: `rates`.
//! Money spent: `cost_input`, `costs`, `cost_import`, `recomputes`. The server: `configuration`, `system`.
//! The description: `schema`,
//! `openapi`.

mod auth;
mod error;
mod extract;
mod problem;
mod text;
mod token;

mod kind;
mod listing;
mod notes;
mod parallel_tracking;
mod revisions;
mod template_view;
mod templates;
mod thing_input;
mod things;
mod tokens;
mod write;

mod bundles;

mod cost_import;
mod cost_input;
mod costs;
mod recomputes;

mod freshness;
mod names;
mod question;
mod reconcile;
mod reconcile_calls;
mod reconcile_columns;
mod reconcile_sheet;
mod reports;
mod simulate;

mod click_cost;
mod clicks;
mod events_export;
mod explain;
mod facts;
mod import;
mod inbox;
mod ledger;
mod made_up;
mod newest;
mod page_story;
mod replay;
mod reported;
mod trail;
mod wrong_lines;

mod configuration;
mod system;

mod rates;

mod openapi;
mod schema;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use extract::read_as;
pub use kind::{Resource, Site};
pub use thing_input::fill;
pub use token::new_token;
pub use wrong_lines::KeptLines;

use crate::app::App;
use crate::hosted::ARCHIVE_BYTES_MAX;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use model::rate::ECB_BYTES_MAX;
use std::sync::Arc;

/// Everything under `/api/v1`, and `GET /metrics`; any other address is answered with a problem.
pub fn router(app: Arc<App>) -> Router {
    let guarded = Router::new()
        .merge(things::routes())
        .merge(files_of_landers())
        .route("/api/v1/sources/templates", get(templates::sources))
        .route("/api/v1/networks/templates", get(templates::networks))
        .route("/api/v1/tokens", get(tokens::list).post(tokens::create))
        .route("/api/v1/tokens/{id}", delete(tokens::revoke))
        .route("/api/v1/reports", post(reports::ask))
        .route("/api/v1/reports/export", post(reports::export))
        .route("/api/v1/reports/fields", get(reports::fields))
        .route("/api/v1/reports/metrics", get(reports::metrics))
        .route(
            "/api/v1/reconcile",
            post(reconcile::reconcile).layer(DefaultBodyLimit::max(reconcile::FILE_BYTES_MAX)),
        )
        .route("/api/v1/simulate", post(simulate::simulate))
        .route("/api/v1/clicks", get(clicks::list))
        .route("/api/v1/clicks/{click_id}", get(trail::show))
        .route("/api/v1/clicks/{click_id}/explain", get(explain::click))
        .route("/api/v1/explain", post(explain::visitor))
        .route("/api/v1/conversions", get(clicks::conversions).post(import::report))
        .route(
            "/api/v1/conversions/import",
            post(import::import).layer(DefaultBodyLimit::max(import::FILE_BYTES_MAX)),
        )
        .route("/api/v1/inbox", get(inbox::list))
        .route("/api/v1/inbox/replay", post(replay::many))
        .route("/api/v1/inbox/{id}", get(inbox::show))
        .merge(money_spent())
        .route("/api/v1/inbox/{id}/replay", post(replay::one))
        .route("/api/v1/events/export", get(events_export::export))
        .route("/api/v1/config", get(configuration::export))
        .route("/api/v1/config/log", get(configuration::log))
        .route("/api/v1/config/plan", post(configuration::plan).layer(whole_configuration()))
        .route("/api/v1/config/apply", post(configuration::apply).layer(whole_configuration()))
        .route("/api/v1/rates", get(rates::list).post(rates::set))
        .route(
            "/api/v1/rates/import",
            post(rates::import).layer(DefaultBodyLimit::max(ECB_BYTES_MAX)),
        )
        .route("/api/v1/system", get(system::show))
        .method_not_allowed_fallback(extract::no_method)
        .route_layer(from_fn_with_state(app.clone(), auth::require_caller));
    let open = Router::new()
        .route("/api/v1/openapi.json", get(openapi::show))
        .route("/metrics", get(system::metrics))
        .method_not_allowed_fallback(extract::no_method);
    guarded
        .merge(open)
        .fallback(extract::no_endpoint)
        .layer(DefaultBodyLimit::max(extract::BODY_BYTES_MAX))
        .with_state(app)
}

/// The files of hosted landers.
fn files_of_landers() -> Router<Arc<App>> {
    let archive = DefaultBodyLimit::max(ARCHIVE_BYTES_MAX);
    Router::new()
        .route("/api/v1/bundles", post(bundles::upload).layer(archive))
        .route("/api/v1/landers/{id}/files", get(bundles::list))
        .route("/api/v1/landers/{id}/files/archive", get(bundles::download))
}

/// Cost entries, and what they change.
fn money_spent() -> Router<Arc<App>> {
    let file = DefaultBodyLimit::max(cost_import::FILE_BYTES_MAX);
    Router::new()
        .route("/api/v1/costs", get(costs::list).post(costs::add))
        .route("/api/v1/costs/import", post(cost_import::import).layer(file))
        .route("/api/v1/costs/{id}", get(costs::show).delete(costs::undo))
        .route("/api/v1/recompute", post(recomputes::ask))
        .route("/api/v1/recompute/{id}", get(recomputes::show))
}

/// A configuration may be larger than anything else that is sent.
fn whole_configuration() -> DefaultBodyLimit {
    DefaultBodyLimit::max(configuration::FILE_BYTES_MAX)
}
