//! A long answer in pieces, so that how fast its visitor takes it can be seen.

use crate::connections::{Phase, Pulse};
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What is handed over at a time. Shorter answers are one piece.
pub(crate) const PIECE_BYTES: usize = 64 << 10;

/// An answer that is handed over as its visitor takes it.
pub(crate) struct Pieces {
    rest: Bytes,
    pulse: Arc<Pulse>,
}

impl Pieces {
    pub fn new(whole: Bytes, pulse: Arc<Pulse>) -> Self {
        Self { rest: whole, pulse }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.pulse.mark(Phase::Sending);
        let length = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(length);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
