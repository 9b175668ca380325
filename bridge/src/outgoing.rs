//! In: the body of a request, whole or in parts. Out: the same, as hyper sends it.
//! May touch: nothing.
//! Security boundary: no; what a body may be is decided in `ask.rs` and `upload.rs`.

use crate::failure::Failure;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::{SetOnce, mpsc};
use tokio::time::Instant;

pub enum Outgoing {
    Whole(Full<Bytes>),
    Parts(Parts),
}

/// The sending end of an upload. Taken from as the connection has room, so the upstream's pace reaches whoever feeds it.
pub struct Parts {
    parts: mpsc::Receiver<Part>,
    length: Option<u64>,
    progress: Arc<Progress>,
}

pub struct Part {
    pub bytes: Bytes,
    pub end: bool,
}

/// How an upload is doing: known to who feeds it, who sends it and who waits for the reply.
pub struct Progress {
    started: Instant,
    moved_ms: AtomicU64,
    sent: AtomicU64,
    complete: AtomicBool,
    trouble: SetOnce<Failure>,
}

/// The body ended before it was whole; the connection must not look as if it had been sent.
#[derive(Debug, thiserror::Error)]
#[error("the upload broke off")]
pub struct BrokenOff;

impl Outgoing {
    pub fn whole(bytes: Bytes) -> Outgoing {
        Outgoing::Whole(Full::new(bytes))
    }
}

impl Parts {
    pub fn new(parts: mpsc::Receiver<Part>, progress: Arc<Progress>) -> Parts {
        Parts { parts, length: None, progress }
    }

    /// What the request's `content-length` will say; without it the body is sent in chunks.
    pub fn declare(&mut self, length: Option<u64>) {
        self.length = length;
        if length == Some(0) {
            self.progress.complete.store(true, Relaxed);
        }
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        loop {
            if self.progress.is_complete() {
                return Poll::Ready(None);
            }
            let Some(part) = ready!(self.parts.poll_recv(cx)) else { return Poll::Ready(Some(Err(BrokenOff))) };
            let sent = self.progress.moved(part.bytes.len());
            if part.end || self.length == Some(sent) {
                self.progress.complete.store(true, Relaxed);
            }
            if !part.bytes.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(part.bytes))));
            }
        }
    }
}

impl Progress {
    pub fn new() -> Progress {
        let (moved_ms, sent, complete) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Progress { started: Instant::now(), moved_ms, sent, complete, trouble: SetOnce::new() }
    }

    /// Bytes that the connection has taken.
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// All of it has been sent.
    pub fn is_complete(&self) -> bool {
        self.complete.load(Relaxed)
    }

    pub fn fail(&self, failure: Failure) {
        // The first failure is the reason for those after it.
        let _ = self.trouble.set(failure);
    }

    pub async fn trouble(&self) -> Failure {
        self.trouble.wait().await.clone()
    }

    /// Waits until nothing has moved for `ms`.
    pub async fn stalled(&self, ms: u64) {
        loop {
            let due = self.started + Duration::from_millis(self.moved_ms.load(Relaxed).saturating_add(ms));
            if Instant::now() >= due {
                return;
            }
            tokio::time::sleep_until(due).await;
        }
    }

    /// Gives what has been sent with this.
    pub fn moved(&self, bytes: usize) -> u64 {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(ms, Relaxed);
        self.sent.fetch_add(bytes as u64, Relaxed) + bytes as u64
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Outgoing::Whole(whole) => Pin::new(whole).poll_frame(cx).map_err(|never| match never {}),
            Outgoing::Parts(parts) => parts.poll_part(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Whole(whole) => whole.is_end_stream(),
            Outgoing::Parts(parts) => parts.progress.is_complete(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Whole(whole) => whole.size_hint(),
            Outgoing::Parts(Parts { length: Some(length), progress, .. }) => {
                SizeHint::with_exact(length.saturating_sub(progress.sent()))
            }
            Outgoing::Parts(_) => SizeHint::default(),
        }
    }
}
