//! The description of the API (OpenAPI 3.1), made from the handlers themselves.

use super::extract::json;
use super::problem::{PROBLEM_JSON, ProblemDocument};
use super::schema::{describe, shared};
use super::{
    bundles, clicks, configuration, cost_import, costs, events_export, explain, import, inbox,
    rates, recomputes, reconcile, replay, reports, revisions, simulate, system, templates, things,
    tokens, trail,
};
use axum::response::Response;
use http::StatusCode;
use model::thing::{Campaign, ConversionType, Domain, Flow, Lander, Network, Offer, Source};
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder, Schema};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Clicktrail",
        description = "Sets campaigns up, and asks what became of their clicks. Amounts are decimal text \
                       beside their currency. Refusals are problem documents (RFC 9457) with a stable code.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "things", description = "what the operator sets up"),
        (name = "reports", description = "figures by any fields"),
        (name = "facts", description = "single clicks, conversions and calls"),
        (name = "costs", description = "what was spent on which traffic"),
        (name = "rates", description = "what currencies are worth in each other"),
        (name = "configuration", description = "everything that is set up as one file"),
        (name = "tokens", description = "API keys"),
        (name = "system", description = "the server itself"),
    ),
    components(schemas(ProblemDocument)),
    paths(
        things::show_workspace, things::replace_workspace,
        revisions::list_of_workspace, revisions::compare_of_workspace, revisions::restore_workspace,
        templates::sources, templates::networks, bundles::upload, bundles::list, bundles::download,
        reports::ask, reports::export, reports::fields, reports::metrics, reconcile::reconcile, simulate::simulate,
        clicks::list, trail::show, explain::click, explain::visitor, clicks::conversions, import::report, import::import, inbox::list, inbox::show, replay::one, replay::many, events_export::export,
        rates::list, rates::set, rates::import,
        costs::list, costs::add, costs::show, costs::undo, cost_import::import, recomputes::ask, recomputes::show,
        tokens::list, tokens::create, tokens::revoke,
        configuration::export, configuration::plan, configuration::apply, configuration::log,
        system::show, system::metrics, show,
    ),
)]
struct Described;

/// The description of every address.
pub fn openapi() -> OpenApi {
    let mut api = Described::openapi();
    shared(&mut api);
    describe::<Source>(&mut api);
    describe::<Network>(&mut api);
    describe::<ConversionType>(&mut api);
    describe::<Offer>(&mut api);
    describe::<Lander>(&mut api);
    describe::<Flow>(&mut api);
    describe::<Domain>(&mut api);
    describe::<Campaign>(&mut api);
    campaign_flow(&mut api);
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    api.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(key));
    api.security = Some(vec![SecurityRequirement::new("key", Vec::<String>::new())]);
    for item in api.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        operations.into_iter().flatten().for_each(refusals);
    }
    api
}

/// A new campaign may bring its flow along in place of naming one.
fn campaign_flow(api: &mut OpenApi) {
    use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
    let components = api.components.get_or_insert_default();
    let flow = OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Integer))
        .item(RefOr::<Schema>::Ref(Ref::from_schema_name("Flow")))
        .description(Some(
            "a flow's number, or a flow of its own, saved together with the campaign",
        ));
    if let Some(RefOr::T(Schema::Object(input))) = components.schemas.get("CampaignInput") {
        let mut new = input.clone();
        new.properties.insert("flow".to_owned(), RefOr::T(Schema::OneOf(flow.build())));
        components.schemas.insert("CampaignNew".to_owned(), RefOr::T(Schema::Object(new)));
    }
    let create = api.paths.paths.get_mut("/api/v1/campaigns").and_then(|item| item.post.as_mut());
    if let Some(RefOr::T(body)) = create.and_then(|operation| operation.request_body.as_mut()) {
        let schema = RefOr::<Schema>::Ref(Ref::from_schema_name("CampaignNew"));
        body.content.insert("application/json".to_owned(), Content::new(Some(schema)).into());
    }
}

/// Every refusal has the same form.
fn refusals(operation: &mut Operation) {
    let content =
        Content::new(Some(RefOr::<Schema>::Ref(Ref::from_schema_name("ProblemDocument"))));
    let refusal = ResponseBuilder::new().description("a refusal").content(PROBLEM_JSON, content);
    operation.responses.responses.insert("default".to_owned(), RefOr::T(refusal.build()));
}

/// This description.
#[utoipa::path(get, operation_id = "show_description", path = "/api/v1/openapi.json", tag = "system", security(()),
    responses((status = 200, description = "OpenAPI 3.1")))]
pub async fn show() -> Response {
    json(StatusCode::OK, &openapi())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::path::Path;

    /// How to accept a change of the API.
    const UPDATE: &str = "UPDATE_OPENAPI=1 cargo test -p server openapi";

    #[test]
    fn the_committed_description_is_that_of_the_program() {
        let path = Path::new("openapi.json");
        let described = openapi().to_pretty_json().unwrap() + "\n";
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(path, &described).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            described == committed,
            "openapi.json differs from the program; if meant: {UPDATE}"
        );
    }

    #[test]
    fn what_is_sent_is_described_as_it_is_read() {
        let api = serde_json::to_value(openapi()).unwrap();
        let schema = |name: &str| api["components"]["schemas"][name].clone();
        let input = schema("OfferInput");
        assert_eq!(input["required"], serde_json::json!(["name", "url"]));
        assert_eq!(input["additionalProperties"], false);
        assert!(input["properties"]["network"].is_object());
        let thing = schema("CampaignThing");
        for name in ["id", "name", "key", "aliases", "flow"] {
            assert!(
                thing["required"].as_array().unwrap().iter().any(|known| known == name),
                "{name}"
            );
        }
        assert!(schema("CampaignNew")["properties"]["flow"]["oneOf"].is_array());
        assert!(schema("WorkspaceInput")["properties"]["time_zone"].is_object());
        // Two types of one name would hide each other.
        assert!(schema("Sort")["properties"]["metric"].is_object());
        assert!(schema("Problem")["properties"]["message"].is_object());
        assert!(schema("ProblemDocument")["properties"]["code"].is_object());
    }

    #[test]
    fn every_reference_leads_to_a_schema_and_every_operation_has_a_name_of_its_own() {
        let text = openapi().to_json().unwrap();
        let api: serde_json::Value = serde_json::from_str(&text).unwrap();
        let schemas = api["components"]["schemas"].as_object().unwrap();
        for piece in text.split("\"#/components/schemas/").skip(1) {
            let name = piece.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
        let operations = api["paths"].as_object().unwrap().values();
        let names: Vec<_> = operations
            .flat_map(|item| item.as_object().unwrap().values())
            .filter_map(|operation| operation["operationId"].as_str())
            .collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{names:?}");
    }
}
