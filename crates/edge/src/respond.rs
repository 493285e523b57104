//! From a request on a connection to its answer: who serves it, its body within bounds, the end of long answers.

use crate::connections::Pulse;
use crate::counters::Event;
use crate::edge::Edge;
use crate::pieces::{PIECE_BYTES, Pieces};
use crate::reply::Reply;
use crate::request::{Endpoint, Incoming};
use crate::serve::{Peer, Server};
use crate::site::Site;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Frame, Incoming as IncomingBody, SizeHint};
use std::error::Error as StdError;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The body of an answer that is not ours.
pub type BoxBody = UnsyncBoxBody<Bytes, Box<dyn StdError + Send + Sync>>;

/// The body of any answer.
pub(crate) type AnyBody = Either<Full<Bytes>, Tracked>;

/// Answers a request: our endpoints, or whoever has the other paths.
pub(crate) async fn respond<F, A>(
    server: &Server<F>,
    request: Request<IncomingBody>,
    at: Peer,
    pulse: &Arc<Pulse>,
) -> Response<AnyBody>
where
    F: Fn(Request<IncomingBody>, SocketAddr) -> A + Send + Sync + 'static,
    A: Future<Output = Response<BoxBody>> + Send + 'static,
{
    let (edge, peer) = (&*server.edge, at.peer);
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
        let reply = ours(edge, &head, body, (at, site, endpoint)).await;
        reply.map(|body| sized(body, pulse))
    };
    if server.stop.has_begun() {
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
    (at, site, endpoint): (Peer, Site, Option<Endpoint<'_>>),
) -> Reply {
    let body = if body.is_end_stream() {
        Bytes::new()
    } else {
        match read_body(edge, head, body).await {
            Ok(body) => body,
            Err(event) => return closed(edge.refuse(event)),
        }
    };
    let path_and_query = head.uri.path_and_query().map_or("/", |uri| uri.as_str());
    let request = Incoming {
        method: &head.method,
        path_and_query,
        headers: &head.headers,
        peer: at.peer.ip(),
        body: &body,
        is_tls: at.is_tls,
    };
    edge.answer(&request, site, endpoint).await
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
    let read = whole(body, limits.body_bytes_max);
    tokio::time::timeout(limits.body_deadline, read).await.unwrap_or(Err(Event::BodyTimeout))
}

/// All of a body. Most come in one piece together with their head, and then nothing is waited for or copied.
async fn whole(mut body: IncomingBody, bytes_max: usize) -> Result<Bytes, Event> {
    let (mut first, mut rest) = (Bytes::new(), Vec::new());
    while !body.is_end_stream()
        && let Some(frame) = body.frame().await
    {
        let data = frame.map_err(|_| Event::RequestAborted)?.into_data().unwrap_or_default();
        if first.len() + rest.len() + data.len() > bytes_max {
            return Err(Event::BodyTooLarge);
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { [&first[..], &rest].concat().into() })
}

/// What was refused unread cannot be told from the next request, so the connection ends with the answer.
fn closed(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    reply
}

fn closing(reply: Reply) -> Response<AnyBody> {
    closed(reply).map(|body| Either::Left(Full::new(body)))
}

/// Most answers are one small piece. While a long one is under way, its connection is not idle.
fn sized(body: Bytes, pulse: &Arc<Pulse>) -> AnyBody {
    if body.len() <= PIECE_BYTES {
        return Either::Left(Full::new(body));
    }
    let body = Pieces::new(body, Arc::clone(pulse)).boxed_unsync();
    Either::Right(Tracked { body, pulse: Arc::clone(pulse) })
}

/// The body of an answer that may take long: until its end the connection counts as busy.
pub(crate) struct Tracked {
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
        self.pulse.end();
    }
}
