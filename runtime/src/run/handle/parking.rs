//! In: a paused run on its way out of memory. Out: when it is gone, or stays.
//! May touch: nothing.
//! Security boundary: yes. While it is on its way nobody can continue or cancel it, so that it is never in two places.

use super::{RunHandle, RunStatus, State, written};
use crate::run::marks::Marks;
use crate::run::object::RunObject;
use crate::run::told::{Event, New};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::run) enum Whereabouts {
    #[default]
    Here,
    Leaving,
    /// What it was is the store's.
    Gone,
}

/// What is known of a run that comes back.
pub(in crate::run) struct Before {
    pub created_at_ms: u64,
    pub began: Instant,
    pub paused: Duration,
    pub events: Vec<Event>,
}

impl RunHandle {
    /// A run that comes back.
    pub(in crate::run) fn again(new: New<'_>, before: Before) -> RunHandle {
        let mut handle = RunHandle::new(new);
        (handle.created_at_ms, handle.began) = (before.created_at_ms, before.began);
        let state: &mut State = handle.state.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        (state.paused, state.events) = (before.paused, Arc::new(before.events));
        handle
    }

    /// Waits while the run is on its way out; whether it is still here then.
    pub async fn is_here(&self) -> bool {
        let mut whereabouts = self.whereabouts.subscribe();
        let settled = whereabouts.wait_for(|now| *now != Whereabouts::Leaving).await;
        settled.is_ok_and(|now| *now == Whereabouts::Here)
    }

    /// It is the store's, and not on its way there.
    pub fn has_left(&self) -> bool {
        *self.whereabouts.borrow() == Whereabouts::Gone
    }

    /// From now on nobody can continue or cancel it. False where somebody has done so already.
    pub(in crate::run) fn leaves(&self) -> bool {
        let state = self.state();
        let may = state.status == RunStatus::Paused && !self.ending.is_cancelled();
        if may {
            self.whereabouts.send_replace(Whereabouts::Leaving);
        }
        may
    }

    /// It stays after all.
    pub(in crate::run) fn stays(&self) {
        let _state = self.state();
        self.whereabouts.send_replace(Whereabouts::Here);
    }

    /// The store has it. Whoever waits for its next stop is told nothing.
    pub(in crate::run) fn is_gone(&self) {
        let mut state = self.state();
        state.watchers.clear();
        state.waiting.clear();
        drop(self.no_copies());
        self.whereabouts.send_replace(Whereabouts::Gone);
        drop(state);
        self.news.send_replace(());
    }

    /// What is told of a run while it lies in the store: the object of its pause, and in a line of its own the order of its
    /// events.
    pub(in crate::run) fn head(&self, object: &RunObject) -> Vec<u8> {
        [&written(object), b"\n".as_slice(), self.marks().text().as_bytes()].concat()
    }

    /// The same of a run that is about to be told as ended.
    pub(in crate::run) fn last_head(&self, object: &RunObject) -> Vec<u8> {
        [self.head(object).as_slice(), Marks::END].concat()
    }

    pub(in crate::run) fn tagged(&self, object: RunObject) -> RunObject {
        RunObject { tags: self.tags.clone(), ..object }
    }

    /// Every paused run is asked to leave: the server is about to stop.
    pub(in crate::run) fn send_away(&self) {
        self.sent_away.cancel();
    }

    pub(in crate::run) async fn is_sent_away(&self) {
        self.sent_away.cancelled().await;
    }
}
