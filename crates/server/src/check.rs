//! `clicktrail check`: verifies the data folder while no server holds it.

use crate::config::Config;
use crate::folder::{BUNDLES_FOLDER, Folder};
use crate::{keys, output};
use anyhow::bail;
use edge::Bundles;
use journal::RealDisk;
use model::thing::{Lander, Thing};
use store::{Catalog, DuckEvents, DuckOptions, Events, SqliteCatalog};

/// What was looked at, and what was found wrong.
#[derive(Default)]
struct Findings {
    lines: Vec<String>,
    problems: usize,
}

impl Findings {
    fn note(&mut self, is_right: bool, line: String) {
        self.problems += usize::from(!is_right);
        self.lines.push(format!("{} {line}", if is_right { "ok     " } else { "PROBLEM" }));
    }
}

/// Reads everything once and says what it found.
///
/// # Errors
/// When a server holds the folder, or something is wrong with the data.
pub fn run(config: &Config) -> anyhow::Result<()> {
    if !config.data.exists() {
        bail!("there is no folder {}", config.data.display());
    }
    let Some(folder) = Folder::hold(&config.data)? else {
        bail!("{} is in use by a server: stop it first", config.data.display());
    };
    let mut findings = Findings::default();
    match keys::load(&config.data) {
        Ok(keys) => findings.note(true, format!("keys: {} for signing", keys.macs().len())),
        Err(error) => findings.note(false, format!("keys: {error:#}")),
    }
    let last = check_journal(&folder, &mut findings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(check_stores(config, &folder, last, &mut findings))?;
    output::line(&findings.lines.join("\n"))?;
    if findings.problems > 0 {
        bail!("{} problems found", findings.problems);
    }
    Ok(())
}

/// The last sequence of the journal.
fn check_journal(folder: &Folder, findings: &mut Findings) -> anyhow::Result<u64> {
    let path = folder.join("journal");
    if !path.exists() {
        findings.note(true, "journal: none yet".to_owned());
        return Ok(0);
    }
    let report = journal::verify(&RealDisk::new(), &path)?;
    let last = report.last.map_or(0, |sequence| sequence.0);
    let (records, segments) = (report.records, report.segments);
    findings.note(
        report.is_whole(),
        format!("journal: {records} records in {segments} segments, up to number {last}"),
    );
    for missing in &report.missing {
        findings.note(
            false,
            format!("journal: records {} to {} are missing", missing.start(), missing.end()),
        );
    }
    for damaged in &report.damaged {
        findings.note(false, format!("journal: {} is damaged", damaged.display()));
    }
    Ok(last)
}

async fn check_stores(
    config: &Config,
    folder: &Folder,
    last: u64,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let options =
        DuckOptions { memory_bytes: config.duckdb.memory_bytes, threads: config.duckdb.threads };
    let events = DuckEvents::open(folder.join("events.duckdb"), options)?;
    let position = events.position().await?;
    // Retention may have removed segments the store is past; being ahead of the journal's end is not possible.
    findings.note(
        last == 0 || position <= last,
        format!("store: complete up to journal record {position} of {last}"),
    );
    let stats = events.stats().await?;
    findings.note(true, format!("store: {stats:?}"));
    events.close().await?;
    let catalog = SqliteCatalog::open(&folder.join("catalog.sqlite")).await?;
    let things = catalog.things().await?;
    // Reads every one of them.
    catalog.rate_table().await?;
    findings.note(
        true,
        format!("catalog: revision {}, {} campaigns", things.revision, things.campaigns.len()),
    );
    check_landers(&things.landers, &Bundles::new(folder.join(BUNDLES_FOLDER)), findings);
    Ok(catalog.close().await?)
}

/// Reads every file of the hosted landers that are not archived.
fn check_landers(landers: &[Thing<Lander>], bundles: &Bundles, findings: &mut Findings) {
    let (mut landers_read, mut files_read) = (0, 0);
    for lander in landers.iter().filter(|lander| !lander.archived) {
        let Some(bundle) = lander.body.bundle else { continue };
        landers_read += 1;
        let mut note = |problem: String| {
            let (id, name) = (lander.id, &lander.name);
            findings
                .note(false, format!("hosted lander {id} `{name}`: {problem}: upload it again"));
        };
        match bundles.listing(bundle) {
            Ok(None) => note("its files are missing".to_owned()),
            Err(error) => note(format!("the list of its files cannot be read: {error}")),
            Ok(Some(listing)) => {
                for (path, file) in &listing {
                    files_read += 1;
                    if let Err(error) = bundles.file(file.sha256) {
                        note(format!("{path} cannot be read: {error}"));
                    }
                }
            }
        }
    }
    if landers_read > 0 {
        findings.note(true, format!("hosted landers: {files_read} files of {landers_read} read"));
    }
}
