//! Built-in templates of sources and networks, ready for this installation.

use super::extract::{Params, json};
use super::listing::{Page, limit, no_cursor};
use super::problem::ApiError;
use super::template_view::{
    NetworkPaste, NetworkTemplateItem, NetworkTemplatePage, SourcePaste, SourceTemplateItem,
    SourceTemplatePage,
};
use crate::app::App;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::builtin::{NetworkTemplate, SourceTemplate};
use serde::Deserialize;
use std::sync::Arc;
use store::fold;

/// Which templates.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TemplateParams {
    /// Only templates whose name or slug contains this.
    q: Option<String>,
    /// The most templates on the page, 100 when absent, at most 1000.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Traffic sources that are known by themselves: name one as `template` of a new source, and it fills
/// what is left out.
#[utoipa::path(get, operation_id = "list_source_templates", path = "/api/v1/sources/templates", tag = "things",
    params(TemplateParams), responses((status = 200, body = SourceTemplatePage)))]
pub async fn sources(
    State(app): State<Arc<App>>,
    Params(params): Params<TemplateParams>,
) -> Result<Response, ApiError> {
    let Page { items, next } =
        page(app.templates.sources(), &params, |template| [&template.slug, &template.name])?;
    let item = |template: &SourceTemplate| SourceTemplateItem {
        paste: SourcePaste {
            link_query: template.link_query(),
            page_query: template.page_query(),
            tracking_template: template.parallel_tracking.then(|| {
                let (site, query) = (&app.config.public_url, template.link_query());
                format!("{site}/c/KEY?{query}&url={{lpurl}}")
            }),
        },
        template: template.clone(),
    };
    let items = items.into_iter().map(item).collect();
    Ok(json(StatusCode::OK, &SourceTemplatePage { items, next }))
}

/// Networks that are known by themselves: name one as `template` of a new network, and it fills what is
/// left out.
#[utoipa::path(get, operation_id = "list_network_templates", path = "/api/v1/networks/templates", tag = "things",
    params(TemplateParams), responses((status = 200, body = NetworkTemplatePage)))]
pub async fn networks(
    State(app): State<Arc<App>>,
    Params(params): Params<TemplateParams>,
) -> Result<Response, ApiError> {
    let Page { items, next } =
        page(app.templates.networks(), &params, |template| [&template.slug, &template.name])?;
    let item = |template: &NetworkTemplate| NetworkTemplateItem {
        paste: NetworkPaste { postback_url: template.postback_url(&app.config.public_url, None) },
        template: template.clone(),
    };
    let items = items.into_iter().map(item).collect();
    Ok(json(StatusCode::OK, &NetworkTemplatePage { items, next }))
}

/// The page of `templates` that is asked for; its cursor is the slug of its last template.
fn page<'a, T>(
    templates: &'a [T],
    params: &TemplateParams,
    words: impl Fn(&'a T) -> [&'a String; 2],
) -> Result<Page<&'a T>, ApiError> {
    let limit = limit(params.limit)?;
    let slug = |template| words(template)[0];
    let start = match &params.cursor {
        None => 0,
        Some(cursor) => {
            let last = templates.iter().position(|template| slug(template) == cursor);
            last.ok_or_else(no_cursor)? + 1
        }
    };
    let wanted = params.q.as_deref().map(fold);
    let is_wanted = |template: &&'a T| {
        let has = |wanted: &String| words(template).iter().any(|word| fold(word).contains(wanted));
        wanted.as_ref().is_none_or(has)
    };
    let mut items: Vec<&T> = templates[start..].iter().filter(is_wanted).take(limit + 1).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|template| slug(template).clone());
    Ok(Page { items, next })
}
