//! The description of things for OpenAPI: the same addresses for every kind, written once.

use super::kind::{Links, Resource};
use super::listing::{Archived, LIMIT_DEFAULT, LIMIT_MAX, Order};
use super::notes::{CapState, Notes};
use super::revisions::{Restore, RevisionComparison, RevisionView};
use crate::configuration::FieldChange;
use model::thing::{Revision, ThingId, Workspace};
use utoipa::openapi::path::{
    Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, SchemaType, Type,
};
use utoipa::openapi::{
    Content, HttpMethod, OpenApi, Ref, RefOr, Required, ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};

/// What every thing has, whatever its kind.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, printed by `listing` and read by `thing_input`")]
pub struct ThingHead {
    /// Its number.
    pub id: ThingId,
    /// Whose it is.
    pub workspace: ThingId,
    /// Unique per kind and workspace among those not archived.
    pub name: String,
    /// The save that made it what it is.
    pub revision: Revision,
    /// Deleting archives; facts keep pointing here.
    pub archived: bool,
}

/// What is sent with the fields of a kind.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, printed by `listing` and read by `thing_input`")]
pub struct Named {
    /// Unique per kind and workspace among those not archived.
    pub name: String,
}

/// The settings of a workspace as they are shown.
pub struct WorkspaceThing;

impl PartialSchema for WorkspaceThing {
    fn schema() -> RefOr<Schema> {
        RefOr::T(shown::<Workspace>())
    }
}

impl ToSchema for WorkspaceThing {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Workspace::schemas(schemas);
    }
}

/// The settings of a workspace as they are sent.
pub struct WorkspaceInput;

impl PartialSchema for WorkspaceInput {
    fn schema() -> RefOr<Schema> {
        RefOr::T(sent::<Workspace>())
    }
}

impl ToSchema for WorkspaceInput {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Workspace::schemas(schemas);
    }
}

/// Adds the addresses and schemas of a kind.
pub fn describe<B: Resource>(api: &mut OpenApi) {
    let (kind, all) = (B::KIND.as_str(), format!("/api/v1/{}", B::COLLECTION));
    let names = Names::of::<B>();
    let components = api.components.get_or_insert_default();
    let mut schemas = vec![(B::name().into_owned(), B::schema())];
    B::schemas(&mut schemas);
    for (name, schema) in schemas {
        components.schemas.entry(name).or_insert(schema);
    }
    let mut put = |name: &str, schema: Schema| {
        components.schemas.insert(name.to_owned(), RefOr::T(schema));
    };
    put(&names.thing, shown::<B>());
    put(&names.input, sent::<B>());
    put(&names.page, page_of(&names.thing));
    put("RevisionPage", page_of("RevisionView"));
    let one = format!("{all}/{{id}}");
    let make = |verb: &str, summary: String| {
        let noun = if verb == "list" { B::COLLECTION } else { kind };
        let operation = OperationBuilder::new().tag("things").summary(Some(summary));
        operation.operation_id(Some(format!("{verb}_{noun}")))
    };
    let operations = [
        (&all, HttpMethod::Get, list(make("list", format!("Lists {}.", B::COLLECTION)), &names)),
        (&all, HttpMethod::Post, create(make("create", format!("Creates a {kind}.")), &names)),
        (&one, HttpMethod::Get, show(make("show", format!("Shows a {kind}.")), &names)),
        (&one, HttpMethod::Put, replace(make("replace", format!("Replaces a {kind}.")), &names)),
        (&one, HttpMethod::Delete, archive(make("archive", format!("Archives a {kind}.")), &names)),
    ];
    for (path, method, operation) in operations {
        api.paths.add_path_operation(path, vec![method], operation);
    }
    let summary = format!("Every saved version of a {kind}, newest first.");
    let history = history(make("list_revisions_of", summary));
    api.paths.add_path_operation(format!("{one}/revisions"), vec![HttpMethod::Get], history);
    let summary = format!("What differs between any two versions of a {kind}.");
    let compare = compare(make("compare_revisions_of", summary));
    api.paths.add_path_operation(
        format!("{one}/revisions/compare"),
        vec![HttpMethod::Get],
        compare,
    );
    let summary = format!("Takes a {kind} out of the archive, or brings a version of it back.");
    let restore = restore(make("restore", summary), &names);
    api.paths.add_path_operation(format!("{one}/restore"), vec![HttpMethod::Post], restore);
}

/// The schemas every kind refers to.
pub fn shared(api: &mut OpenApi) {
    let components = api.components.get_or_insert_default();
    let schemas = [
        ("FieldChange", FieldChange::schema()),
        ("RevisionComparison", RevisionComparison::schema()),
        ("RevisionView", RevisionView::schema()),
        ("CapState", CapState::schema()),
        ("Restore", Restore::schema()),
        ("Order", Order::schema()),
        ("Archived", Archived::schema()),
    ];
    components.schemas.extend(schemas.map(|(name, schema)| (name.to_owned(), schema)));
}

/// Names of a kind's schemas.
struct Names {
    thing: String,
    input: String,
    page: String,
}

impl Names {
    fn of<B: Resource>() -> Self {
        let name = B::name();
        Self {
            thing: format!("{name}Thing"),
            input: format!("{name}Input"),
            page: format!("{name}Page"),
        }
    }
}

/// A thing as it is shown: every field is there.
fn shown<B: Resource>() -> Schema {
    let mut thing = merged([ThingHead::schema(), B::schema()]);
    thing.required = thing.properties.keys().cloned().collect();
    let links = merged([Links::schema()]);
    thing.properties.extend(links.properties);
    thing.properties.extend(merged([Notes::schema()]).properties);
    Schema::Object(thing)
}

/// A thing as it is sent: what its kind leaves out may be left out, and nothing else may be there.
fn sent<B: Resource>() -> Schema {
    let mut input = merged([Named::schema(), B::schema()]);
    input.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    Schema::Object(input)
}

/// What is shown of several types as one object: every field is there.
pub fn joined<const N: usize>(parts: [RefOr<Schema>; N]) -> RefOr<Schema> {
    let mut whole = merged(parts);
    whole.required = whole.properties.keys().cloned().collect();
    RefOr::T(Schema::Object(whole))
}

/// One object with the properties of several.
fn merged<const N: usize>(parts: [RefOr<Schema>; N]) -> Object {
    let mut whole = Object::new();
    for part in parts {
        if let RefOr::T(Schema::Object(part)) = part {
            whole.properties.extend(part.properties);
            whole.required.extend(part.required);
        }
    }
    whole
}

fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

fn page_of(item: &str) -> Schema {
    let text_or_null = SchemaType::from_iter([Type::String, Type::Null]);
    let next = ObjectBuilder::new()
        .schema_type(text_or_null)
        .description(Some("`cursor` of the page behind it; null on the last one"));
    let items = ArrayBuilder::new().items(reference(item));
    let page = ObjectBuilder::new()
        .property("items", items)
        .property("next", next)
        .required("items")
        .required("next");
    Schema::Object(page.build())
}

fn list(operation: OperationBuilder, names: &Names) -> Operation {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    let limit =
        format!("the most things on the page, {LIMIT_DEFAULT} when absent, at most {LIMIT_MAX}");
    let text = |name, about| query(name, about, ObjectBuilder::new().schema_type(Type::String));
    operation
        .parameter(query("limit", &limit, number))
        .parameter(text("cursor", "`next` of the page before"))
        .parameter(text("q", "only things whose name contains this"))
        .parameter(query("sort", "the order; `-` turns it round", reference("Order")))
        .parameter(query("archived", "whether archived things are listed", reference("Archived")))
        .response("200", answer(&names.page, "a page of the list"))
        .build()
}

fn create(operation: OperationBuilder, names: &Names) -> Operation {
    let operation = operation.parameter(idempotency_key()).request_body(Some(body(&names.input)));
    operation
        .response("201", answer(&names.thing, "the new thing; ETag holds its revision"))
        .build()
}

fn show(operation: OperationBuilder, names: &Names) -> Operation {
    let operation = operation.parameter(id());
    operation.response("200", answer(&names.thing, "the thing; ETag holds its revision")).build()
}

fn replace(operation: OperationBuilder, names: &Names) -> Operation {
    operation
        .parameter(id())
        .parameter(if_match())
        .request_body(Some(body(&names.input)))
        .response("200", answer(&names.thing, "the thing as it is now"))
        .build()
}

fn archive(operation: OperationBuilder, names: &Names) -> Operation {
    operation
        .parameter(id())
        .parameter(if_match())
        .response("200", answer(&names.thing, "the archived thing"))
        .build()
}

fn history(operation: OperationBuilder) -> Operation {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    let text = ObjectBuilder::new().schema_type(Type::String);
    operation
        .parameter(id())
        .parameter(query("limit", "the most versions on the page", number))
        .parameter(query("cursor", "`next` of the page before", text))
        .response("200", answer("RevisionPage", "a page of the history"))
        .build()
}

fn compare(operation: OperationBuilder) -> Operation {
    let number = || ObjectBuilder::new().schema_type(Type::Integer);
    operation
        .parameter(id())
        .parameter(query("from", "the version before `to` when absent", number()))
        .parameter(query("to", "the newest version when absent", number()))
        .response("200", answer("RevisionComparison", "every difference"))
        .build()
}

fn restore(operation: OperationBuilder, names: &Names) -> Operation {
    operation
        .parameter(id())
        .parameter(if_match())
        .parameter(idempotency_key())
        .request_body(Some(
            RequestBodyBuilder::new()
                .content("application/json", Content::new(Some(reference("Restore"))))
                .build(),
        ))
        .response("200", answer(&names.thing, "the thing as it is now"))
        .build()
}

fn id() -> Parameter {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    let id = ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path);
    id.required(Required::True).description(Some("its number")).schema(Some(number)).build()
}

fn query(name: &str, about: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    let query = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
    query.required(Required::False).description(Some(about)).schema(Some(schema)).build()
}

fn if_match() -> Parameter {
    in_header("If-Match", "the revision the change is made for, as ETag gave it")
}

fn idempotency_key() -> Parameter {
    in_header(
        "Idempotency-Key",
        "makes a repetition within a day harmless: it gets the same answer",
    )
}

fn in_header(name: &str, about: &str) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let header = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
    header.required(Required::False).description(Some(about)).schema(Some(text)).build()
}

fn body(schema: &str) -> utoipa::openapi::request_body::RequestBody {
    let content = Content::new(Some(reference(schema)));
    let body = RequestBodyBuilder::new().content("application/json", content);
    body.required(Some(Required::True)).build()
}

fn answer(schema: &str, about: &str) -> utoipa::openapi::Response {
    let content = Content::new(Some(reference(schema)));
    ResponseBuilder::new().description(about).content("application/json", content).build()
}
