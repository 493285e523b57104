//! Into a ZIP archive: a folder of this machine, or files that are served.

use anyhow::{Context, bail};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The most files that are looked at in a folder: more are no lander, but somebody's home.
const FILES_MAX: usize = 10_000;

/// The files of a folder as an archive, by their paths within it. What begins with a dot stays behind.
///
/// # Errors
/// When a file cannot be read, or there are too many.
pub fn pack_folder(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let mut files = Vec::new();
    collect(folder, "", &mut files)?;
    files.sort();
    let contents = files.into_iter().map(|name| {
        let path = folder.join(&name);
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        anyhow::Ok((name, content))
    });
    pack_files(contents)
}

fn collect(folder: &Path, within: &str, files: &mut Vec<String>) -> anyhow::Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            bail!("{}: the name is no UTF-8", entry.path().display());
        };
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{within}{name}");
        // Links are followed: what counts is what a visitor of the page would see.
        if fs::metadata(entry.path())?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            bail!("more than {FILES_MAX} files: name the folder of the lander alone");
        }
    }
    Ok(())
}

/// Files as an archive.
///
/// # Errors
/// When one cannot be read.
pub fn pack_files(
    files: impl Iterator<Item = anyhow::Result<(String, Vec<u8>)>>,
) -> anyhow::Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for file in files {
        let (path, content) = file?;
        archive.start_file(path, options)?;
        archive.write_all(&content)?;
    }
    Ok(archive.finish()?.into_inner())
}
