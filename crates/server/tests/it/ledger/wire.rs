//! One connection that is kept, and that tells an answer from none: nothing is sent twice unasked.

use crate::harness::wait_for;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub struct Wire {
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

pub struct Reply {
    pub status: u16,
    pub location: String,
    pub cookies: Vec<String>,
    pub body: String,
}

impl Wire {
    pub fn to(address: &str) -> Self {
        Self { address: address.to_owned(), stream: None }
    }

    /// The answer; none when the connection broke, and nobody knows whether the request was heard.
    pub fn send(&mut self, request: &str) -> Option<Reply> {
        let mut stream = self.stream.take().unwrap_or_else(|| self.connect());
        let reply =
            stream.get_mut().write_all(request.as_bytes()).ok().and_then(|()| read(&mut stream));
        if reply.is_some() {
            self.stream = Some(stream);
        }
        reply
    }

    /// Waits for a server that is being started again.
    fn connect(&self) -> BufReader<TcpStream> {
        wait_for("a connection", || {
            let stream = TcpStream::connect(&self.address).ok()?;
            stream.set_nodelay(true).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
            Some(BufReader::new(stream))
        })
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Reply> {
    let mut line = || {
        let mut text = String::new();
        let length = stream.read_line(&mut text).ok()?;
        (length > 0).then(|| text.trim_end().to_owned())
    };
    let status = line()?.split(' ').nth(1)?.parse().ok()?;
    let mut reply =
        Reply { status, location: String::new(), cookies: Vec::new(), body: String::new() };
    let mut length = 0;
    loop {
        let text = line()?;
        let Some((name, value)) = text.split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "location" => value.clone_into(&mut reply.location),
            "set-cookie" => reply.cookies.push(value.split(';').next()?.to_owned()),
            "transfer-encoding" => panic!("a body without a length: {text}"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    reply.body = String::from_utf8_lossy(&body).into_owned();
    Some(reply)
}
