//! From a ZIP archive to the files of a lander: all in memory and within bounds, whatever the archive says of itself.

use super::names::{self, Verdict};
use edge::MediaType;
use model::thing::Problem;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use zip::ZipArchive;
use zip::result::ZipError;

/// The most bytes of an archive.
pub const ARCHIVE_BYTES_MAX: usize = 32 << 20;

/// The most bytes of all files, unpacked.
const FILES_BYTES_MAX: u64 = 64 << 20;

/// The most bytes of a page: it is filled anew for each visitor.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// The most files of an archive.
const FILES_MAX: usize = 2_000;

/// The page that a folder answers with.
const INDEX: &str = "index.html";

/// What an archive holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Contents by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What is not served.
    pub left_out: Vec<LeftOut>,
}

/// A file of an archive that is not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LeftOut {
    /// Its path in the archive.
    pub path: String,
    /// Why.
    pub reason: &'static str,
}

/// A file as the archive announces it.
struct Entry {
    number: usize,
    path: String,
    /// Why it can be no file of a lander.
    problem: Option<&'static str>,
}

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// Unpacks an archive. Nothing of it is written anywhere.
///
/// # Errors
/// Everything that is wrong with it, by path; none of it is taken then.
pub fn unpack(archive: &[u8]) -> Result<Unpacked, Vec<Problem>> {
    let of_archive = |error: ZipError| vec![Problem::new("archive", unreadable(&error))];
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(of_archive)?;
    let entries = entries(&mut archive).map_err(of_archive)?;
    if entries.len() > FILES_MAX {
        let message = format!("{} files: a lander has at most {FILES_MAX}", entries.len());
        return Err(vec![Problem::new("archive", message)]);
    }
    let paths: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    let folder = names::common_folder(&paths);
    let (mut problems, mut kept, mut unpacked) = (Vec::new(), Vec::new(), Unpacked::default());
    for entry in &entries {
        match entry.problem.map_or_else(|| names::judge(&entry.path), Verdict::Refused) {
            Verdict::Kept => kept.push(entry),
            Verdict::LeftOut(reason) => {
                unpacked.left_out.push(LeftOut { path: entry.path.clone(), reason });
            }
            Verdict::Refused(why) => problems.push(Problem::new(&entry.path, why)),
        }
    }
    if !kept.iter().any(|entry| entry.path.strip_prefix(folder) == Some(INDEX)) {
        problems.push(Problem::new("archive", "there is no index.html at the top of it"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut room = FILES_BYTES_MAX;
    for entry in kept {
        let content = read(&mut archive, entry, &mut room)
            .map_err(|message| vec![Problem::new(&entry.path, message)])?;
        let path = entry.path.strip_prefix(folder).unwrap_or(&entry.path);
        unpacked.files.insert(path.to_owned(), content);
    }
    Ok(unpacked)
}

fn entries(archive: &mut Archive<'_>) -> Result<Vec<Entry>, ZipError> {
    let mut entries = Vec::new();
    for number in 0..archive.len() {
        let file = archive.by_index_raw(number)?;
        // Some programs write UTF-8 and do not say so.
        let path = str::from_utf8(file.name_raw()).unwrap_or(file.name()).to_owned();
        if file.is_dir() {
            continue;
        }
        let problem = if file.is_symlink() {
            Some("it is a link to somewhere else: pack the file itself")
        } else if file.encrypted() {
            Some("it is encrypted: pack without a password")
        } else {
            None
        };
        entries.push(Entry { number, path, problem });
    }
    Ok(entries)
}

/// The content of a file, as far as there is room: what an archive says of sizes is not believed.
fn read(archive: &mut Archive<'_>, entry: &Entry, room: &mut u64) -> Result<Vec<u8>, String> {
    let file = archive.by_index(entry.number).map_err(|error| unreadable(&error))?;
    let mut content = Vec::new();
    let read = file.take(*room + 1).read_to_end(&mut content);
    read.map_err(|error| format!("it is damaged ({error}): pack again"))?;
    let left = room.checked_sub(content.len() as u64);
    *room = left.ok_or_else(|| {
        format!(
            "the files are larger than {} MiB together: a lander is smaller",
            FILES_BYTES_MAX >> 20
        )
    })?;
    if MediaType::of(&entry.path).is_some_and(MediaType::is_page) {
        check_page(&content)?;
    }
    Ok(content)
}

fn check_page(content: &[u8]) -> Result<(), String> {
    if content.len() > PAGE_BYTES_MAX {
        return Err(format!(
            "the page is larger than {} MiB: put pictures and the like beside it",
            PAGE_BYTES_MAX >> 20
        ));
    }
    match str::from_utf8(content) {
        Ok(_) => Ok(()),
        Err(_) => Err("the page is no UTF-8: save it in UTF-8".to_owned()),
    }
}

fn unreadable(error: &ZipError) -> String {
    format!(
        "it cannot be read as a ZIP archive ({error}): expected one whose files are deflated or stored"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosted::pack_files;
    use std::io::Write;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let files = files.iter().map(|(path, content)| Ok(((*path).to_owned(), content.to_vec())));
        pack_files(files).unwrap()
    }

    fn problems(archive: &[u8]) -> Vec<(String, String)> {
        let problems = unpack(archive).unwrap_err();
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    /// Where the headers of the archive's list of files stand (APPNOTE.TXT, 4.3.12).
    fn central_headers(archive: &[u8]) -> Vec<usize> {
        let starts = archive.windows(4).enumerate();
        starts.filter(|(_, window)| *window == b"PK\x01\x02").map(|(at, _)| at).collect()
    }

    #[test]
    fn a_folder_with_its_name_around_it_is_the_folder() {
        let packed = archive(&[
            ("quiz/index.html", b"<p>{country}"),
            ("quiz/img/a.png", b"\x89PNG"),
            ("quiz/readme.md", b"# Quiz"),
            ("__MACOSX/quiz/._index.html", b""),
        ]);
        let unpacked = unpack(&packed).unwrap();
        let names: Vec<_> = unpacked.files.keys().map(String::as_str).collect();
        assert_eq!(names, ["img/a.png", "index.html"]);
        assert_eq!(unpacked.files["index.html"], b"<p>{country}");
        let left: Vec<_> = unpacked.left_out.iter().map(|left| left.path.as_str()).collect();
        assert_eq!(left, ["quiz/readme.md", "__MACOSX/quiz/._index.html"]);
    }

    #[test]
    fn a_path_that_leads_out_and_a_program_refuse_the_archive() {
        let packed = archive(&[
            ("index.html", b"<p>"),
            ("../../catalog.html", b"x"),
            ("/etc/cron.d/x.txt", b"x"),
            ("a\\..\\b.html", b"x"),
            ("send.php", b"<?php"),
        ]);
        let told = problems(&packed);
        let blamed: Vec<_> = told.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            blamed,
            ["../../catalog.html", "/etc/cron.d/x.txt", "a\\..\\b.html", "send.php"]
        );
        assert!(told[3].1.contains("as HTML"), "{told:?}");
    }

    #[test]
    fn a_link_and_an_encrypted_file_refuse_the_archive() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default();
        writer.start_file("index.html", options).unwrap();
        writer.write_all(b"<p>").unwrap();
        writer.add_symlink("key.txt", "/etc/shadow", options).unwrap();
        let linked = writer.finish().unwrap().into_inner();
        assert!(problems(&linked)[0].1.contains("link"), "{:?}", problems(&linked));
        let mut encrypted = archive(&[("index.html", b"<p>")]);
        let header = central_headers(&encrypted)[0];
        encrypted[header + 8] |= 1;
        assert!(problems(&encrypted)[0].1.contains("password"), "{:?}", problems(&encrypted));
    }

    #[test]
    fn sizes_are_counted_and_not_believed() {
        let large = vec![0; (FILES_BYTES_MAX / 2) as usize + 1];
        let mut bomb = archive(&[("index.html", b"<p>"), ("a.txt", &large), ("b.txt", &large)]);
        assert!(bomb.len() < 1 << 20, "it is small");
        for header in central_headers(&bomb) {
            bomb[header + 24..header + 28].copy_from_slice(&1u32.to_le_bytes());
        }
        let told = problems(&bomb);
        assert_eq!(told[0].0, "b.txt");
        assert!(told[0].1.contains("64 MiB"), "{told:?}");
    }

    #[test]
    fn too_many_files_no_page_and_no_archive_are_refused() {
        let names: Vec<_> = (0..=FILES_MAX).map(|number| format!("{number}.html")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        assert!(problems(&archive(&files))[0].1.contains("2001 files"));
        assert!(problems(&archive(&[("page.html", b"<p>")]))[0].1.contains("index.html"));
        assert!(
            problems(&archive(&[("a/b/index.html", b""), ("a/c.html", b"")]))[0]
                .1
                .contains("index.html")
        );
        assert!(problems(&archive(&[]))[0].1.contains("index.html"));
        assert!(problems(b"<html>")[0].1.contains("ZIP"));
        let whole = archive(&[("index.html", &[b'x'; 1000])]);
        assert!(unpack(&whole[..whole.len() / 2]).is_err());
        let mut damaged = whole;
        damaged[45] ^= 0xff;
        assert!(unpack(&damaged).is_err());
        let latin = archive(&[("index.html", b"Gr\xfc\xdfe")]);
        assert!(problems(&latin)[0].1.contains("UTF-8"));
        let long = archive(&[("index.html", &vec![b'x'; PAGE_BYTES_MAX + 1])]);
        assert!(problems(&long)[0].1.contains("4 MiB"));
    }
}
