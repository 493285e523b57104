//! Connections: accept, speak HTTP/1.1 or HTTP/2, hand requests on, refuse what costs too much, stop in order.

use crate::connections::{Connections, Phase, Place, Pulse};
use crate::counters::Event;
use crate::edge::Edge;
use crate::respond::{BoxBody, respond};
use crate::secure::{Ready, Tls, secure};
use crate::stop::Stop;
use http::{Request, Response};
use http_body_util::Either;
use hyper::body::Incoming as IncomingBody;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// Requests of one HTTP/2 connection at a time; a browser has hardly ever more than one for us.
const STREAMS_MAX: u32 = 64;
/// How often late connections are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);
/// How long accepting pauses when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often a failing accept is logged.
const ACCEPT_LOG_INTERVAL: Duration = Duration::from_secs(5);
/// How often the end of requests under way is looked for when stopping.
const STOP_INTERVAL: Duration = Duration::from_millis(10);
/// How long a peer may take to part with an HTTP/2 connection.
const FAREWELL: Duration = Duration::from_millis(500);
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
pub(crate) struct Server<F> {
    pub edge: Arc<Edge>,
    pub other: F,
    tls: Option<Tls>,
    pub stop: Stop,
}

/// Serves `listener` until `shutdown`: our endpoints by `edge`, every other path by `other`; by https where there is
/// `tls`. Then nothing new is accepted, requests under way are answered, and all connections are closed.
pub async fn serve<F, A>(
    listener: TcpListener,
    tls: Option<Tls>,
    edge: Arc<Edge>,
    other: F,
    shutdown: impl Future<Output = ()>,
) -> ServeReport
where
    F: Fn(Request<IncomingBody>, SocketAddr) -> A + Send + Sync + 'static,
    A: Future<Output = Response<BoxBody>> + Send + 'static,
{
    let server = Arc::new(Server { edge, other, tls, stop: Stop::default() });
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
    server.stop.begin();
    let cut_off = stop(&connections, server.edge.config.limits.stop_deadline).await;
    ServeReport { accepted, cut_off }
}

/// Waits for requests under way, then closes everything. Returns how many were not done.
async fn stop(connections: &Connections, deadline: Duration) -> usize {
    let until = tokio::time::Instant::now() + deadline;
    loop {
        // At least once, for connections that part from their peers.
        tokio::time::sleep(STOP_INTERVAL).await;
        if connections.busy() == 0 || tokio::time::Instant::now() >= until {
            break;
        }
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
        Phase::Securing => since > limits.handshake_deadline,
        Phase::Opening => since > limits.head_deadline,
        Phase::Idle => since > limits.idle_deadline,
        Phase::Sending => since > limits.send_deadline,
        Phase::Busy => false,
    });
    for phase in late {
        match phase {
            Phase::Securing => edge.log.counters.count(Event::TlsTimeout),
            Phase::Opening => edge.log.counters.count(Event::HeadTimeout),
            Phase::Sending => edge.log.counters.count(Event::SendTimeout),
            Phase::Busy | Phase::Idle => {}
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
    let server = Arc::clone(server);
    let task = match server.tls {
        None => tokio::spawn(connection(server, place, stream, Peer { peer, is_tls: false })),
        Some(_) => tokio::spawn(encrypted(server, place, stream, peer)),
    };
    connections.attach(number, &pulse, task.abort_handle());
}

/// The other end of a connection, and whether what it says is encrypted.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub peer: SocketAddr,
    pub is_tls: bool,
}

/// Encrypts a connection, then speaks what the handshake agreed on.
async fn encrypted<F, A>(server: Arc<Server<F>>, place: Place, stream: TcpStream, peer: SocketAddr)
where
    F: Fn(Request<IncomingBody>, SocketAddr) -> A + Send + Sync + 'static,
    A: Future<Output = Response<BoxBody>> + Send + 'static,
{
    let Some(tls) = &server.tls else { return };
    let ready = secure(&server.edge, tls, &place, stream, peer).await;
    match ready {
        None => {}
        Some(Ready::Plain(stream)) => {
            connection(server, place, stream, Peer { peer, is_tls: false }).await;
        }
        Some(Ready::Http1(stream)) => {
            connection(server, place, stream, Peer { peer, is_tls: true }).await;
        }
        Some(Ready::Http2(stream)) => {
            streams(server, place, stream, Peer { peer, is_tls: true }).await;
        }
    }
}

/// Speaks HTTP/2 until the peer goes away or breaks a rule.
async fn streams<F, A, S>(server: Arc<Server<F>>, place: Place, stream: S, peer: Peer)
where
    F: Fn(Request<IncomingBody>, SocketAddr) -> A + Send + Sync + 'static,
    A: Future<Output = Response<BoxBody>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &server.edge.config.limits;
    let head_bytes_max = u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.max_header_list_size(head_bytes_max).max_concurrent_streams(STREAMS_MAX);
    let pulse = Arc::clone(&place.pulse);
    let of_stream = Arc::clone(&server);
    let service = service_fn(move |request| {
        // Ended by its drop, since the peer may give a request up.
        let mut under_way = UnderWay::new(&pulse);
        let (server, pulse) = (Arc::clone(&of_stream), Arc::clone(&pulse));
        async move {
            let response = respond(&server, request, peer, &pulse).await;
            if matches!(response.body(), Either::Right(_)) {
                // The end of its body ends it.
                under_way.hand_over();
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = server.stop.begun() => {
            // GOAWAY (RFC 9113, 6.8): what is under way is answered, and the peer sends nothing more by this connection.
            connection.as_mut().graceful_shutdown();
            let farewell = UnderWay::new(&place.pulse);
            let outcome = tokio::time::timeout(FAREWELL, &mut connection).await;
            drop(farewell);
            match outcome {
                Ok(outcome) => outcome,
                Err(_) => connection.await,
            }
        }
    };
    if outcome.is_err_and(|error| error.is_parse() || error.is_parse_too_large()) {
        server.edge.log.counters.count(Event::RequestMalformed);
    }
}

/// What keeps a connection busy that may have several requests.
struct UnderWay(Option<Arc<Pulse>>);

impl UnderWay {
    fn new(pulse: &Arc<Pulse>) -> Self {
        pulse.begin();
        Self(Some(Arc::clone(pulse)))
    }

    fn hand_over(&mut self) {
        self.0 = None;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.iter().for_each(|pulse| pulse.end());
    }
}

/// Speaks HTTP/1.1 until the peer goes away or breaks a rule. Deadlines are kept from outside, so no timer runs here.
async fn connection<F, A, S>(server: Arc<Server<F>>, place: Place, stream: S, peer: Peer)
where
    F: Fn(Request<IncomingBody>, SocketAddr) -> A + Send + Sync + 'static,
    A: Future<Output = Response<BoxBody>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
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
