//! Walks over the frames of one segment with bounded memory, across damage if need be.

use std::io;
use std::sync::Arc;

use crate::disk::{File, read_full};
use crate::frame::{self, Frame, Parsed, Seed};
use crate::segment::DATA_AT;

/// Bytes read in one go.
const WINDOW: usize = 256 << 10;
/// What a disk loses when it cannot read a place.
const BLOCK: u64 = 4096;

/// A place in a segment and a window of its bytes.
#[derive(Debug)]
pub(crate) struct Scanner {
    file: Arc<dyn File>,
    seed: Seed,
    position: u64,
    /// Bytes from here on do not count.
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// What stands at the scanner's place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A valid frame; the scanner stands behind it.
    Frame(Frame),
    /// No frame that belongs here; the scanner has not moved.
    Bad,
    /// Nothing more.
    End,
}

impl Scanner {
    pub(crate) fn new(file: Arc<dyn File>, seed: Seed, end: u64) -> Self {
        Self { file, seed, position: DATA_AT, end, window: Vec::new(), window_at: DATA_AT }
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// More bytes count now.
    pub(crate) fn extend(&mut self, end: u64) {
        self.end = self.end.max(end);
    }

    /// The payload of the frame that [`Scanner::step`] returned last.
    pub(crate) fn payload(&self, frame: &Frame) -> &[u8] {
        let start = (self.position - frame.size as u64 - self.window_at) as usize;
        &self.window[start + frame.payload.start..start + frame.payload.end]
    }

    /// The next frame with a sequence of at least `lowest` and below `below`. A valid frame from
    /// `below` on is the end: another segment has those.
    pub(crate) fn step(&mut self, lowest: u64, below: u64) -> io::Result<Step> {
        let mut need = frame::HEAD;
        loop {
            self.fill(need)?;
            let bytes = &self.window[(self.position - self.window_at) as usize..];
            if bytes.is_empty() {
                return Ok(Step::End);
            }
            match frame::parse(bytes, self.seed, self.position) {
                Parsed::Frame(frame) if frame.sequence >= below => return Ok(Step::End),
                Parsed::Frame(frame) if frame.sequence < lowest => return Ok(Step::Bad),
                Parsed::Frame(frame) => {
                    self.position += frame.size as u64;
                    return Ok(Step::Frame(frame));
                }
                Parsed::Short(more) if self.position + more as u64 <= self.end => need = more,
                Parsed::Short(_) | Parsed::Bad => return Ok(Step::Bad),
            }
        }
    }

    /// Goes forward, byte by byte, to the next frame that [`Scanner::step`] would accept; to the
    /// end if there is none. Returns whether there is one.
    pub(crate) fn resync(&mut self, lowest: u64, below: u64) -> io::Result<bool> {
        self.position += 1;
        while self.position < self.end {
            self.fill(frame::HEAD)?;
            let at = (self.position - self.window_at) as usize;
            let Some(ahead) = first_plausible(&self.window[at..]) else {
                // The last three bytes may be the beginning of something.
                let rest = self.window.len() - at;
                self.position += rest.saturating_sub(3).max(1) as u64;
                continue;
            };
            self.position += ahead as u64;
            let found = self.position;
            match self.step(lowest, below)? {
                Step::Frame(_) => {
                    self.position = found;
                    return Ok(true);
                }
                Step::Bad | Step::End => self.position = found + 1,
            }
        }
        self.position = self.end;
        Ok(false)
    }

    /// Stands at `position` from now on.
    pub(crate) fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// Where the last byte that is not zero ends; the scanner's own place if there is none.
    pub(crate) fn content_end(&mut self) -> io::Result<u64> {
        let from = self.position;
        let mut content_end = from;
        while self.position < self.end {
            self.fill(1)?;
            let at = (self.position - self.window_at) as usize;
            let bytes = &self.window[at..];
            if bytes.is_empty() {
                break;
            }
            if let Some(last) = last_not_zero(bytes) {
                content_end = self.position + last as u64 + 1;
            }
            self.position += bytes.len() as u64;
        }
        self.position = from;
        Ok(content_end)
    }

    /// Brings at least `need` bytes from the current place on into the window, if there are.
    fn fill(&mut self, need: usize) -> io::Result<()> {
        let window_end = self.window_at + self.window.len() as u64;
        let wanted = (self.position + need as u64).min(self.end);
        if wanted <= window_end && self.position >= self.window_at {
            return Ok(());
        }
        let size = (self.end.saturating_sub(self.position)).min(WINDOW.max(need) as u64) as usize;
        self.window.resize(size, 0);
        self.window_at = self.position;
        let filled = match read_full(&*self.file, &mut self.window, self.position) {
            Ok(filled) => filled,
            Err(_) => self.fill_by_blocks()?,
        };
        self.window.truncate(filled);
        // The file is shorter than it should be: it was cut.
        if filled < size {
            self.end = self.window_at + filled as u64;
        }
        Ok(())
    }

    /// Reads what can be read; a block that cannot reads as zeros, which are no frame.
    fn fill_by_blocks(&mut self) -> io::Result<usize> {
        let file_size = self.file.size()?;
        let size = self.window.len().min(file_size.saturating_sub(self.window_at) as usize);
        let mut filled = 0;
        while filled < size {
            let at = self.window_at + filled as u64;
            let to_boundary = (BLOCK - at % BLOCK) as usize;
            let count = to_boundary.min(size - filled);
            let block = &mut self.window[filled..filled + count];
            if read_full(&*self.file, block, at).is_err() {
                block.fill(0);
            }
            filled += count;
        }
        Ok(size)
    }
}

/// Where in these bytes a frame could begin, judged by four bytes. Long runs of zeros, the usual
/// content of a segment's unused end, are passed over quickly.
fn first_plausible(bytes: &[u8]) -> Option<usize> {
    const RUN: usize = 64;
    let mut at = 0;
    while at + 4 <= bytes.len() {
        if bytes.len() - at >= RUN && bytes[at..at + RUN].iter().all(|&byte| byte == 0) {
            // The fourth byte of a frame is not zero.
            at += RUN - 3;
        } else if frame::plausible(&bytes[at..]).is_some() {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}

/// The place of the last byte that is not zero.
fn last_not_zero(bytes: &[u8]) -> Option<usize> {
    const RUN: usize = 64;
    let mut end = bytes.len();
    while end >= RUN && bytes[end - RUN..end].iter().all(|&byte| byte == 0) {
        end -= RUN;
    }
    bytes[..end].iter().rposition(|&byte| byte != 0)
}
