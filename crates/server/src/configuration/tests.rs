//! What a file says is what stands afterwards, and says nothing a second time.

use super::generated::choices;
use super::{Plan, PlanError, Step, Syntax, export, plan};
use model::builtin::Templates;
use model::table::Things;
use model::thing::{DEFAULT_WORKSPACE, Flow, Kind, Thing, ThingId};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use store::{Catalog, MemoryCatalog};

const BOTH: [Syntax; 2] = [Syntax::Toml, Syntax::Yaml];

fn templates() -> Templates {
    Templates::load().unwrap()
}

fn try_plan(text: &str, things: &Things, templates: &Templates) -> Result<Plan, PlanError> {
    let former = things.flows.iter().map(|flow| (Kind::Flow, flow.id, flow.name.clone()));
    let former = former.chain([(Kind::Flow, 1, "a former name".to_owned())]).collect();
    plan(text, Syntax::detect(text), things, DEFAULT_WORKSPACE, templates, former)
}

fn lines(plan: &Plan) -> Vec<String> {
    let lines = |step: &Step| match &step.fields[..] {
        [] => vec![step.words.clone()],
        fields => fields.iter().map(|f| format!("{}: {}", step.words, f.words)).collect(),
    };
    plan.steps.iter().flat_map(lines).collect()
}

fn said(text: &str, things: &Things, templates: &Templates) -> Vec<String> {
    lines(&try_plan(text, things, templates).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

/// A catalog that holds what `text` says.
async fn applied(catalog: &MemoryCatalog, text: &str) -> Plan {
    applied_with(catalog, text, &templates()).await
}

async fn applied_with(catalog: &MemoryCatalog, text: &str, templates: &Templates) -> Plan {
    let things = catalog.things().await.unwrap();
    let former = catalog.names(DEFAULT_WORKSPACE).await.unwrap();
    let syntax = Syntax::detect(text);
    let plan = plan(text, syntax, &things, DEFAULT_WORKSPACE, templates, former);
    let plan = plan.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let saved = catalog.save(plan.changes.clone(), "test", 0).await;
    saved.unwrap_or_else(|error| panic!("{error}\n{:#?}\n{text}", plan.steps));
    plan
}

/// Reading the templates takes longer than everything else: once for all cases.
fn for_generated<S: Strategy>(strategy: S, rule: impl Fn(S::Value, &Templates)) {
    let config =
        ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    let templates = templates();
    let result = TestRunner::new(config).run(&strategy, |drawn| {
        rule(drawn, &templates);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn applying_what_was_exported_changes_nothing() {
    for_generated(choices(), |mut choices, templates| {
        let things = choices.things(templates);
        for syntax in BOTH {
            let text = export(&things, DEFAULT_WORKSPACE, syntax).unwrap();
            assert_eq!(Syntax::detect(&text), syntax);
            assert_eq!(said(&text, &things, templates), Vec::<String>::new(), "{text}");
        }
    });
}

#[test]
fn what_was_applied_stands_and_changes_nothing_again() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for_generated((choices(), choices()), |(first, second), templates| {
        runtime.block_on(async {
            let catalog = MemoryCatalog::new();
            let mut wanted = Things::default();
            for (mut choices, syntax) in [(first, Syntax::Toml), (second, Syntax::Yaml)] {
                wanted = choices.things(templates);
                let text = export(&wanted, DEFAULT_WORKSPACE, syntax).unwrap();
                applied_with(&catalog, &text, templates).await;
                let again = applied_with(&catalog, &text, templates).await;
                assert_eq!(lines(&again), Vec::<String>::new(), "{text}");
            }
            let things = catalog.things().await.unwrap();
            let bodies = |flows: &[Thing<Flow>]| -> Vec<_> {
                flows
                    .iter()
                    .filter(|t| !t.archived)
                    .map(|t| (t.id, t.name.clone(), t.body.clone()))
                    .collect()
            };
            assert_eq!(bodies(&things.flows), bodies(&wanted.flows));
        });
    });
}

const BY_HAND: &str = r#"
[[source]]
name = "Meta ads"
template = "meta"

[[offer]]
name = "Shoes"
url = "https://shop.example/"
next = "Hats"

[[offer]]
name = "Hats"
url = "https://hats.example/"

[[lander]]
name = "Page"
url = "https://page.example/"

[[flow]]
name = "Main"

[[flow.rules]]
name = "iOS"
when = { field = "source", op = "is", value = "Meta ads" }

[[flow.rules.paths]]
offers = [{ offer = "Shoes", weight = 70 }, { offer = "Hats", weight = 30 }]

[[flow.default]]
landers = [{ lander = "Page" }]
offers = [{ offer = "Hats" }]

[[campaign]]
name = "Autumn"
key = "autumn"
source = "Meta ads"
flow = "Main"
"#;

#[tokio::test]
async fn a_file_written_by_hand_needs_no_numbers_and_can_be_applied_again_and_again() {
    let catalog = MemoryCatalog::new();
    let plan = applied(&catalog, BY_HAND).await;
    let words: Vec<_> = plan.steps.iter().map(|step| step.words.as_str()).collect();
    assert_eq!(
        words,
        [
            "create source \"Meta ads\"",
            "create offer \"Shoes\"",
            "create offer \"Hats\"",
            "create lander \"Page\"",
            "create flow \"Main\"",
            "create campaign \"Autumn\"",
        ]
    );
    let things = catalog.things().await.unwrap();
    // The template filled what was left out, as it does at the API.
    let templates = templates();
    assert_eq!(
        Some(&things.sources[0].body),
        templates.source("meta").map(|t| t.to_source()).as_ref()
    );
    assert_eq!(things.offers[0].body.next, Some(2));
    assert_eq!(things.campaigns[0].body.flow, things.flows[0].id);
    for again in [BY_HAND.to_owned(), export(&things, DEFAULT_WORKSPACE, Syntax::Yaml).unwrap()] {
        assert_eq!(lines(&applied(&catalog, &again).await), Vec::<String>::new());
    }
    // The same without a number for the flow, and other weights.
    let changed = BY_HAND.replace("weight = 70", "weight = 50");
    assert_eq!(
        lines(&applied(&catalog, &changed).await),
        ["change flow 1 \"Main\": rule 1 \"iOS\" path 1 offer 1 \"Shoes\": weight 70 → 50"]
    );
}

#[tokio::test]
async fn a_rename_is_a_rename_and_its_references_follow() {
    let catalog = MemoryCatalog::new();
    applied(&catalog, BY_HAND).await;
    let things = catalog.things().await.unwrap();
    let text = export(&things, DEFAULT_WORKSPACE, Syntax::Toml).unwrap();
    assert!(text.contains("flow = \"Main\"\nflow_id = 1\n"), "{text}");
    // Only the flow itself gets its new name: whoever refers to it has its number beside the old one.
    let renamed = text.replace("id = 1\nname = \"Main\"", "id = 1\nname = \"Better\"");
    for expected in [&["change flow 1 \"Main\": name \"Main\" → \"Better\""][..], &[]] {
        assert_eq!(lines(&applied(&catalog, &renamed).await), expected);
    }
    // A key that is changed keeps its links, now and whenever the file is applied again.
    let moved = renamed.replace("key = \"autumn\"", "key = \"fall\"");
    for expected in [
        &[
            "change campaign 1 \"Autumn\": key \"autumn\" → \"fall\"",
            "change campaign 1 \"Autumn\": aliases [] → [\"autumn\"]",
        ][..],
        &[],
    ] {
        assert_eq!(lines(&applied(&catalog, &moved).await), expected);
    }
}

#[tokio::test]
async fn what_is_not_in_the_file_is_archived_and_comes_back_with_it() {
    let catalog = MemoryCatalog::new();
    applied(&catalog, BY_HAND).await;
    let kept = export(&catalog.things().await.unwrap(), DEFAULT_WORKSPACE, Syntax::Toml).unwrap();
    let (without, _) = kept.split_once("\n[[offer]]").unwrap();
    let without = without.replace("name = \"main\"", "name = \"ours\"");
    assert_eq!(
        lines(&applied(&catalog, &without).await),
        [
            "change workspace 1 \"main\": name \"main\" → \"ours\"",
            "archive campaign 1 \"Autumn\"",
            "archive flow 1 \"Main\"",
            "archive lander 1 \"Page\"",
            "archive offer 2 \"Hats\"",
            "archive offer 1 \"Shoes\"",
        ]
    );
    let back = applied(&catalog, &kept).await;
    let words: Vec<_> = back.steps.iter().map(|step| step.words.as_str()).collect();
    assert_eq!(words[1], "restore offer 1 \"Shoes\"");
    assert_eq!(words.len(), 6);
}

#[tokio::test]
async fn what_others_saved_since_the_export_is_named_when_it_would_be_overwritten() {
    let catalog = MemoryCatalog::new();
    applied(&catalog, BY_HAND).await;
    let old = export(&catalog.things().await.unwrap(), DEFAULT_WORKSPACE, Syntax::Toml).unwrap();
    let theirs = BY_HAND.replace("https://hats.example/", "https://hats2.example/");
    applied(&catalog, &theirs).await;
    let stale = async |text: &str| {
        let things = catalog.things().await.unwrap();
        try_plan(text, &things, &templates()).unwrap().stale
    };
    assert_eq!(stale(&old).await, ["offer 2 \"Hats\" was saved as revision 8"]);
    // A file that changes something else, or does not say how old it is, overwrites knowingly.
    let other =
        old.replace("https://hats.example/", "https://hats2.example/").replace("autumn", "fall");
    assert_eq!(stale(&other).await, Vec::<String>::new());
    assert_eq!(stale(&old.replace("revision = 7", "")).await, Vec::<String>::new());
    let foreign = stale(&old.replace("revision = 7", "revision = 70")).await;
    assert_eq!(foreign, ["the file is of revision 70, and here nothing is newer than 8"]);
}

#[test]
fn what_is_wrong_names_its_place_in_the_file() {
    let things = Things {
        workspaces: vec![Thing {
            id: DEFAULT_WORKSPACE as ThingId,
            workspace: 1,
            name: "main".into(),
            revision: 1,
            archived: false,
            body: Default::default(),
        }],
        ..Things::default()
    };
    let templates = templates();
    let offer = "[[offer]]\nname = 'o'\nurl = 'https://a.example'";
    for (text, field, words) in [
        ("[[offer]]\nid = 1", "offer[0].name", "line 1, offer \"\": is missing"),
        (&format!("{offer}\nprice = 1"), "offer[0].price", "unknown field"),
        (
            &format!("{offer}\n\n{offer}"),
            "offer[1].name",
            "line 5, offer \"o\": offer 1 of the file has this name",
        ),
        (&format!("{offer}\nid = 1\n{offer}\nid = 1"), "offer[1].id", "stands in line 1 already"),
        (
            &format!("{offer}\nnetwork = 'n'"),
            "offer[0].network",
            "there is no network `n` in the file",
        ),
        ("[[offer]]\nname = 'o'\nurl = 'a.example'", "offer[0].url", "line 1, offer \"o\": "),
        ("[[source]]\nname = 's'\ntemplate = 'mta'", "source[0].template", "did you mean `meta`"),
        (
            "[[flow]]\nname = 'f'\n[[flow.default]]\nweight = 'x'",
            "flow[0].default[0].weight",
            "invalid type",
        ),
        (
            "[[flow]]\nname = 'f'\n[[flow.default]]\noffers = [{ offer = 'x' }]",
            "flow[0].default[0].offers[0].offer",
            "no offer `x`",
        ),
        (
            "[[flow]]\nname = 'f'\n[[flow.default]]\noffers = [{ offer = 'x' }]",
            "flow[0].default[0].offers[0].offer",
            "add it, or correct the name",
        ),
        ("[[flow]]\nname = 'f'\ndefault = []", "flow[0].default", "at least one path"),
        (
            "workspace:\n  - id: 2\n    name: other",
            "workspace[0].id",
            "line 2, workspace \"\": the file is applied to workspace 1 alone",
        ),
    ] {
        let PlanError::Invalid(problems) = try_plan(text, &things, &templates).unwrap_err() else {
            panic!("{text}")
        };
        assert_eq!(problems[0].field, field, "{text}: {problems:?}");
        assert!(problems[0].message.contains(words), "{text}: {problems:?}");
    }
}

#[test]
fn a_file_that_names_nothing_is_refused_instead_of_archiving_everything() {
    for text in ["", "format = 1\n", "# cut off\n", "format: 1\n", "offer = []\n"] {
        let error = try_plan(text, &Things::default(), &templates()).unwrap_err();
        let is_unreadable = matches!(&error, PlanError::Unreadable(_));
        assert!(is_unreadable && error.to_string().contains("names nothing"), "{text}: {error}");
    }
}

#[test]
fn a_plan_warns_of_rules_that_nobody_reaches() {
    let rule = "[[flow.rules]]\nname = 'r'\nwhen = { field = 'country', op = 'is', value = 'DE' }\npaths = [{ url = 'https://a.example/' }]\n";
    let text = format!(
        "[[flow]]\nname = 'Main'\n{rule}{rule}\n[[flow.default]]\nurl = 'https://b.example/'\n"
    );
    let plan = try_plan(&text, &Things::default(), &templates()).unwrap();
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    assert!(
        plan.warnings[0].starts_with("flow 1 \"Main\" rules[1]: nobody reaches this rule"),
        "{:?}",
        plan.warnings
    );
}
