//! Connections: accept, speak HTTP/1.1, hand requests on, refuse what costs too much, stop in order.

use crate::connections::{Connections, Phase, Place, Pulse};
use crate::counters::Event;
use crate::edge::Edge;
use crate::reply::Reply;
use crate::request::{Endpoint, Incoming};
use crate::site::Site;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::{Body, Frame, Incoming as IncomingBody, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

/// The body of an answer that is not ours.
pub type BoxBody = UnsyncBoxBody<Bytes, Box<dyn StdError + Send + Sync>>;

/// How often late connections are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);
/// How long accepting pauses when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often a failing accept is logged.
const ACCEPT_LOG_INTERVAL: Duration = Duration::from_secs(5);
/// How often the end of requests under way is looked for when stopping.
const STOP_INTERVAL: Duration = Duration::from_millis(10);
/// What a connection beyond the limit is told before it is closed.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeReport {
    /// Connections accepted.
    pub accepted: u64,
    /// Requests that were still under way when the time to stop was over.
    pub cut_off: usize,
}

/// What a connection needs to know.
struct Server<F> {
    edge: Arc<Edge>,
    other: F,
    is_stopping: AtomicBool,
}

/// Serves `listener` until `shutdown`: our endpoints by `edge`, every other path by `other`. Then nothing new is
/// accepted, requests under way are answered, and all connections are closed.
pub async fn serve<F, A>(
    listener: TcpListener,
    edge: Arc<Edge>,
    other: F,
    shutdown: impl Future<Output = ()>,
) -> ServeReport
where
    F: Fn(Request<IncomingBody>, SocketAddr) -> A + Send + Sync + 'static,
    A: Future<Output = Response<BoxBody>> + Send + 'static,
{
    let server = Arc::new(Server { edge, other, is_stopping: AtomicBool::new(false) });
    let connections = Connections::new();
    let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut shutdown = pin!(shutdown);
    let mut accepted = 0;
    let mut logged: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            _ = sweep.tick() => upkeep(&server.edge, &connections),
            stream = listener.accept() => match stream {
                Ok((stream, peer)) => {
                    accepted += 1;
                    open(&server, &connections, stream, peer);
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => {
                    server.edge.log.counters.count(Event::AcceptFailed);
                    if logged.is_none_or(|at| at.elapsed() > ACCEPT_LOG_INTERVAL) {
                        tracing::error!(%error, "no connection can be accepted");
                        logged = Some(Instant::now());
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    server.is_stopping.store(true, Ordering::Relaxed);
    let cut_off = stop(&connections, server.edge.config.limits.stop_deadline).await;
    ServeReport { accepted, cut_off }
}

/// Waits for requests under way, then closes everything. Returns how many were not done.
async fn stop(connections: &Connections, deadline: Duration) -> usize {
    let until = tokio::time::Instant::now() + deadline;
    while connections.busy() > 0 && tokio::time::Instant::now() < until {
        tokio::time::sleep(STOP_INTERVAL).await;
    }
    let cut_off = connections.busy();
    connections.sweep(|_, _| true);
    while connections.count() > 0 && tokio::time::Instant::now() < until + deadline {
        tokio::time::sleep(STOP_INTERVAL).await;
    }
    cut_off
}

/// Ends connections that took too long, and pays what is owed to the journal.
fn upkeep(edge: &Edge, connections: &Connections) {
    let limits = &edge.config.limits;
    let late = connections.sweep(|phase, since| match phase {
        Phase::Opening => since > limits.head_deadline,
        Phase::Idle => since > limits.idle_deadline,
        Phase::Busy => false,
    });
    for phase in late {
        if phase == Phase::Opening {
            edge.log.counters.count(Event::HeadTimeout);
        }
    }
    edge.upkeep();
}

/// The peer went away before it was accepted; the next one may be there already.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

fn open<F, A>(
    server: &Arc<Server<F>>,
    connections: &Arc<Connections>,
    stream: TcpStream,
    peer: SocketAddr,
) where
    F: Fn(Request<IncomingBody>, SocketAddr) -> A + Send + Sync + 'static,
    A: Future<Output = Response<BoxBody>> + Send + 'static,
{
    let Some(place) = connections.enter(server.edge.config.limits.connections_max) else {
        server.edge.log.counters.count(Event::ConnectionsTooMany);
        // A fresh socket has room for it; if not, closing says the same.
        let _ = stream.try_write(BUSY);
        return;
    };
    // An answer is one small write; it must not wait for a full segment.
    let _ = stream.set_nodelay(true);
    let (number, pulse) = (place.number(), Arc::clone(&place.pulse));
    let task = tokio::spawn(connection(Arc::clone(server), place, stream, peer));
    connections.attach(number, &pulse, task.abort_handle());
}

/// Speaks HTTP/1.1 until the peer goes away or breaks a rule. Deadlines are kept from outside, so no timer runs here.
async fn connection<F, A>(server: Arc<Server<F>>, place: Place, stream: TcpStream, peer: SocketAddr)
where
    F: Fn(Request<IncomingBody>, SocketAddr) -> A + Send + Sync + 'static,
    A: Future<Output = Response<BoxBody>> + Send + 'static,
{
    let pulse = &place.pulse;
    let service = service_fn(|request| {
        pulse.mark(Phase::Busy);
        let (server, pulse) = (Arc::clone(&server), Arc::clone(pulse));
        async move {
            let response = respond(&server, request, peer, &pulse).await;
            if matches!(response.body(), Either::Left(_)) {
                pulse.mark(Phase::Idle);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let outcome = http1::Builder::new()
        .max_buf_size(server.edge.config.limits.head_bytes_max.max(8192))
        .max_header_size(server.edge.config.limits.head_bytes_max)
        .header_read_timeout(None)
        // An answer is one small piece: one plain write of it.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = outcome
        && let Some(event) = refusal(&error)
    {
        server.edge.log.counters.count(event);
    }
}

/// What hyper refused before any handler saw it; it has answered 400, 414 or 431 by itself.
fn refusal(error: &hyper::Error) -> Option<Event> {
    if error.is_parse_too_large() {
        Some(Event::HeadTooLarge)
    } else if error.is_parse() {
        Some(Event::RequestMalformed)
    } else if error.is_incomplete_message() {
        Some(Event::RequestAborted)
    } else {
        None
    }
}

type AnyBody = Either<Full<Bytes>, Tracked>;

async fn respond<F, A>(
    server: &Server<F>,
    request: Request<IncomingBody>,
    peer: SocketAddr,
    pulse: &Arc<Pulse>,
) -> Response<AnyBody>
where
    F: Fn(Request<IncomingBody>, SocketAddr) -> A + Send + Sync + 'static,
    A: Future<Output = Response<BoxBody>> + Send + 'static,
{
    let edge = &*server.edge;
    let (mut head, body) = request.into_parts();
    heed_target(&mut head);
    let site = edge.site(&head.headers, peer.ip());
    let endpoint = Endpoint::of(head.uri.path());
    let mut response = if site.turns_away(endpoint) {
        closing(edge.refuse(Event::UnknownHost))
    } else if endpoint.is_none() && site.serves_api() {
        // On the heap: what serves the dashboard is large, and a click must not carry room for it.
        let other: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin((server.other)(Request::from_parts(head, body), peer));
        let pulse = Arc::clone(pulse);
        other.await.map(|body| Either::Right(Tracked { body, pulse }))
    } else if head.headers.len() > edge.config.limits.headers_max {
        closing(edge.refuse(Event::HeadersTooMany))
    } else {
        ours(edge, &head, body, (peer, site, endpoint)).await
    };
    if server.is_stopping.load(Ordering::Relaxed) {
        response
            .headers_mut()
            .insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    response
}

/// A request line with a whole URL says the host, and a `Host` beside it is as good as absent (RFC 9112, 3.2.2).
fn heed_target(head: &mut http::request::Parts) {
    if let Some(authority) = head.uri.authority()
        && let Ok(host) = header::HeaderValue::from_str(authority.as_str())
    {
        head.headers.insert(header::HOST, host);
    }
}

async fn ours(
    edge: &Edge,
    head: &http::request::Parts,
    body: IncomingBody,
    (peer, site, endpoint): (SocketAddr, Site, Option<Endpoint<'_>>),
) -> Response<AnyBody> {
    let body = if body.is_end_stream() {
        Bytes::new()
    } else {
        match read_body(edge, head, body).await {
            Ok(body) => body,
            Err(event) => return closing(edge.refuse(event)),
        }
    };
    let path_and_query = head.uri.path_and_query().map_or("/", |uri| uri.as_str());
    let request = Incoming {
        method: &head.method,
        path_and_query,
        headers: &head.headers,
        peer: peer.ip(),
        body: &body,
    };
    edge.answer(&request, site, endpoint).await.map(|body| Either::Left(Full::new(body)))
}

async fn read_body(
    edge: &Edge,
    head: &http::request::Parts,
    body: IncomingBody,
) -> Result<Bytes, Event> {
    let limits = &edge.config.limits;
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Event::BodyEncoded);
    }
    let read = Limited::new(body, limits.body_bytes_max).collect();
    match tokio::time::timeout(limits.body_deadline, read).await {
        Err(_) => Err(Event::BodyTimeout),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Event::BodyTooLarge)
        }
        Ok(Err(_)) => Err(Event::RequestAborted),
    }
}

/// What was refused unread cannot be told from the next request, so the connection ends with the answer.
fn closing(reply: Reply) -> Response<AnyBody> {
    let mut response = reply.map(|body| Either::Left(Full::new(body)));
    response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    response
}

/// The body of an answer that may take long: until its end the connection counts as busy.
struct Tracked {
    body: BoxBody,
    pulse: Arc<Pulse>,
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.pulse.mark(Phase::Idle);
    }
}
