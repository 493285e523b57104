//! A thing as it is sent: its name, its own fields, and what the server gave it last time.

use super::extract::read_value;
use super::kind::{Resource, Site};
use super::notes::NOTES;
use super::problem::{ApiError, Code};
use model::builtin::Templates;
use model::thing::{Kind, Problem, Revision, Thing};
use serde_json::{Map, Value};

/// What every thing has and only the server gives.
const GIVEN: [&str; 4] = ["id", "workspace", "revision", "archived"];

/// What was sent in place of a thing.
#[derive(Debug)]
pub struct Sent {
    /// The name, trimmed.
    pub name: String,
    /// The fields of its kind.
    pub fields: Map<String, Value>,
    /// The revision it was made from, when it says so.
    pub expected: Option<Revision>,
}

impl Sent {
    /// Takes the object apart. In a replacement of `before`, fields that only the server gives may be
    /// sent back as they were read; anything else in their place is refused rather than ignored.
    ///
    /// # Errors
    /// When it is no object, has no name, or gives what only the server gives.
    pub fn read<B: Resource>(value: Value, before: Option<&Given>) -> Result<Self, ApiError> {
        let Value::Object(mut fields) = value else {
            return Err(wrong(B::KIND, "body", "expected a JSON object"));
        };
        let expected = match before {
            None => {
                if let Some(key) = GIVEN.into_iter().find(|key| fields.contains_key(*key)) {
                    return Err(wrong(B::KIND, key, "is given by the server: leave it out"));
                }
                None
            }
            Some(given) => given.take_from::<B>(&mut fields)?,
        };
        let name = match fields.remove("name") {
            Some(Value::String(name)) => name.trim().to_owned(),
            Some(_) => return Err(wrong(B::KIND, "name", "expected a text")),
            None => return Err(wrong(B::KIND, "name", "is missing")),
        };
        Ok(Self { name, fields, expected })
    }

    /// The body, complete and valid as far as the server can tell by itself. A new thing that names a
    /// template gets from it what was not sent: what was sent holds, even when it is empty.
    ///
    /// # Errors
    /// Everything that is wrong with it, each named by its path.
    pub fn body<B: Resource>(
        mut self,
        before: Option<&B>,
        templates: &Templates,
    ) -> Result<B, ApiError> {
        match before {
            Some(before) => B::inherit(&mut self.fields, before),
            None => fill::<B>(&mut self.fields, templates)?,
        }
        let mut body: B = read_value(Value::Object(self.fields))?;
        body.complete(before)?;
        let here = body.problems_here(templates);
        if !here.is_empty() {
            return Err(ApiError::invalid(B::KIND, [body.problems(), here].concat()));
        }
        Ok(body)
    }
}

/// Puts the fields of the template that is named where none were sent.
pub fn fill<B: Resource>(
    fields: &mut Map<String, Value>,
    templates: &Templates,
) -> Result<(), ApiError> {
    let slug = fields.get("template").and_then(Value::as_str);
    let Some(filled) = slug.and_then(|slug| B::from_template(templates, slug)) else {
        return Ok(());
    };
    let filled = serde_json::to_value(filled).map_err(|error| ApiError::internal(&error))?;
    if let Value::Object(filled) = filled {
        filled.into_iter().for_each(|(name, value)| {
            fields.entry(name).or_insert(value);
        });
    }
    Ok(())
}

/// What the server gave a thing, as it printed it.
pub struct Given(Map<String, Value>);

impl Given {
    /// What was given to `thing`.
    ///
    /// # Errors
    /// When it cannot be printed.
    pub fn of<B: Resource>(thing: &Thing<B>, site: Site<'_>) -> Result<Self, ApiError> {
        let links = serde_json::to_value(thing.body.links(site));
        let mut given = match links.map_err(|error| ApiError::internal(&error))? {
            Value::Object(links) => links,
            _ => Map::new(),
        };
        given.insert("id".to_owned(), thing.id.into());
        given.insert("workspace".to_owned(), thing.workspace.into());
        given.insert("revision".to_owned(), thing.revision.into());
        given.insert("archived".to_owned(), thing.archived.into());
        Ok(Self(given))
    }

    /// Removes from `fields` what was sent back; the revision, when it was among it.
    fn take_from<B: Resource>(
        &self,
        fields: &mut Map<String, Value>,
    ) -> Result<Option<Revision>, ApiError> {
        for note in NOTES {
            fields.remove(note);
        }
        let revision = fields.remove("revision");
        for (key, value) in &self.0 {
            let sent = fields.remove(key);
            if sent.is_some_and(|sent| sent != *value) {
                return Err(wrong(
                    B::KIND,
                    key,
                    "is given by the server: leave it as it was, or out",
                ));
            }
        }
        match revision {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(revision) => Ok(Some(revision)),
                None => Err(wrong(B::KIND, "revision", "expected a whole number")),
            },
        }
    }
}

fn wrong(kind: Kind, field: &str, message: &str) -> ApiError {
    ApiError::invalid(kind, vec![Problem::new(field, message)])
}

impl ApiError {
    /// A thing that is refused for what it says.
    pub fn invalid(kind: Kind, problems: Vec<Problem>) -> Self {
        Self::new(Code::Invalid, format!("the {kind} is not valid: {}", Problem::list(&problems)))
            .problems(problems)
            .remedy("correct the fields listed in `problems` and send it again")
    }
}
