//! In: the rest of a reply's body. Out: the `ByteStream` that the runtime reads it from.
//! May touch: the body's connection, by letting it go.
//! Security boundary: yes; what a script that does not read makes this process hold is bounded here.
//!
//! A task carries bytes from the body into one part that the next read takes as it is: at most one part is read ahead, and
//! tiny pieces are joined while nobody reads. The task owns body, record and upload, so when the stream, the run or the
//! connection ends, one drop closes the upstream connection. Rejected: reading only when asked, without a task: each part
//! would wait for the upstream and for the other process in turn.
//!
//! No clock runs for the whole: `call_ms` ended with the head. Server-sent events may go on for as long as the run does,
//! and the run has a wall clock; an upstream that is silent for `BODY_IDLE_MS` is given up.

use crate::budget::{Budget, Held};
use crate::failure::{Failure, Kind, Reason};
use crate::messages::write_failure;
use crate::outgoing::Progress;
use crate::record::Call;
use crate::scrub::CleanBody;
use bytes::BytesMut;
use capnp::capability::Rc;
use capnp_rpc::new_client;
use mayfly_schemas::bridge_capnp::{byte_stream, part};
use mayfly_schemas::limits::{BODY_PART_BYTES_MAX, STREAMS_OPEN_MAX};
use std::cell::{Cell, RefCell};
use std::rc::Rc as Shared;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How many streams one run has open.
#[derive(Default)]
pub struct Streams(Cell<u32>);

/// The right to one of them, until it was read to its end or let go.
pub struct Place(Shared<Streams>);

impl Streams {
    pub fn enter(self: &Shared<Self>) -> Option<Place> {
        let open = self.0.get();
        (open < STREAMS_OPEN_MAX).then(|| {
            self.0.set(open + 1);
            Place(self.clone())
        })
    }

    pub fn are_all_open(&self) -> bool {
        self.0.get() >= STREAMS_OPEN_MAX
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get().saturating_sub(1));
    }
}

/// What goes on after the head of a reply was answered.
pub struct Rest {
    pub body: CleanBody,
    pub call: Call,
    pub upload: Option<Arc<Progress>>,
    pub released: CancellationToken,
    pub place: Place,
}

/// Begins to carry the body over.
pub fn open(rest: Rest, budget: &Arc<Budget>) -> byte_stream::Client {
    let Rest { body, call, upload, released, place } = rest;
    let ready = Ready { bytes: BytesMut::new(), held: Held::new(budget), bytes_in: 0, end: None, place: Some(place) };
    let pipe = Shared::new(Pipe {
        ready: RefCell::new(ready),
        filled: Notify::new(),
        emptied: Notify::new(),
        let_go: CancellationToken::new(),
        reading: Cell::new(false),
    });
    tokio::task::spawn_local(carry(body, call, upload, released, Ending(pipe.clone())));
    new_client(Stream(pipe))
}

/// What the runtime holds.
struct Stream(Shared<Pipe>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.let_go.cancel();
    }
}

struct Pipe {
    ready: RefCell<Ready>,
    filled: Notify,
    emptied: Notify,
    let_go: CancellationToken,
    reading: Cell<bool>,
}

/// The next part.
struct Ready {
    bytes: BytesMut,
    held: Held,
    bytes_in: u64,
    /// What comes after it, if that is known.
    end: Option<Result<(), Failure>>,
    place: Option<Place>,
}

async fn carry(
    mut body: CleanBody,
    mut call: Call,
    upload: Option<Arc<Progress>>,
    released: CancellationToken,
    pipe: Ending,
) {
    let before = body.bytes_in();
    let outcome = tokio::select! {
        biased;
        () = released.cancelled() => {
            call.cancelled();
            Err(Failure::network("the run ended before its call did"))
        }
        () = pipe.0.let_go.cancelled() => {
            call.cancelled();
            Ok(())
        }
        failure = trouble(upload.as_deref()) => Err(failure),
        outcome = fill(&mut body, &pipe.0) => outcome,
    };
    call.arrived(body.bytes_in() - before);
    // Closes the upstream connection, before anybody is told.
    drop(body);
    let outcome = outcome.map_err(|failure| match call.place() {
        (method, url) if failure.method.is_empty() => failure.at(method, url),
        _ => failure,
    });
    if let Err(failure) = &outcome {
        call.broke_off(failure);
    }
    call.end().await;
    pipe.0.end(outcome);
}

/// What is wrong with the request's own body, should anything be.
async fn trouble(upload: Option<&Progress>) -> Failure {
    match upload {
        Some(progress) => progress.trouble().await,
        None => std::future::pending().await,
    }
}

async fn fill(body: &mut CleanBody, pipe: &Pipe) -> Result<(), Failure> {
    loop {
        pipe.add(body);
        if body.has_ended() {
            return Ok(());
        }
        while pipe.is_full() {
            pipe.emptied.notified().await;
        }
        body.more_in_time().await?;
    }
}

impl Pipe {
    fn add(&self, body: &mut CleanBody) {
        let mut ready = self.ready.borrow_mut();
        ready.bytes_in = body.bytes_in();
        let (bytes, held) = body.take(usize::MAX);
        if !bytes.is_empty() {
            ready.bytes.unsplit(bytes);
            ready.held.join(held);
            self.filled.notify_one();
        }
    }

    fn is_full(&self) -> bool {
        self.ready.borrow().bytes.len() >= BODY_PART_BYTES_MAX
    }

    /// Only the first end counts.
    fn end(&self, outcome: Result<(), Failure>) {
        let mut ready = self.ready.borrow_mut();
        if ready.end.is_some() {
            return;
        }
        if outcome.as_ref().is_err_and(|failure| failure.kind == Kind::Policy(Reason::CredentialEchoed)) {
            // What stood before the credential and was not read yet is withheld with it.
            ready.bytes.clear();
        }
        ready.end = Some(outcome);
        self.filled.notify_one();
    }

    fn has_part(&self) -> bool {
        let ready = self.ready.borrow();
        !ready.bytes.is_empty() || ready.end.is_some()
    }

    /// A failure comes in a part of its own, so that nobody who looks at it first loses the bytes before it. After the end
    /// there is the end again.
    fn write(&self, mut part: part::Builder<'_>) {
        let mut ready = self.ready.borrow_mut();
        let count = ready.bytes.len().min(BODY_PART_BYTES_MAX);
        let (bytes, _held) = (ready.bytes.split_to(count), ready.held.split(count));
        part.set_bytes(&bytes);
        part.set_bytes_in(ready.bytes_in);
        let ended = ready.bytes.is_empty() && ready.end.is_some();
        match &ready.end {
            Some(Ok(())) => part.set_end(ended),
            Some(Err(failure)) if bytes.is_empty() => {
                part.set_end(true);
                write_failure(part.init_failure(), failure, ("", ""));
            }
            Some(Err(_)) | None => {}
        }
        if ended {
            ready.place = None;
        }
        self.emptied.notify_one();
    }
}

/// Ends the stream also when the task that fills it panics.
struct Ending(Shared<Pipe>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end(Err(Failure::network("the bridge failed in this call")));
    }
}

impl byte_stream::Server for Stream {
    async fn read(
        self: Rc<Self>,
        _: byte_stream::ReadParams,
        mut results: byte_stream::ReadResults,
    ) -> Result<(), capnp::Error> {
        // Not held while it waits: a stream that is let go ends, whatever is still waited for on it.
        let pipe = self.0.clone();
        drop(self);
        let _reading = Reading::begin(&pipe.reading)?;
        while !pipe.has_part() {
            tokio::select! {
                () = pipe.filled.notified() => {}
                () = pipe.let_go.cancelled() => return Err(capnp::Error::failed("the stream was let go".into())),
            }
        }
        pipe.write(results.get().init_part());
        Ok(())
    }
}

struct Reading<'a>(&'a Cell<bool>);

impl Reading<'_> {
    fn begin(reading: &Cell<bool>) -> Result<Reading<'_>, capnp::Error> {
        if reading.replace(true) {
            return Err(capnp::Error::failed("one read at a time; wait for the part that was asked for before".into()));
        }
        Ok(Reading(reading))
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
