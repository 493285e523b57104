//! Campaigns of platforms that open the page at once and call the link in the background.

use model::builtin::Templates;
use model::table::Things;
use model::thing::{Campaign, Flow, Problem, RedirectMode, Thing, ThingId};

/// What does not work with such a platform: it follows redirects alone, so a page that leads on ends its way, and whoever
/// is sent that way was never counted where they went.
pub fn warnings(campaign: ThingId, things: &Things, templates: &Templates) -> Vec<Problem> {
    let campaign = things.campaigns.iter().find(|thing| thing.id == campaign);
    let Some(campaign) = campaign.filter(|thing| is_parallel(thing, things, templates)) else {
        return Vec::new();
    };
    let flow = things.flows.iter().find(|flow| flow.id == campaign.body.flow);
    flow.map(|flow| modes(&flow.body)).unwrap_or_default()
}

fn is_parallel(campaign: &Thing<Campaign>, things: &Things, templates: &Templates) -> bool {
    let source = campaign.body.source;
    let source = things.sources.iter().find(|thing| Some(thing.id) == source);
    let slug = source.and_then(|source| source.body.template.as_deref());
    slug.and_then(|slug| templates.source(slug)).is_some_and(|template| template.parallel_tracking)
}

fn modes(flow: &Flow) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (place, paths) in flow.lists() {
        for (i, path) in paths.iter().enumerate() {
            let mode = match path.mode {
                RedirectMode::Meta => "meta",
                RedirectMode::DoubleMeta => "double_meta",
                RedirectMode::Js => "js",
                _ => continue,
            };
            let message = format!(
                "this platform calls the link in the background and follows redirects alone: mode `{mode}` of the flow's {place}[{i}] ends there; use `302` or `no_referrer`, or report landings from the page"
            );
            problems.push(Problem::new("flow", message));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::thing::{Path, Source};

    fn thing<B>(id: ThingId, body: B) -> Thing<B> {
        Thing { id, workspace: 1, name: "x".into(), revision: 1, archived: false, body }
    }

    #[test]
    fn a_page_that_leads_on_is_warned_of_where_the_platform_follows_redirects_alone() {
        let templates = Templates::load().unwrap();
        for (slug, mode, expected) in [
            ("google_ads", RedirectMode::Js, 1),
            ("youtube", RedirectMode::Meta, 1),
            ("microsoft", RedirectMode::DoubleMeta, 1),
            ("google_ads", RedirectMode::Found, 0),
            ("google_ads", RedirectMode::NoReferrer, 0),
            ("propellerads", RedirectMode::Js, 0),
        ] {
            let source = Source { template: Some(slug.into()), ..Source::default() };
            let path = Path { id: 1, mode, ..Path::default() };
            let things = Things {
                sources: vec![thing(4, source)],
                flows: vec![thing(3, Flow { default: vec![path], ..Flow::default() })],
                campaigns: vec![thing(
                    2,
                    Campaign { source: Some(4), flow: 3, ..Campaign::default() },
                )],
                ..Things::default()
            };
            let found = warnings(2, &things, &templates);
            assert_eq!(found.len(), expected, "{slug} {mode:?}: {found:?}");
            assert!(found.iter().all(|problem| problem.message.contains("default[0]")));
        }
    }
}
