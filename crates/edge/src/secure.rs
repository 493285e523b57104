//! Connections that are encrypted, on a port that tells them from plain ones by their first byte.

use crate::connections::{Phase, Place};
use crate::counters::Event;
use crate::edge::Edge;
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// Certificates and what else a handshake needs; swapped whole when they are renewed.
pub type Tls = Arc<ArcSwap<ServerConfig>>;

/// The first byte of a connection that is to be encrypted: the content type of a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
/// The name of HTTP/2 in a handshake (RFC 9113, 3.2).
const H2: &[u8] = b"h2";
/// What a request without encryption is told before its connection is closed.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 28\r\n\r\nThis port speaks https only\n";

/// A connection that is ready for requests.
pub(crate) enum Ready {
    /// From this machine: commands, probes, a proxy.
    Plain(TcpStream),
    /// Encrypted, with HTTP/1.1.
    Http1(Box<TlsStream<TcpStream>>),
    /// Encrypted, with HTTP/2.
    Http2(Box<TlsStream<TcpStream>>),
}

/// Encrypts a connection. How long that may take is watched from outside ([`Phase::Securing`]). Only this machine may
/// do without; nobody else's secrets travel in the open by mistake.
pub(crate) async fn secure(
    edge: &Edge,
    tls: &Tls,
    place: &Place,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<Ready> {
    place.pulse.mark(Phase::Securing);
    let mut first = [0; 1];
    let read = stream.peek(&mut first).await;
    if !matches!(read, Ok(1)) {
        edge.log.counters.count(Event::TlsFailed);
        return None;
    }
    if first != [HANDSHAKE] {
        let is_own = stream.local_addr().is_ok_and(|own| own.ip() == peer.ip());
        if is_own || peer.ip().to_canonical().is_loopback() {
            place.pulse.mark(Phase::Opening);
            return Some(Ready::Plain(stream));
        }
        edge.log.counters.count(Event::PlainOnTls);
        let _ = stream.try_write(PLAIN);
        return None;
    }
    match TlsAcceptor::from(tls.load_full()).accept(stream).await {
        Ok(stream) => {
            place.pulse.mark(Phase::Opening);
            let is_h2 = stream.get_ref().1.alpn_protocol() == Some(H2);
            let stream = Box::new(stream);
            Some(if is_h2 { Ready::Http2(stream) } else { Ready::Http1(stream) })
        }
        Err(error) => {
            tracing::debug!(%error, %peer, "a connection could not be encrypted");
            edge.log.counters.count(Event::TlsFailed);
            None
        }
    }
}
