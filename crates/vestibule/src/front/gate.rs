//! A connection as hyper sees it: one request at a time, each of them whole at its head, and nothing for ever.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::head;

/// How long a connection may keep us waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a head, from its first byte, or from the start of the connection.
    pub(super) header: Duration,
    /// For a body, and for an answer to be taken.
    pub(super) body: Duration,
    /// For the next request.
    pub(super) idle: Duration,
}

/// Whose turn it is on a connection: known to its gate and to whatever answers.
#[derive(Default)]
pub(super) struct Turn {
    phase: AtomicU8,
    /// How many bytes of the request's body are still to come.
    body: AtomicU64,
    /// Whether a request has been answered.
    is_used: AtomicBool,
}

const THEIRS: u8 = 0;
const OURS: u8 = 1;
const ANSWERED: u8 = 2;

impl Turn {
    /// A request is there, and a body of this many bytes behind it; `None` for one that says itself where it ends.
    pub(super) fn asked(&self, body: Option<u64>) {
        self.body.store(body.unwrap_or(u64::MAX), Ordering::Relaxed);
        self.phase.store(OURS, Ordering::Relaxed);
    }

    /// The answer is on its way.
    pub(super) fn answered(&self) {
        self.phase.store(ANSWERED, Ordering::Relaxed);
    }

    /// Whether more of the body may come than has been taken: then nobody knows where the next request would begin.
    pub(super) fn is_cut_off(&self) -> bool {
        self.body.load(Ordering::Relaxed) > 0
    }

    /// Whether a request has been answered, so that another one is not to be waited for.
    pub(super) fn was_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    fn is(&self, phase: u8) -> bool {
        self.phase.load(Ordering::Relaxed) == phase
    }
}

/// Hands on a request's head once it is complete and [well formed](head), then no more than its body, and what is behind
/// that only when it has been answered. So each head is seen here, at its first byte: what hyper takes for one has been
/// vetted, and no bytes are a body to one and a request to another.
pub(super) struct Gate {
    stream: TcpStream,
    turn: Arc<Turn>,
    patience: Patience,
    /// Read, and not yet handed on.
    held: Vec<u8>,
    /// How much of what is held is known to be no end of a head.
    scanned: usize,
    /// How much of the head is still to be handed on; `None` while it is not complete.
    head: Option<usize>,
    /// Whether a byte of this turn has come, be it one of the empty lines before a head, which are not held.
    has_begun: bool,
    deadline: Instant,
    timer: Pin<Box<Sleep>>,
    /// Whether an answer waits for the other side to take it.
    is_writing: bool,
    /// The status that ends this connection, where there is something to say.
    refusal: Option<u16>,
}

impl Gate {
    pub(super) fn new(stream: TcpStream, turn: Arc<Turn>, patience: Patience) -> Self {
        Self {
            stream,
            turn,
            patience,
            held: Vec::new(),
            scanned: 0,
            head: None,
            has_begun: false,
            deadline: Instant::now() + patience.header,
            timer: Box::pin(sleep(patience.header)),
            is_writing: false,
            refusal: None,
        }
    }

    /// The bare connection, and the status that is still to be said on it.
    pub(super) fn into_parts(self) -> (TcpStream, Option<u16>) {
        (self.stream, self.refusal)
    }

    fn refuse(&mut self, status: u16) -> io::Error {
        self.refusal = Some(status);
        io::ErrorKind::InvalidData.into()
    }

    /// Ready when the other side has had its time.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        // While we work on the answer, nobody keeps us waiting but ourselves; whoever reads the body minds the time.
        if self.turn.is(OURS) && !self.is_writing {
            return Poll::Pending;
        }
        // A deadline that was put off costs nothing until the timer comes round.
        if self.timer.is_elapsed() || self.deadline < self.timer.deadline() {
            self.timer.as_mut().reset(self.deadline);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= self.deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.timer.as_mut().reset(self.deadline);
        }
        Poll::Pending
    }

    /// Reads into what is held; `false` at the end of the stream.
    fn poll_hold(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut room = [0; 4096];
        let mut room = ReadBuf::new(&mut room);
        match Pin::new(&mut self.stream).poll_read(cx, &mut room)? {
            Poll::Ready(()) => {
                self.held.extend_from_slice(room.filled());
                if self.turn.is(THEIRS) && !self.has_begun {
                    self.has_begun = true;
                    if self.turn.was_used() {
                        self.deadline = Instant::now() + self.patience.header;
                    }
                }
                Poll::Ready(Ok(!room.filled().is_empty()))
            }
            Poll::Pending => self.poll_deadline(cx).map(Err),
        }
    }

    /// Waits for a whole head.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        loop {
            match head::end(&mut self.held, self.scanned) {
                Ok(Some(end)) => return Poll::Ready(Ok(Some(end))),
                Ok(None) => self.scanned = self.held.len(),
                Err(status) => return Poll::Ready(Err(self.refuse(status))),
            }
            if !ready!(self.poll_hold(cx)?) {
                return Poll::Ready(Ok(None));
            }
        }
    }

    /// Hands on up to `most` bytes of what is held; how many it were.
    fn hand_on(&mut self, buf: &mut ReadBuf<'_>, most: usize) -> usize {
        let count = most.min(buf.remaining()).min(self.held.len());
        buf.put_slice(&self.held[..count]);
        self.held.drain(..count);
        count
    }

    /// Hands on the body, and no more; then waits for the other side to go away.
    fn poll_body(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.turn.body.load(Ordering::Relaxed);
        if left == 0 {
            while self.held.len() < head::MOST_BYTES {
                if !ready!(self.poll_hold(cx)?) {
                    return Poll::Ready(Ok(()));
                }
            }
            return Poll::Pending;
        }
        if self.held.is_empty() && !ready!(self.poll_hold(cx)?) {
            return Poll::Ready(Ok(()));
        }
        let count = self.hand_on(buf, usize::try_from(left).unwrap_or(usize::MAX));
        if left != u64::MAX {
            self.turn.body.store(left - count as u64, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }

    /// It is the other side's turn again.
    fn turn_round(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.turn.phase.store(THEIRS, Ordering::Relaxed);
        self.head = None;
        self.scanned = 0;
        self.has_begun = !self.held.is_empty();
        self.turn.is_used.store(true, Ordering::Relaxed);
        let patience = if self.held.is_empty() {
            self.patience.idle
        } else {
            // Hyper has been told that there is nothing to read.
            cx.waker().wake_by_ref();
            self.patience.header
        };
        self.deadline = Instant::now() + patience;
        match self.poll_deadline(cx) {
            Poll::Ready(e) => Poll::Ready(Err(e)),
            Poll::Pending => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncRead for Gate {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let left = match this.head {
            Some(left) => left,
            None => match ready!(this.poll_head(cx)?) {
                Some(end) => end,
                None => return Poll::Ready(Ok(())),
            },
        };
        if left > 0 {
            this.head = Some(left - this.hand_on(buf, left));
            return Poll::Ready(Ok(()));
        }
        this.poll_body(cx, buf)
    }
}

impl AsyncWrite for Gate {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // What hyper says by itself to a head that it cannot read is said better by a page of ours.
        if this.turn.is(THEIRS)
            && let Some(status) = head::status_of_error(buf)
        {
            return Poll::Ready(Err(this.refuse(status)));
        }
        match Pin::new(&mut this.stream).poll_write(cx, buf) {
            Poll::Pending => {
                if !this.is_writing {
                    this.is_writing = true;
                    this.deadline = Instant::now() + this.patience.body;
                }
                this.poll_deadline(cx).map(Err)
            }
            ready @ Poll::Ready(_) => ready,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.is_writing = false;
        if this.turn.is(ANSWERED) {
            return this.turn_round(cx);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.refusal.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
