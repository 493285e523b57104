//! The tables of the guides list the built-in templates as they are.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use model::builtin::{Confidence, NetworkTemplate, SourceTemplate, Templates};
use std::fs;

fn templates() -> Templates {
    Templates::load().unwrap()
}

/// The rows of the last table of a guide.
fn rows(path: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let table = text.rsplit("|---|---|---|---|---|\n").next().unwrap_or_default();
    table.lines().take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
}

fn known(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

#[test]
fn the_guide_of_sources_lists_every_template() {
    let row = |t: &SourceTemplate| {
        let id = match (&t.click_id_param, &t.click_id_macro) {
            (Some(param), Some(text)) => format!("`{param}` ← `{text}`"),
            (Some(param), None) => format!("`{param}`, appended"),
            (None, _) => "–".to_owned(),
        };
        let cost = t.cost_macro.as_ref().map_or("–".to_owned(), |text| format!("`{text}`"));
        format!("| {} | `{}` | {id} | {cost} | {} |", t.name, t.slug, known(t.confidence))
    };
    let expected: Vec<_> = templates().sources().iter().map(row).collect();
    assert_eq!(rows("../../docs/guide/sources.md"), expected);
}

#[test]
fn the_guide_of_networks_lists_every_template() {
    let row = |t: &NetworkTemplate| {
        let (name, slug, param) = (&t.name, &t.slug, &t.offer_url_param);
        let url = t.postback_url("", Some("KEY"));
        format!("| {name} | `{slug}` | `{param}` | `{url}` | {} |", known(t.confidence))
    };
    let expected: Vec<_> = templates().networks().iter().map(row).collect();
    assert_eq!(rows("../../docs/guide/networks.md"), expected);
}

#[test]
fn the_links_the_guide_of_sources_prints_are_those_of_the_templates() {
    let text = fs::read_to_string("../../docs/guide/sources.md").unwrap_or_default();
    for slug in ["meta", "tiktok"] {
        let query = templates().source(slug).map(SourceTemplate::link_query);
        assert!(query.is_some_and(|query| text.contains(&format!("    {query}\n"))), "{slug}");
    }
}
