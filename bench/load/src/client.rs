//! Many connections to one server on one thread, one request at a time on each.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{LoadError, answer, traffic::Traffic};

/// Room for what one answer brings; a larger one makes it grow.
const READ_BYTES: usize = 4_096;

/// The connections. A slot is one of them, reopened as needed.
pub struct Client {
    target: SocketAddr,
    reuse: bool,
    poll: Poll,
    events: Events,
    slots: Vec<Slot>,
    /// Ended before the next wait for events: refused at once, for instance.
    ended: Vec<Finished>,
}

#[derive(Default)]
struct Slot {
    stream: Option<TcpStream>,
    request: Vec<u8>,
    written: usize,
    received: Vec<u8>,
    received_bytes: usize,
    started: Option<Instant>,
    /// An answer that came whole, on a connection that the server has yet to close.
    answered: Option<(Instant, answer::Answer)>,
}

/// The end of a request.
pub struct Finished {
    pub slot: usize,
    /// As given to `begin`.
    pub started: Instant,
    pub ended: Instant,
    pub result: Result<Answered, Failure>,
}

/// An answer that has arrived to its last byte; `Client::bytes` gives the text of its `Location`.
pub struct Answered {
    pub status: u16,
    pub location: Option<Range<usize>>,
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection came about.
    Connect,
    /// The connection ended before the answer was whole.
    Closed,
    /// The answer was not HTTP as expected.
    Broken,
}

impl Client {
    pub fn new(target: SocketAddr, slots: usize, reuse: bool) -> Result<Self, LoadError> {
        let poll = Poll::new().map_err(|source| LoadError::Poll { source })?;
        Ok(Self {
            target,
            reuse,
            poll,
            events: Events::with_capacity(1_024),
            slots: (0..slots).map(|_| Slot::default()).collect(),
            ended: Vec::new(),
        })
    }

    pub fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// Sends the next request on a slot that has none under way; `started` is what its latency counts from.
    pub fn begin(&mut self, index: usize, started: Instant, traffic: &mut Traffic) {
        let slot = &mut self.slots[index];
        slot.request.clear();
        traffic.write_next(&mut slot.request);
        (slot.written, slot.received_bytes) = (0, 0);
        slot.started = Some(started);
        let step = match slot.stream {
            Some(_) => slot.advance(false, self.reuse),
            None => slot.connect(self.target, Token(index), self.poll.registry()),
        };
        if let Some((ended, result)) = step {
            self.finish(index, ended, result);
        }
    }

    /// Waits at most that long for something to happen and appends every request that ended.
    pub fn wait(
        &mut self,
        timeout: Duration,
        finished: &mut Vec<Finished>,
    ) -> Result<(), LoadError> {
        let timeout = if self.ended.is_empty() { timeout } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(LoadError::Poll { source: error });
            }
            _ => {}
        }
        // Taken out for the loop, since finishing a request needs the rest of the client.
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let Token(index) = event.token();
            let slot = &mut self.slots[index];
            if slot.stream.is_none() {
                continue;
            }
            let ends = event.is_read_closed() || event.is_error();
            match slot.started {
                Some(_) => {
                    if let Some((ended, result)) = slot.advance(ends, self.reuse) {
                        self.finish(index, ended, result);
                    }
                }
                // An idle connection that the server closes is reopened by the next request.
                None if ends => slot.stream = None,
                None => {}
            }
        }
        self.events = events;
        finished.append(&mut self.ended);
        Ok(())
    }

    /// What arrived last on a slot, until its next request begins.
    pub fn bytes(&self, slot: usize, range: Range<usize>) -> &[u8] {
        &self.slots[slot].received[range]
    }

    fn finish(&mut self, index: usize, ended: Instant, result: Outcome) {
        let slot = &mut self.slots[index];
        let Some(started) = slot.started.take() else { return };
        if !self.reuse || result.as_ref().map_or(true, |answer| answer.closes) {
            slot.stream = None;
        }
        let result =
            result.map(|answer| Answered { status: answer.status, location: answer.location });
        self.ended.push(Finished { slot: index, started, ended, result });
    }
}

type Outcome = Result<answer::Answer, Failure>;

/// Nothing while the request goes on, else when and how it ended.
type Step = Option<(Instant, Outcome)>;

impl Slot {
    fn connect(&mut self, target: SocketAddr, token: Token, registry: &mio::Registry) -> Step {
        let open = || -> io::Result<TcpStream> {
            let mut stream = TcpStream::connect(target)?;
            stream.set_nodelay(true)?;
            registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            Ok(stream)
        };
        match open() {
            // Writing waits for the event that says the connection stands.
            Ok(stream) => self.stream = Some(stream),
            Err(_) => return failed(Failure::Connect),
        }
        None
    }

    /// Writes what is left of the request, then reads; events come once per change, so both go on
    /// until there is nothing more to do.
    fn advance(&mut self, ends: bool, reuse: bool) -> Step {
        self.write(ends).or_else(|| if self.is_written() { self.read(reuse) } else { None })
    }

    fn is_written(&self) -> bool {
        self.written == self.request.len()
    }

    fn write(&mut self, ends: bool) -> Step {
        let stream = self.stream.as_mut()?;
        while self.written < self.request.len() {
            match stream.write(&self.request[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::NotConnected if !ends => return None,
                    ErrorKind::Interrupted => {}
                    ErrorKind::ConnectionRefused | ErrorKind::NotConnected => {
                        return failed(Failure::Connect);
                    }
                    _ => return failed(Failure::Closed),
                },
            }
        }
        None
    }

    /// Reads the answer, and where the connection is not used again also its end: the side that
    /// closes first keeps the port busy for a minute, and that must be the server.
    fn read(&mut self, reuse: bool) -> Step {
        let stream = self.stream.as_mut()?;
        loop {
            if self.received.len() < self.received_bytes + READ_BYTES {
                self.received.resize(self.received_bytes + READ_BYTES, 0);
            }
            let count = match stream.read(&mut self.received[self.received_bytes..]) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            if let Some((ended, answer)) = self.answered.take_if(|_| count == 0) {
                return Some((ended, Ok(answer)));
            }
            if count == 0 {
                return failed(Failure::Closed);
            }
            self.received_bytes += count;
            if self.answered.is_some() {
                continue;
            }
            match answer::read(&self.received[..self.received_bytes]) {
                answer::Read::Complete(answer) if reuse && !answer.closes => {
                    return Some((Instant::now(), Ok(answer)));
                }
                answer::Read::Complete(answer) => self.answered = Some((Instant::now(), answer)),
                answer::Read::Broken => return failed(Failure::Broken),
                answer::Read::Partial => {}
            }
        }
    }
}

fn failed(failure: Failure) -> Step {
    Some((Instant::now(), Err(failure)))
}
