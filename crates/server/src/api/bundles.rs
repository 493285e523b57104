//! The files of hosted landers: uploaded as a ZIP archive, listed, and given back as one.

use super::auth::Caller;
use super::extract::{File, Id, json, media_type};
use super::problem::{ApiError, Code};
use super::things::find;
use crate::app::App;
use crate::hosted::{ARCHIVE_BYTES_MAX, LeftOut, pack_files, unpack};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use edge::{Bundles, HostedPage, Listing, MediaType};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use model::thing::{BundleId, Lander, Problem, ThingId};
use serde::Serialize;
use std::io;
use std::sync::Arc;

/// What an archive may be called.
const MEDIA_TYPES: [&str; 3] =
    ["application/zip", "application/x-zip-compressed", "application/octet-stream"];

/// The files of a lander.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Bundle {
    /// Their number: what a lander's `bundle` says. The same files have the same.
    #[schema(value_type = String)]
    pub bundle: BundleId,
    /// How many bytes they are together.
    pub bytes: u64,
    /// Each one, by path.
    pub items: Vec<BundleFile>,
}

/// A file of a lander.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BundleFile {
    /// Its path in the lander's folder.
    pub path: String,
    /// How many bytes.
    pub bytes: u64,
    /// As which type it is served.
    #[serde(rename = "type")]
    pub media_type: &'static str,
    /// SHA-256 of its content.
    pub sha256: String,
    /// Of a page: the tokens that are filled in for each visitor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<String>>,
    /// Of a page: the tokens that stay as they are, since no value may stand where they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfilled: Option<Vec<String>>,
    /// Of a page: whether it loads the page script by itself; otherwise that is put in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_script: Option<bool>,
}

/// What came of an upload.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Uploaded {
    /// What is kept.
    #[serde(flatten)]
    pub bundle: Bundle,
    /// What of the archive is not served.
    pub left_out: Vec<LeftOut>,
}

/// Uploads the files of a lander as a ZIP archive, with `index.html` at its top or in its one folder. Nothing is served
/// before a lander has their number as its `bundle`.
#[utoipa::path(post, operation_id = "upload_bundle", path = "/api/v1/bundles", tag = "things",
    request_body(content = Vec<u8>, content_type = "application/zip"), responses((status = 200, body = Uploaded)))]
pub async fn upload(
    State(app): State<Arc<App>>,
    _: Caller,
    headers: HeaderMap,
    File(archive): File<ARCHIVE_BYTES_MAX>,
) -> Result<Response, ApiError> {
    check_media_type(&headers)?;
    // What is unpacked is in memory: one at a time.
    let _turn = app.unpacking.lock().await;
    let bundles = app.bundles.clone();
    let uploaded = at_leisure(move || {
        let unpacked = unpack(&archive).map_err(refused)?;
        let files = unpacked.files.into_iter();
        let kept = files.map(|(path, content)| Ok((path, bundles.keep_file(&content)?)));
        let listing = kept.collect::<io::Result<Listing>>().map_err(not_kept)?;
        let id = bundles.keep_listing(&listing).map_err(not_kept)?;
        let bundle = described(&bundles, id, &listing).map_err(not_kept)?;
        Ok(Uploaded { bundle, left_out: unpacked.left_out })
    });
    Ok(json(StatusCode::OK, &uploaded.await?))
}

/// The files of a hosted lander.
#[utoipa::path(get, operation_id = "list_lander_files", path = "/api/v1/landers/{id}/files", tag = "things",
    params(("id" = ThingId, Path)), responses((status = 200, body = Bundle)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let id = bundle_of(&app, &caller, id)?;
    let bundles = app.bundles.clone();
    let bundle = at_leisure(move || {
        let listing = listing(&bundles, id)?;
        described(&bundles, id, &listing).map_err(not_read)
    });
    Ok(json(StatusCode::OK, &bundle.await?))
}

/// The files of a hosted lander as a ZIP archive.
#[utoipa::path(get, operation_id = "download_lander_files", path = "/api/v1/landers/{id}/files/archive", tag = "things",
    params(("id" = ThingId, Path)), responses((status = 200, body = Vec<u8>, content_type = "application/zip")))]
pub async fn download(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(lander): Id,
) -> Result<Response, ApiError> {
    let id = bundle_of(&app, &caller, lander)?;
    let bundles = app.bundles.clone();
    let archive = at_leisure(move || {
        let listing = listing(&bundles, id)?;
        let files = listing.into_iter().map(|(path, file)| Ok((path, bundles.file(file.sha256)?)));
        pack_files(files).map_err(|error| ApiError::internal(&*error))
    });
    let name = format!("attachment; filename=\"lander-{lander}.zip\"");
    let name = HeaderValue::try_from(name).map_err(|error| ApiError::internal(&error))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (header::CONTENT_DISPOSITION, name),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, archive.await?).into_response())
}

fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(essence) = media_type(headers) else { return Ok(()) };
    if MEDIA_TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    Err(ApiError::new(Code::MediaType, format!("`{essence}` is no ZIP archive"))
        .field("Content-Type")
        .remedy("send the archive itself with Content-Type: application/zip"))
}

fn bundle_of(app: &App, caller: &Caller, id: ThingId) -> Result<BundleId, ApiError> {
    let things = app.things.load();
    let lander = find::<Lander>(&things.landers, caller.workspace, id)?;
    lander.body.bundle.ok_or_else(|| {
        ApiError::new(Code::NotFound, format!("lander {id} is not hosted here"))
            .remedy("upload its files, and give it their number as `bundle`")
    })
}

fn listing(bundles: &Bundles, id: BundleId) -> Result<Listing, ApiError> {
    let gone = || ApiError::new(Code::NotFound, "the files are gone").remedy("upload them again");
    bundles.listing(id).map_err(not_read)?.ok_or_else(gone)
}

fn described(bundles: &Bundles, bundle: BundleId, listing: &Listing) -> io::Result<Bundle> {
    let mut items = Vec::with_capacity(listing.len());
    for (path, file) in listing {
        let Some(kind) = MediaType::of(path) else { continue };
        let page = if kind.is_page() {
            let text = String::from_utf8(bundles.file(file.sha256)?).map_err(io::Error::other)?;
            Some(HostedPage::parse(&text))
        } else {
            None
        };
        let owned = |tokens: Vec<&str>| tokens.into_iter().map(str::to_owned).collect();
        items.push(BundleFile {
            path: path.clone(),
            bytes: file.bytes,
            media_type: kind.name,
            sha256: file.sha256.to_string(),
            tokens: page.as_ref().map(|page| owned(page.tokens())),
            unfilled: page.as_ref().map(|page| owned(page.unfilled_tokens())),
            has_script: page.as_ref().map(HostedPage::has_script),
        });
    }
    Ok(Bundle { bundle, bytes: listing.values().map(|file| file.bytes).sum(), items })
}

/// Work that reads and writes files, on a thread of its own.
async fn at_leisure<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::internal(&error))?
}

fn refused(problems: Vec<Problem>) -> ApiError {
    ApiError::new(Code::Invalid, Problem::list(&problems)).problems(problems)
}

fn not_kept(error: io::Error) -> ApiError {
    tracing::error!(%error, "the files of a lander cannot be kept");
    ApiError::new(Code::Unavailable, format!("the files cannot be kept: {error}"))
        .remedy("see that the disk of the data folder has room, and send them again")
}

fn not_read(error: io::Error) -> ApiError {
    ApiError::new(Code::Internal, format!("the files cannot be read: {error}"))
        .remedy("see the data folder's disk, or upload them again")
}
