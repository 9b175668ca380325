//! In: what happens to one message to a server, on the thread of the servers. Out: the same, for whoever waits for the reply.
//! May touch: nothing.
//! Security boundary: no, but evidence: the audit record of a call is made of it.

use crate::budget::Held;
use crate::failure::{Failure, Kind};
use crate::record::Call;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Goes with a request through rmcp, from the call to the rooms.
#[derive(Clone)]
pub struct Trail(Arc<Inner>);

struct Inner {
    response_bytes: u64,
    seen: Mutex<Seen>,
    over: CancellationToken,
    /// What the parts of a reply take of the memory for bodies, until the call is over.
    held: Mutex<Option<Held>>,
}

#[derive(Clone, Default)]
pub struct Seen {
    pub rule: String,
    pub credential: Option<String>,
    pub status: u16,
    pub bytes_out: u64,
    pub bytes_in: u64,
    /// Why there was no reply, in more words than rmcp has.
    pub failure: Option<Failure>,
}

impl Trail {
    pub fn new(response_bytes: u64) -> Trail {
        Trail(Arc::new(Inner {
            response_bytes,
            seen: Mutex::default(),
            over: CancellationToken::new(),
            held: Mutex::default(),
        }))
    }

    pub fn response_bytes(&self) -> u64 {
        self.0.response_bytes
    }

    pub fn note(&self, what: impl FnOnce(&mut Seen)) {
        what(&mut self.0.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub fn holds(&self, new: Held) {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *held {
            Some(held) => held.join(new),
            none => *none = Some(new),
        }
    }

    /// Why there is no reply. What was withheld, or is too large, does not get better when rmcp asks for the rest of it.
    pub fn fails(&self, failure: &Failure) {
        self.note(|seen| seen.failure = Some(failure.clone()));
        if matches!(failure.kind, Kind::Policy(_) | Kind::Limit) {
            self.0.over.cancel();
        }
    }

    /// Waits for such a failure.
    pub async fn over(&self) {
        self.0.over.cancelled().await;
    }

    pub fn seen(&self) -> Seen {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn tell(&self, call: &mut Call) {
        let seen = self.seen();
        if !seen.rule.is_empty() {
            call.permitted(&seen.rule);
        }
        call.sends(seen.credential.as_deref(), seen.bytes_out as usize);
        call.arrived(seen.bytes_in);
        if seen.status > 0 {
            call.received(seen.status);
        }
    }
}
