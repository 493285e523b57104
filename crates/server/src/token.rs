//! `clicktrail token create`: an API key, shown once.

use crate::client::Client;
use crate::config::Config;
use crate::output;
use anyhow::Context;
use serde_json::{Value, json};

/// Makes a key and prints it.
///
/// # Errors
/// When the server refuses.
pub fn create(config: Config, name: &str) -> anyhow::Result<()> {
    let client = Client::open_or_make(config)?;
    let answer = client.post("/tokens", &json!({ "name": name }));
    client.close()?;
    let answer = answer?;
    let key =
        answer.get("key").and_then(Value::as_str).context("the server's answer holds no key")?;
    Ok(output::line(key)?)
}
