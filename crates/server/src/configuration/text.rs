//! The file as text, TOML or YAML: read with the line of every thing, written so that people like to read it.

use super::order::{Ordered, ordered};
use anyhow::{Context, bail};
use model::thing::{Kind, Revision};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt::Write;

/// The version of the file's form that is written, and the newest that is read.
pub const FORMAT: u32 = 1;

/// The most nodes of a YAML file: room for some ten thousand campaigns.
const YAML_NODES_MAX: usize = 20_000_000;

/// How the file is written.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Syntax {
    /// TOML 1.0
    #[default]
    Toml,
    /// YAML 1.2; a JSON file is one as well
    Yaml,
}

/// What a file holds.
#[derive(Debug, Default)]
pub struct Document {
    /// The newest save when it was exported.
    pub revision: Option<Revision>,
    /// Things in the order of the file, kind by kind.
    pub items: Vec<Item>,
}

/// A thing as it stands in the file.
#[derive(Debug)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Which one of its kind in the file, from 0.
    pub index: usize,
    /// The line it begins in, from 1.
    pub line: usize,
    /// Its fields.
    pub fields: Map<String, Value>,
}

impl Syntax {
    /// What `text` is written in: a line of TOML begins with a bracket or assigns with `=`.
    pub fn detect(text: &str) -> Self {
        let lines = text.lines().map(str::trim);
        let first = lines.into_iter().find(|line| !line.is_empty() && !line.starts_with('#'));
        let assigns = |line: &str| match (line.find('='), line.find(':')) {
            (Some(equals), Some(colon)) => equals < colon,
            (equals, _) => equals.is_some(),
        };
        match first {
            Some(line) if !line.starts_with('[') && !assigns(line) => Self::Yaml,
            _ => Self::Toml,
        }
    }
}

/// What a file may have at its top; `T` is a thing with its place in the text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<T> {
    format: Option<u32>,
    revision: Option<Revision>,
    #[serde(default = "Vec::new")]
    workspace: Vec<T>,
    #[serde(default = "Vec::new")]
    source: Vec<T>,
    #[serde(default = "Vec::new")]
    network: Vec<T>,
    #[serde(default = "Vec::new")]
    conversion_type: Vec<T>,
    #[serde(default = "Vec::new")]
    offer: Vec<T>,
    #[serde(default = "Vec::new")]
    lander: Vec<T>,
    #[serde(default = "Vec::new")]
    flow: Vec<T>,
    #[serde(default = "Vec::new")]
    domain: Vec<T>,
    #[serde(default = "Vec::new")]
    campaign: Vec<T>,
}

type Fields = Map<String, Value>;

/// Reads a file.
///
/// # Errors
/// When it is no such file: line and column are named.
pub fn read(text: &str, syntax: Syntax) -> anyhow::Result<Document> {
    match syntax {
        Syntax::Toml => {
            let written: Written<toml::Spanned<Fields>> =
                toml::from_str(text).context("the file is not the TOML expected")?;
            let mut lines = Lines::of(text);
            document(written, move |thing| (lines.at(thing.span().start), thing.into_inner()))
        }
        Syntax::Yaml => {
            let options = serde_saphyr::options! {
                // `NO` is Norway.
                strict_booleans: true,
                with_snippet: false,
                budget: serde_saphyr::budget! { max_nodes: YAML_NODES_MAX, max_events: 2 * YAML_NODES_MAX },
            };
            let written: Written<serde_saphyr::Spanned<Fields>> =
                serde_saphyr::from_str_with_options(text, options)
                    .context("the file is not the YAML expected")?;
            let line = |line: u64| usize::try_from(line).unwrap_or_default();
            document(written, move |thing| (line(thing.referenced.line()), thing.value))
        }
    }
}

fn document<T>(
    written: Written<T>,
    mut take: impl FnMut(T) -> (usize, Fields),
) -> anyhow::Result<Document> {
    if let Some(found) = written.format.filter(|format| !(1..=FORMAT).contains(format)) {
        bail!("the file has format {found}, this program knows up to {FORMAT}");
    }
    let mut document = Document { revision: written.revision, items: Vec::new() };
    for (kind, things) in [
        (Kind::Workspace, written.workspace),
        (Kind::Source, written.source),
        (Kind::Network, written.network),
        (Kind::ConversionType, written.conversion_type),
        (Kind::Offer, written.offer),
        (Kind::Lander, written.lander),
        (Kind::Flow, written.flow),
        (Kind::Domain, written.domain),
        (Kind::Campaign, written.campaign),
    ] {
        for (index, thing) in things.into_iter().enumerate() {
            let (line, fields) = take(thing);
            document.items.push(Item { kind, index, line, fields });
        }
    }
    if document.items.is_empty() {
        bail!(
            "the file names nothing, and what is not in the file is archived: that would be everything; begin with `clicktrail config export`"
        );
    }
    Ok(document)
}

/// Line numbers of places in a text.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    fn at(&mut self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte)
    }
}

/// Writes a file.
///
/// # Errors
/// When a value has no form in the syntax.
pub fn write(
    revision: Revision,
    things: &[(Kind, Fields)],
    syntax: Syntax,
) -> anyhow::Result<String> {
    let mut text = String::from(
        "# Everything that is set up. `clicktrail config plan` says what this file would change.\n\
         # References: the name counts for people, the number beside it (`…_id`) survives a rename.\n",
    );
    match syntax {
        Syntax::Toml => {
            writeln!(text, "format = {FORMAT}\nrevision = {revision}")?;
            for (kind, fields) in things {
                write!(text, "\n[[{kind}]]\n")?;
                toml_fields(&mut text, kind.as_str(), fields)?;
            }
        }
        Syntax::Yaml => {
            writeln!(text, "format: {FORMAT}\nrevision: {revision}")?;
            for kind in Kind::ALL {
                let of_kind = things.iter().filter(|(k, _)| *k == kind);
                let list: Vec<Value> =
                    of_kind.map(|(_, fields)| Value::Object(fields.clone())).collect();
                if !list.is_empty() {
                    let section = Value::Object(Map::from_iter([(kind.to_string(), list.into())]));
                    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
                    text.push('\n');
                    text += &serde_saphyr::to_string_with_options(&Ordered(&section), options)?;
                }
            }
        }
    }
    Ok(text)
}

/// Lists whose members get a head of their own.
const SECTIONS: [&str; 3] = ["rules", "paths", "default"];

fn toml_fields(text: &mut String, head: &str, fields: &Fields) -> anyhow::Result<()> {
    let is_section = |key: &str, value: &Value| {
        let members = value.as_array().filter(|_| SECTIONS.contains(&key));
        members.is_some_and(|m| !m.is_empty() && m.iter().all(Value::is_object))
    };
    let (sections, plain): (Vec<_>, Vec<_>) =
        ordered(fields).into_iter().partition(|(key, value)| is_section(key, value));
    for (key, value) in plain {
        write!(text, "{} = ", toml_key(key))?;
        toml_value(text, value, 0)?;
        text.push('\n');
    }
    for (key, members) in sections {
        for member in members.as_array().into_iter().flatten().filter_map(Value::as_object) {
            let head = format!("{head}.{key}");
            write!(text, "\n[[{head}]]\n")?;
            toml_fields(text, &head, member)?;
        }
    }
    Ok(())
}

fn toml_key(key: &str) -> String {
    let is_bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !key.is_empty() && key.bytes().all(is_bare) { key.to_owned() } else { toml_text(key) }
}

/// A basic string on one line: every escape of JSON is one of TOML, which asks for one more.
fn toml_text(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// Lists of objects get a line for each, everything else stays on one.
fn toml_value(text: &mut String, value: &Value, depth: usize) -> anyhow::Result<()> {
    match value {
        Value::Null => bail!("TOML has no null"),
        Value::String(string) => text.push_str(&toml_text(string)),
        Value::Bool(_) | Value::Number(_) => write!(text, "{value}")?,
        Value::Array(items) if items.iter().any(Value::is_object) => {
            text.push_str("[\n");
            for item in items {
                text.push_str(&"    ".repeat(depth + 1));
                toml_value(text, item, depth + 1)?;
                text.push_str(",\n");
            }
            text.push_str(&"    ".repeat(depth));
            text.push(']');
        }
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                text.push_str(if i == 0 { "" } else { ", " });
                toml_value(text, item, depth)?;
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push_str(if fields.is_empty() { "{" } else { "{ " });
            for (i, (key, value)) in ordered(fields).into_iter().enumerate() {
                write!(text, "{}{} = ", if i == 0 { "" } else { ", " }, toml_key(key))?;
                toml_value(text, value, depth)?;
            }
            text.push_str(if fields.is_empty() { "}" } else { " }" });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_syntax_is_told_from_the_text() {
        for (text, expected) in [
            ("", Syntax::Toml),
            ("# a: b\n\nformat = 1", Syntax::Toml),
            ("[[offer]]\nname = 'a'", Syntax::Toml),
            ("[[offer]] # url: x", Syntax::Toml),
            ("format: 1", Syntax::Yaml),
            ("---\nformat: 1", Syntax::Yaml),
            ("offer:\n  - name: a=b", Syntax::Yaml),
            ("{\"format\": 1}", Syntax::Yaml),
            ("name = 'a:b'", Syntax::Toml),
        ] {
            assert_eq!(Syntax::detect(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back_and_every_thing_has_its_line() {
        let odd = "a \"b\" \\ 'c'\n\t{x} #=: é 漢 \u{7f}\u{1} null";
        let fields = json!({"name": odd, "url": "no", "n": "0123", "empty": [], "nothing": {},
            "params": [{"param": "yes", "field": "1e3"}, {"param": "~", "field": ""}], "map": {odd: "~", "a b": "- x"},
            "when": {"all": [{"any": [{"op": "is"}]}, {"value": [1, -2, "NO", true]}]},
            "rules": [{"id": 1, "paths": [{"id": 2, "weight": 3}]}], "default": [{"id": 1}, {"id": 3}]});
        let Value::Object(fields) = fields else { panic!() };
        let things = [(Kind::Flow, fields.clone()), (Kind::Flow, fields.clone())];
        for syntax in [Syntax::Toml, Syntax::Yaml] {
            let text = write(7, &things, syntax).unwrap();
            assert_eq!(Syntax::detect(&text), syntax);
            let document = read(&text, syntax).unwrap_or_else(|error| panic!("{error:#}\n{text}"));
            assert_eq!(document.revision, Some(7));
            let [first, second] = &document.items[..] else { panic!("{text}") };
            assert_eq!((&first.fields, &second.fields), (&fields, &fields), "{text}");
            let line = |item: &Item| text.lines().nth(item.line - 1).unwrap();
            assert!(
                ["[[flow]]", "- name:"].iter().any(|head| line(first).starts_with(head)),
                "{text}"
            );
            assert_eq!(line(first), line(second));
        }
    }

    #[test]
    fn what_cannot_be_read_names_its_line() {
        for (text, syntax, named) in [
            ("format = 1\n\nname =", Syntax::Toml, "line 3"),
            ("format = 1\n[[colour]]\nname = 'x'", Syntax::Toml, "colour"),
            ("offer = 1", Syntax::Toml, "line 1"),
            ("format = 2", Syntax::Toml, "format 2"),
            ("format: 1\noffer:\n  - name: a\n    name: b", Syntax::Yaml, "line 4"),
            ("format: 1\ncolour: []", Syntax::Yaml, "colour"),
            ("offer:\n  - a\n", Syntax::Yaml, "line 2"),
        ] {
            let error = format!("{:#}", read(text, syntax).unwrap_err());
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
