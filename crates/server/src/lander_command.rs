//! `clicktrail lander`: files of hosted landers go up, are listed, and come back.

use crate::cli::LanderCommand;
use crate::client::Client;
use crate::config::Config;
use crate::hosted::pack_folder;
use crate::output;
use anyhow::{Context, bail};
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::path::Path;

/// Carries it out and prints what came of it.
///
/// # Errors
/// When files cannot be read or written, or the server refuses.
pub fn run(config: Config, command: LanderCommand) -> anyhow::Result<()> {
    let client = Client::open(config)?;
    let told = match &command {
        LanderCommand::Upload { from, lander, url, offers } => {
            upload(&client, from, lander, url.as_deref(), *offers)
        }
        LanderCommand::Files { lander } => files(&client, lander),
        LanderCommand::Download { lander, to } => download(&client, lander, to),
    };
    client.close()?;
    output::whole(&told?)?;
    Ok(())
}

fn upload(
    client: &Client,
    from: &Path,
    lander: &str,
    url: Option<&str>,
    offers: Option<u8>,
) -> anyhow::Result<String> {
    let known = find(client, lander)?;
    if known.is_none() && url.is_none() {
        bail!(
            "there is no lander `{lander}`: name its place too, such as --url https://go.example.com/l/quiz/, to make it"
        );
    }
    let archive = match from.is_dir() {
        true => pack_folder(from)?,
        false => fs::read(from).with_context(|| format!("cannot read {}", from.display()))?,
    };
    let uploaded = client.post_file("/bundles", "application/zip", &archive)?;
    // The thing as it was read: whoever saved it meanwhile is not overwritten.
    let mut thing = match &known {
        Some(Value::Object(thing)) => thing.clone(),
        _ => Map::from_iter([("name".to_owned(), lander.into())]),
    };
    thing.insert("bundle".to_owned(), uploaded["bundle"].clone());
    thing.extend(url.map(|url| ("url".to_owned(), url.into())));
    thing.extend(offers.map(|offers| ("offers".to_owned(), offers.into())));
    let saved = match &known {
        Some(before) => client.put(&format!("/landers/{}", before["id"]), &thing.into())?,
        None => client.post("/landers", &thing.into())?,
    };
    let mut told = listed(&uploaded);
    for left in items(&uploaded["left_out"]) {
        told.push_str(&format!("left out {}: {}\n", text(&left["path"]), text(&left["reason"])));
    }
    told.push_str(&format!(
        "lander {} `{}`, revision {}: {}\n",
        saved["id"],
        text(&saved["name"]),
        saved["revision"],
        text(&saved["url"])
    ));
    Ok(told)
}

fn files(client: &Client, lander: &str) -> anyhow::Result<String> {
    let thing = demand(client, lander)?;
    Ok(listed(&client.get(&format!("/landers/{}/files", thing["id"]))?))
}

fn download(client: &Client, lander: &str, to: &Path) -> anyhow::Result<String> {
    let thing = demand(client, lander)?;
    let mut archive = Vec::new();
    client.download(&format!("/landers/{}/files/archive", thing["id"]), &mut archive)?;
    let file = File::create_new(to);
    let mut file = file.with_context(|| format!("cannot make {}", to.display()))?;
    std::io::Write::write_all(&mut file, &archive)
        .with_context(|| format!("cannot write {}", to.display()))?;
    Ok(format!("{} bytes in {}\n", archive.len(), to.display()))
}

/// One line for each file, and one for all.
fn listed(bundle: &Value) -> String {
    let mut told = String::new();
    let files = items(&bundle["items"]);
    let width = files.iter().map(|file| file["bytes"].to_string().len()).max().unwrap_or_default();
    for file in files {
        let bytes = file["bytes"].to_string();
        let filled = tokens("  ", &file["tokens"]);
        let left = tokens("  not filled: ", &file["unfilled"]);
        told.push_str(&format!("{bytes:>width$}  {}{filled}{left}\n", text(&file["path"])));
    }
    told.push_str(&format!("{} files, {} bytes\n", files.len(), bundle["bytes"]));
    told
}

fn tokens(before: &str, tokens: &Value) -> String {
    let tokens: Vec<_> = items(tokens).iter().map(|token| format!("{{{}}}", text(token))).collect();
    if tokens.is_empty() { String::new() } else { format!("{before}{}", tokens.join(" ")) }
}

/// The lander of a number or name that is not archived.
fn find(client: &Client, lander: &str) -> anyhow::Result<Option<Value>> {
    let number: Option<u64> = lander.parse().ok();
    let mut next = String::new();
    loop {
        let page = client.get(&format!("/landers?limit=500{next}"))?;
        let is_it = |thing: &&Value| {
            thing["name"] == json!(lander) || number.is_some_and(|number| thing["id"] == number)
        };
        if let Some(thing) = items(&page["items"]).iter().find(is_it) {
            return Ok(Some(thing.clone()));
        }
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => return Ok(None),
        }
    }
}

fn demand(client: &Client, lander: &str) -> anyhow::Result<Value> {
    find(client, lander)?.with_context(|| format!("there is no lander `{lander}`"))
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
