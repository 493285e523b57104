//! Built-in templates as they are shown: with what to paste at the ad platform or the network.

use super::schema::joined;
use model::builtin::{NetworkTemplate, SourceTemplate};
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A template of a source, with the query to paste at the ad platform.
#[derive(Clone, Debug, Serialize)]
pub struct SourceTemplateItem {
    /// The template.
    #[serde(flatten)]
    pub template: SourceTemplate,
    /// What to paste.
    #[serde(flatten)]
    pub paste: SourcePaste,
}

/// What to paste at an ad platform.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SourcePaste {
    /// What to paste behind `?` of a campaign's link, with the platform's own macros.
    pub link_query: String,
    /// What to paste where the ad leads straight to a page that reports its landings: as final URL suffix or as
    /// parameters of the page's URL. A click id that the platform appends by itself is not among it.
    pub page_query: String,
    /// What to paste as tracking template, where the platform calls the link in the background; `KEY` stands for the
    /// campaign's. Null where it does not.
    pub tracking_template: Option<String>,
}

impl PartialSchema for SourceTemplateItem {
    fn schema() -> RefOr<Schema> {
        joined([SourceTemplate::schema(), SourcePaste::schema()])
    }
}

impl ToSchema for SourceTemplateItem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        SourceTemplate::schemas(schemas);
    }
}

/// A page of source templates.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceTemplatePage {
    /// The templates, by name.
    pub items: Vec<SourceTemplateItem>,
    /// `cursor` of the page behind it; null on the last one.
    pub next: Option<String>,
}

/// A template of a network, with the URL to paste there.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkTemplateItem {
    /// The template.
    #[serde(flatten)]
    pub template: NetworkTemplate,
    /// What to paste.
    #[serde(flatten)]
    pub paste: NetworkPaste,
}

/// What to paste at a network.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NetworkPaste {
    /// Where the network reports conversions, on this installation and with its own macros. A network
    /// with a postback key has another one: see its `postback_url`.
    pub postback_url: String,
}

impl PartialSchema for NetworkTemplateItem {
    fn schema() -> RefOr<Schema> {
        joined([NetworkTemplate::schema(), NetworkPaste::schema()])
    }
}

impl ToSchema for NetworkTemplateItem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        NetworkTemplate::schemas(schemas);
    }
}

/// A page of network templates.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetworkTemplatePage {
    /// The templates, by name.
    pub items: Vec<NetworkTemplateItem>,
    /// `cursor` of the page behind it; null on the last one.
    pub next: Option<String>,
}
