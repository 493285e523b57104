//! Everything that is set up as one TOML file, and what would have to be saved to make a file come true.
//!
//! A file has one array of tables per kind (`[[campaign]]` …), each with `id`, `name` and the kind's own
//! fields as the API has them. A thing with an `id` is that thing, whatever its name: a rename is a
//! rename. Without an `id` it is new. What is set up and not in the file is archived.

use anyhow::{Context, bail};
use model::table::Things;
use model::thing::{
    Body, Campaign, Domain, Flow, Kind, Lander, Network, Offer, Source, Thing, ThingId, Workspace,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use store::Change;

/// A thing as the file and the catalog have it in common.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    name: String,
    body: Value,
}

/// Live things by kind and number.
type Entries = BTreeMap<(Kind, ThingId), Entry>;

/// What has to be saved, and in words.
#[derive(Debug, Default)]
pub struct Plan {
    /// In an order in which each may refer to those in front of it.
    pub changes: Vec<Change>,
    /// One sentence per change.
    pub words: Vec<String>,
}

/// Everything that is set up in a workspace and not archived, as TOML.
///
/// # Errors
/// When a thing cannot be written as TOML.
pub fn export(things: &Things, workspace: ThingId) -> anyhow::Result<String> {
    let mut text =
        String::from("# Everything that is set up; see `clicktrail config plan` and `apply`.\n");
    for ((kind, id), entry) in current(things, workspace)? {
        let mut table = toml::Table::new();
        table.insert("id".into(), toml::Value::Integer(id.into()));
        table.insert("name".into(), toml::Value::String(entry.name));
        let body = without_nulls(entry.body);
        let body: toml::Table =
            serde_json::from_value(body).with_context(|| format!("cannot write {kind} {id}"))?;
        table.extend(body);
        let file = BTreeMap::from([(kind.as_str(), vec![table])]);
        text.push('\n');
        text.push_str(&toml::to_string(&file)?);
    }
    Ok(text)
}

/// What has to be saved so that the workspace is what `text` says.
///
/// # Errors
/// When the file cannot be read: the place is named.
pub fn plan(text: &str, things: &Things, workspace: ThingId) -> anyhow::Result<Plan> {
    let (known, fresh) = read(text)?;
    let current = current(things, workspace)?;
    let mut plan = Plan::default();
    for ((kind, id), wanted) in &known {
        match current.get(&(*kind, *id)) {
            Some(entry) if entry == wanted => {}
            Some(entry) => plan.change(workspace, *kind, *id, entry, wanted),
            None if exists(things, *kind, *id) => plan.restore(workspace, *kind, *id, wanted),
            None => plan.create(workspace, *kind, Some(*id), wanted),
        }
    }
    fresh.iter().for_each(|(kind, wanted)| plan.create(workspace, *kind, None, wanted));
    plan.changes.sort_by_key(|change| change.kind);
    let gone =
        current.iter().filter(|(key, _)| !known.contains_key(key) && key.0 != Kind::Workspace);
    // From campaigns down to sources: nothing is archived while something still refers to it.
    gone.rev().for_each(|((kind, id), entry)| plan.archive(workspace, *kind, *id, entry));
    Ok(plan)
}

impl Plan {
    fn save(&mut self, words: String, change: Change) {
        self.words.push(words);
        self.changes.push(change);
    }

    fn create(&mut self, workspace: ThingId, kind: Kind, id: Option<ThingId>, wanted: &Entry) {
        let expected = id.map(|_| 0);
        let change = Change { id, expected, ..change(workspace, kind, wanted) };
        self.save(format!("create {kind} `{}`", wanted.name), change);
    }

    fn restore(&mut self, workspace: ThingId, kind: Kind, id: ThingId, wanted: &Entry) {
        let change = Change { id: Some(id), ..change(workspace, kind, wanted) };
        self.save(format!("restore {kind} {id} as `{}`", wanted.name), change);
    }

    fn change(&mut self, workspace: ThingId, kind: Kind, id: ThingId, is: &Entry, wanted: &Entry) {
        let mut parts: Vec<String> =
            differing(&is.body, &wanted.body).map(|field| format!("set {field}")).collect();
        if is.name != wanted.name {
            parts.insert(0, format!("rename to `{}`", wanted.name));
        }
        let change = Change { id: Some(id), ..change(workspace, kind, wanted) };
        self.save(format!("change {kind} {id} `{}`: {}", is.name, parts.join(", ")), change);
    }

    fn archive(&mut self, workspace: ThingId, kind: Kind, id: ThingId, entry: &Entry) {
        let change = Change { id: Some(id), archived: true, ..change(workspace, kind, entry) };
        self.save(format!("archive {kind} {id} `{}`", entry.name), change);
    }
}

fn change(workspace: ThingId, kind: Kind, entry: &Entry) -> Change {
    let (name, body) = (entry.name.clone(), entry.body.to_string());
    Change { workspace, kind, id: None, name, archived: false, body, expected: None }
}

/// `field: old → new` for every field that differs.
fn differing<'a>(is: &'a Value, wanted: &'a Value) -> impl Iterator<Item = String> + 'a {
    let fields = |value: &'a Value| value.as_object().into_iter().flat_map(Map::keys);
    let names: BTreeSet<&str> = fields(is).chain(fields(wanted)).map(String::as_str).collect();
    let differs = move |name: &&str| is.get(*name) != wanted.get(*name);
    let show = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
    names
        .into_iter()
        .filter(differs)
        .map(move |name| format!("{name} {} → {}", show(is.get(name)), show(wanted.get(name))))
}

fn current(things: &Things, workspace: ThingId) -> anyhow::Result<Entries> {
    let mut entries = Entries::new();
    let owner =
        things.workspaces.iter().filter(|thing| thing.id == workspace).cloned().collect::<Vec<_>>();
    add(&mut entries, &owner, None)?;
    add(&mut entries, &things.sources, Some(workspace))?;
    add(&mut entries, &things.networks, Some(workspace))?;
    add(&mut entries, &things.offers, Some(workspace))?;
    add(&mut entries, &things.landers, Some(workspace))?;
    add(&mut entries, &things.flows, Some(workspace))?;
    add(&mut entries, &things.domains, Some(workspace))?;
    add(&mut entries, &things.campaigns, Some(workspace))?;
    Ok(entries)
}

fn add<B: Body>(
    entries: &mut Entries,
    things: &[Thing<B>],
    workspace: Option<ThingId>,
) -> anyhow::Result<()> {
    let own = |thing: &&Thing<B>| !thing.archived && workspace.is_none_or(|w| thing.workspace == w);
    for thing in things.iter().filter(own) {
        let body = serde_json::to_value(&thing.body)?;
        entries.insert((B::KIND, thing.id), Entry { name: thing.name.clone(), body });
    }
    Ok(())
}

fn exists(things: &Things, kind: Kind, id: ThingId) -> bool {
    fn among<B>(things: &[Thing<B>], id: ThingId) -> bool {
        things.iter().any(|thing| thing.id == id)
    }
    match kind {
        Kind::Workspace => among(&things.workspaces, id),
        Kind::Source => among(&things.sources, id),
        Kind::Network => among(&things.networks, id),
        Kind::Offer => among(&things.offers, id),
        Kind::Lander => among(&things.landers, id),
        Kind::Flow => among(&things.flows, id),
        Kind::Domain => among(&things.domains, id),
        Kind::Campaign => among(&things.campaigns, id),
    }
}

/// Things of the file with a number, and those without.
fn read(text: &str) -> anyhow::Result<(Entries, Vec<(Kind, Entry)>)> {
    let file: toml::Table = text.parse().context("the file is no TOML")?;
    let (mut known, mut fresh) = (Entries::new(), Vec::new());
    for (word, value) in file {
        let Some(kind) = Kind::from_word(&word) else {
            bail!(
                "`[[{word}]]` is no kind of thing: expected one of {}",
                Kind::ALL.map(Kind::as_str).join(", ")
            );
        };
        let toml::Value::Array(items) = value else {
            bail!("expected `[[{word}]]`, an array of tables")
        };
        for (place, item) in items.into_iter().enumerate() {
            let at = || format!("{word} number {} of the file", place + 1);
            let (id, entry) = read_entry(kind, item).with_context(at)?;
            match id {
                None => fresh.push((kind, entry)),
                Some(id) => {
                    let before = known.insert((kind, id), entry);
                    if before.is_some() {
                        bail!("{word} {id} is in the file twice");
                    }
                }
            }
        }
    }
    Ok((known, fresh))
}

fn read_entry(kind: Kind, item: toml::Value) -> anyhow::Result<(Option<ThingId>, Entry)> {
    let Value::Object(mut fields) = serde_json::to_value(item)? else { bail!("expected a table") };
    let id = fields
        .remove("id")
        .map(serde_json::from_value)
        .transpose()
        .context("`id` is no number of a thing")?;
    let Some(Value::String(name)) = fields.remove("name") else { bail!("it has no `name`") };
    let body = Value::Object(fields);
    let body = match kind {
        Kind::Workspace => whole::<Workspace>(body),
        Kind::Source => whole::<Source>(body),
        Kind::Network => whole::<Network>(body),
        Kind::Offer => whole::<Offer>(body),
        Kind::Lander => whole::<Lander>(body),
        Kind::Flow => whole::<Flow>(body),
        Kind::Domain => whole::<Domain>(body),
        Kind::Campaign => whole::<Campaign>(body),
    };
    Ok((id, Entry { name, body: body? }))
}

/// The body with its defaults filled in, so that what was left out does not look like a change.
fn whole<B: Body>(body: Value) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(serde_json::from_value::<B>(body)?)?)
}

/// TOML has no null: what is absent is left out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::thing::{Path, WeightedOffer};

    fn thing<B: Body>(id: ThingId, name: &str, body: B) -> Thing<B> {
        Thing { id, workspace: 1, name: name.into(), revision: 1, archived: false, body }
    }

    fn things() -> Things {
        let url = "https://offer.example/?c={click_id}".into();
        let offer = Offer { url, ..Offer::default() };
        let offers = vec![WeightedOffer { offer: 1, weight: 100 }];
        let path = Path { id: 1, offers, ..Path::default() };
        let campaign: Campaign =
            serde_json::from_value(serde_json::json!({ "key": "k", "flow": 1 })).unwrap();
        Things {
            workspaces: vec![thing(1, "main", Workspace::default())],
            sources: vec![thing(1, "source", Source::default())],
            offers: vec![thing(1, "offer", offer)],
            flows: vec![thing(1, "flow", Flow { default: vec![path], ..Flow::default() })],
            campaigns: vec![thing(1, "campaign", campaign)],
            ..Things::default()
        }
    }

    #[test]
    fn applying_what_was_exported_changes_nothing() {
        let things = things();
        let plan = plan(&export(&things, 1).unwrap(), &things, 1).unwrap();
        assert_eq!(plan.words, Vec::<String>::new());
    }

    #[test]
    fn a_plan_says_what_it_does_in_words_and_in_a_safe_order() {
        let things = things();
        let file = export(&things, 1).unwrap();
        let changed = file
            .replace("name = \"offer\"", "name = \"better offer\"")
            .replace("key = \"k\"", "key = \"q\"")
            .replace("[[source]]\nid = 1\nname = \"source\"", "[[source]]\nname = \"new source\"");
        let plan = plan(&changed, &things, 1).unwrap();
        assert_eq!(
            plan.words,
            [
                "change offer 1 `offer`: rename to `better offer`",
                "change campaign 1 `campaign`: set key \"k\" → \"q\"",
                "create source `new source`",
                "archive source 1 `source`",
            ]
        );
        let kinds: Vec<Kind> = plan.changes.iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [Kind::Source, Kind::Offer, Kind::Campaign, Kind::Source]);
        assert!(plan.changes[3].archived);
    }

    #[test]
    fn what_cannot_be_read_names_its_place() {
        for (text, named) in [
            ("[[colour]]\nname = 'x'", "colour"),
            ("[[offer]]\nid = 1", "offer number 1"),
            ("[[offer]]\nname = 'x'\nurl = 'https://a.example'\nprice = 1", "price"),
            ("[[source]]\nid = 1\nname = 'a'\n[[source]]\nid = 1\nname = 'b'", "twice"),
            ("offer = 1", "offer"),
        ] {
            let error = format!("{:#}", plan(text, &things(), 1).unwrap_err());
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
