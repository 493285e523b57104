//! `clicktrail serve`: everything in one process, until it is told to stop.

use crate::app::App;
use crate::config::Config;
use crate::first_start::EXAMPLE_KEY;
use crate::folder::{self, Folder};
use crate::start::{self, Running, Start};
use crate::tls::Certificates;
use crate::{api, example, output, rates_feed};
use anyhow::{Context, bail};
use axum::body::Body;
use edge::{BoxBody, WallClock};
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tower_service::Service;

/// Serves until a signal to stop.
///
/// # Errors
/// When the folder is held by another process, something cannot be opened, or the address is taken.
pub fn run(mut config: Config) -> anyhow::Result<()> {
    let Some(folder) = Folder::hold(&config.data)? else {
        let address =
            folder::holder_address(&config.data).map_or_else(|_| "?".to_owned(), |a| a.to_string());
        bail!(
            "{} is served by another process at {address}: stop that one, or choose another folder with --data",
            config.data.display()
        );
    };
    use_small_pages();
    let runtime = runtime(config.threads)?;
    runtime.block_on(async {
        let certificates = config.tls.clone().map(Certificates::open).transpose()?;
        let listener = listen(config.listen).await?;
        if config.listen.port() == 0 {
            config.public_url =
                config.public_url.replace(":0", &format!(":{}", listener.local_addr()?.port()));
        }
        let start = Start { clock: Arc::new(WallClock), id_floor: None, with_example: true };
        let running = start::start(config, folder, start).await?;
        running.folder().announce(listener.local_addr()?)?;
        greet(&running)?;
        running.compile_geo_tables()?;
        // On a worker: accepting from here would hand every new connection to another thread.
        let (app, stop) = (running.app.clone(), stop_signal()?);
        let feed = rates_feed::start(&app);
        let tls = certificates.as_ref().map(|certificates| certificates.current.clone());
        let renewal = certificates.map(Certificates::watch).transpose()?;
        tokio::spawn(async move { serve(listener, tls, &app, stop).await }).await?;
        renewal.into_iter().for_each(|renewal| renewal.abort());
        if let Some(feed) = feed {
            feed.abort();
            // It ends as it was told to; what it was saying is of no use any more.
            let _ = feed.await;
        }
        running.stop().await
    })
}

/// A runtime with the configured number of threads.
///
/// # Errors
/// When threads cannot be started.
pub fn runtime(threads: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(threads).thread_name("serve").enable_all().build()?)
}

/// Memory in pages of 4 KiB. The allocator asks for huge ones, and the tables of recent clicks and visits are large and
/// mostly empty: at rest they held 60 MB of zeros. Where the system refuses, nothing is lost but those.
fn use_small_pages() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Answers on `listener` until `stop` resolves; by https where there is `tls`.
pub async fn serve(
    listener: TcpListener,
    tls: Option<edge::Tls>,
    app: &Arc<App>,
    stop: impl Future<Output = ()>,
) {
    let router = api::router(app.clone()).merge(example::router(app.clone()));
    let other = move |request: hyper::Request<hyper::body::Incoming>, _peer: SocketAddr| {
        let mut router = router.clone();
        async move { answer(&mut router, request).await }
    };
    let report = edge::serve(listener, tls, app.edge.clone(), other, stop).await;
    tracing::info!(?report, "stopped serving");
}

async fn answer(
    router: &mut axum::Router,
    request: hyper::Request<hyper::body::Incoming>,
) -> hyper::Response<BoxBody> {
    let response: Result<axum::response::Response, Infallible> =
        router.call(request.map(Body::new)).await;
    let Ok(response) = response;
    response.map(|body| body.map_err(Into::into).boxed_unsync())
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: stop what uses it, or set CLICKTRAIL_LISTEN")
    })
}

/// Resolves at the first SIGTERM or SIGINT.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Says where it is, how to sign in and what to try.
fn greet(running: &Running) -> anyhow::Result<()> {
    let config = &running.app.config;
    let url = &config.public_url;
    let token = match &config.admin_token {
        Some(_) => "the admin_token of your settings".to_owned(),
        None => folder::kept_token(&config.data).unwrap_or_default(),
    };
    let has_example = running
        .app
        .table
        .load()
        .campaign_by_key(EXAMPLE_KEY)
        .is_some_and(|campaign| campaign.active);
    let mut lines = vec![format!("Clicktrail serves on {url}"), format!("  API key     {token}")];
    if has_example {
        lines.push(format!(
            "  a click     {url}/c/{EXAMPLE_KEY}?placement=homepage&creative_id=banner-1&cost=0.12"
        ));
        lines.push(format!(
            "  a postback  {url}/postback?clickid=PUT-THE-CLICK-ID-HERE&payout=2.50&txid=1"
        ));
    }
    lines.push("  figures     clicktrail report --by campaign,offer · the story of a click: clicktrail trail CLICK_ID".to_owned());
    Ok(output::line(&lines.join("\n"))?)
}
