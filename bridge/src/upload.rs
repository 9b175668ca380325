//! In: parts of request bodies, as the runtime sends them. Out: bodies that are sent while they come.
//! May touch: nothing.
//! Security boundary: yes; what a run can make the bridge hold of its uploads is bounded here, whatever it says, and a body
//! is never sent as whole that is not.
//!
//! Two parts wait for the connection, and a part is answered when there is room for the next: so the pace of the upstream
//! reaches the script. When the call is over, the rest is not wanted; that is also so when the upstream has answered in full
//! before it had read everything, as in undici and Go. A part may come before its fetch: it waits for it for a moment.

use crate::budget::{Budget, Held};
use crate::failure::{Failure, Reason};
use crate::outgoing::{Outgoing, Part, Parts, Progress};
use bytes::Bytes;
use mayfly_schemas::limits::{
    BODY_PART_BYTES_MAX, UPLOAD_BYTES_MAX, UPLOAD_EARLY_MS, UPLOAD_PARTS_AHEAD, UPLOAD_PARTS_WAITING_MAX,
    UPLOADS_EARLY_MAX,
};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{SetOnce, mpsc};
use tokio_util::sync::CancellationToken;

/// The uploads of one run, by the numbers of their calls.
pub struct Uploads {
    slots: RefCell<HashMap<u32, Slot>>,
    early: Cell<u32>,
    known_max: usize,
    budget: Arc<Budget>,
    ended: CancellationToken,
}

enum Slot {
    /// Its fetch has not come yet.
    Early(Rc<Feed>, Parts),
    Open(Rc<Feed>),
    Over,
}

/// The body of one call's request. When it is let go, nobody wants the rest.
pub struct Upload {
    parts: RefCell<Option<Parts>>,
    feed: Rc<Feed>,
    uploads: Rc<Uploads>,
    call: u32,
}

/// Where parts go in.
struct Feed {
    parts: mpsc::Sender<Part>,
    progress: Arc<Progress>,
    claimed: SetOnce<()>,
    over: CancellationToken,
    length: Cell<Option<u64>>,
    given: Cell<u64>,
    ended: Cell<bool>,
    waiting: Cell<u32>,
}

impl Uploads {
    /// `known_max`: calls that the run may make at most. All end with `ended`.
    pub fn new(known_max: u32, budget: Arc<Budget>, ended: CancellationToken) -> Rc<Uploads> {
        let (slots, early) = (RefCell::default(), Cell::new(0));
        Rc::new(Uploads { slots, early, known_max: known_max as usize, budget, ended })
    }

    /// The body of the fetch with this number, whose parts may be here already.
    pub fn open(self: &Rc<Self>, call: u32) -> Result<Rc<Upload>, Failure> {
        let mut slots = self.slots.borrow_mut();
        let (feed, parts) = match slots.remove(&call) {
            None if slots.len() >= self.known_max => {
                let text = format!("more than {} calls in one run; split the work", self.known_max);
                return Err(Failure::policy(Reason::TooManyCalls, "", text));
            }
            None => self.feed(),
            Some(Slot::Early(feed, parts)) => {
                self.early.set(self.early.get().saturating_sub(1));
                (feed, parts)
            }
            Some(taken) => {
                slots.insert(call, taken);
                return Err(Failure::usage(format!(
                    "call {call} has had an upload; give each call a number of its own"
                )));
            }
        };
        let _ = feed.claimed.set(());
        // The time of the call begins here, not with a part that came before it.
        feed.progress.moved(0);
        slots.insert(call, Slot::Open(feed.clone()));
        Ok(Rc::new(Upload { parts: RefCell::new(Some(parts)), feed, uploads: self.clone(), call }))
    }

    /// Takes one part. Comes back when there is room for the next; false when nobody wants it.
    pub async fn put(&self, call: u32, bytes: Bytes, end: bool) -> bool {
        let Some(feed) = self.known_or_early(call) else { return false };
        let part = match feed.admit(bytes, end, &self.budget) {
            Ok(Some(part)) => part,
            Ok(None) => return false,
            Err(failure) => {
                feed.progress.fail(failure);
                return false;
            }
        };
        tokio::select! {
            biased;
            () = feed.over.cancelled() => false,
            taken = feed.place(part) => taken,
            () = feed.stays_unclaimed() => {
                self.over(call);
                false
            }
        }
    }

    fn known_or_early(&self, call: u32) -> Option<Rc<Feed>> {
        let mut slots = self.slots.borrow_mut();
        match slots.get(&call) {
            Some(Slot::Early(feed, _) | Slot::Open(feed)) => return Some(feed.clone()),
            Some(Slot::Over) => return None,
            None => {}
        }
        if self.early.get() >= UPLOADS_EARLY_MAX || slots.len() >= self.known_max {
            return None;
        }
        self.early.set(self.early.get() + 1);
        let (feed, parts) = self.feed();
        slots.insert(call, Slot::Early(feed.clone(), parts));
        Some(feed)
    }

    fn feed(&self) -> (Rc<Feed>, Parts) {
        let (sender, receiver) = mpsc::channel(UPLOAD_PARTS_AHEAD);
        let progress = Arc::new(Progress::new());
        let feed = Feed {
            parts: sender,
            progress: progress.clone(),
            claimed: SetOnce::new(),
            over: self.ended.child_token(),
            length: Cell::new(None),
            given: Cell::new(0),
            ended: Cell::new(false),
            waiting: Cell::new(0),
        };
        (Rc::new(feed), Parts::new(receiver, progress))
    }

    fn over(&self, call: u32) {
        match self.slots.borrow_mut().insert(call, Slot::Over) {
            Some(Slot::Early(feed, _)) => {
                self.early.set(self.early.get().saturating_sub(1));
                feed.over.cancel();
            }
            Some(Slot::Open(feed)) => feed.over.cancel(),
            Some(Slot::Over) | None => {}
        }
    }
}

impl Upload {
    /// What the script's `content-length` says. The request will say it too, so it has to be true.
    pub fn declare(&self, length: Option<u64>) -> Result<(), Failure> {
        if let Some(parts) = self.parts.borrow_mut().as_mut() {
            parts.declare(length);
        }
        if length.is_some_and(|length| length > UPLOAD_BYTES_MAX) {
            return Err(too_large());
        }
        self.feed.length.set(length);
        self.feed.check(0, self.feed.ended.get())
    }

    /// What hyper sends. There is only one of it: a second try would need bytes that nobody has kept.
    pub fn take(&self) -> Option<Outgoing> {
        self.parts.borrow_mut().take().map(Outgoing::Parts)
    }

    pub fn progress(&self) -> &Arc<Progress> {
        &self.feed.progress
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.uploads.over(self.call);
    }
}

impl Feed {
    /// `None`: it came after the end.
    fn admit(&self, bytes: Bytes, end: bool, budget: &Arc<Budget>) -> Result<Option<Part>, Failure> {
        if self.ended.get() {
            return Ok(None);
        }
        if bytes.len() > BODY_PART_BYTES_MAX {
            return Err(Failure::usage(format!("a part of a body is above {BODY_PART_BYTES_MAX} bytes; cut it")));
        }
        if self.waiting.get() >= UPLOAD_PARTS_WAITING_MAX {
            let text = format!("more than {UPLOAD_PARTS_WAITING_MAX} parts of a body at once; wait for their answers");
            return Err(Failure::usage(text));
        }
        self.check(bytes.len() as u64, end)?;
        self.ended.set(end);
        let mut held = Held::new(budget);
        held.more(bytes.len())?;
        // Given back when the connection has written it.
        let bytes = if bytes.is_empty() { bytes } else { Bytes::from_owner(Kept { bytes, _held: held }) };
        Ok(Some(Part { bytes, end }))
    }

    fn check(&self, more: u64, end: bool) -> Result<(), Failure> {
        let given = self.given.get().saturating_add(more);
        self.given.set(given);
        let wrong = |length, word| {
            let text = format!(
                "the request body is {word} than the {length} bytes of its content-length header; leave it out"
            );
            Err(Failure::usage(text))
        };
        match self.length.get() {
            Some(length) if given > length => wrong(length, "longer"),
            Some(length) if end && given < length => wrong(length, "shorter"),
            _ if given > UPLOAD_BYTES_MAX => Err(too_large()),
            _ => Ok(()),
        }
    }

    async fn place(&self, part: Part) -> bool {
        let _waiting = Waiting::count(&self.waiting);
        let end = part.end;
        if self.parts.send(part).await.is_err() {
            return end && self.progress.is_complete();
        }
        self.claimed.wait().await;
        // With a declared length the connection is done with it at the last byte, before it was told of the end.
        end || self.parts.reserve().await.is_ok() || self.progress.is_complete()
    }

    async fn stays_unclaimed(&self) {
        if self.claimed.initialized() {
            return std::future::pending().await;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(UPLOAD_EARLY_MS)) => {}
            _ = self.claimed.wait() => std::future::pending().await,
        }
    }
}

fn too_large() -> Failure {
    Failure::usage(format!("the request body is above {UPLOAD_BYTES_MAX} bytes; send it in several calls"))
}

struct Kept {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

struct Waiting<'a>(&'a Cell<u32>);

impl Waiting<'_> {
    fn count(waiting: &Cell<u32>) -> Waiting<'_> {
        waiting.set(waiting.get() + 1);
        Waiting(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
