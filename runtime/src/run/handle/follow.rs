//! In: how much of a run somebody has been told. Out: the rest, and how the run stands.
//! May touch: nothing.
//! Security boundary: no; whose run it is was asked before.

use super::parking::Whereabouts;
use super::{RunHandle, RunStatus};
use crate::run::marks::Marks;
use crate::run::told::Event;
use bytes::Bytes;
use mayfly_schemas::limits::RUN_FOLLOWERS_MAX;
use std::sync::atomic::Ordering;
use tokio::sync::watch;

/// A run, for somebody who follows it.
pub struct View {
    /// What happened since; of a run that has ended, nothing: its object tells it.
    pub news: Vec<Event>,
    /// How many events there were in all.
    pub count: usize,
    pub stands: Stands,
}

pub enum Stands {
    Running,
    /// With its object.
    Paused(Bytes),
    /// It is the store's now; with its object, where it was paused.
    Gone(Option<Bytes>),
    Ended(Bytes, Marks),
}

impl RunHandle {
    /// Changes whenever the run does. `None`: it has as many who follow it as it may have.
    pub fn follow(&self) -> Option<watch::Receiver<()>> {
        (self.news.receiver_count() < RUN_FOLLOWERS_MAX).then(|| self.news.subscribe())
    }

    /// A request waits for it from now on.
    pub fn waits(&self) {
        self.waiters.fetch_add(1, Ordering::Relaxed);
    }

    /// One of them does not any more.
    pub fn waits_no_more(&self) {
        self.waiters.fetch_sub(1, Ordering::Relaxed);
    }

    /// Abandons it, unless others wait for it.
    pub fn abandon_unless_waited_for(&self) {
        if self.waiters.load(Ordering::Relaxed) == 0 {
            self.abandon();
        }
    }

    pub fn view(&self, seen: usize) -> View {
        let state = self.state();
        let news = state.events.get(seen..).unwrap_or_default().to_vec();
        let gone = *self.whereabouts.borrow() == Whereabouts::Gone;
        let stands = match (&state.json, state.status) {
            (json, RunStatus::Running | RunStatus::Paused) if gone => Stands::Gone(json.clone()),
            (None, _) | (_, RunStatus::Running) => Stands::Running,
            (Some(json), RunStatus::Paused) => Stands::Paused(json.clone()),
            (Some(json), _) => Stands::Ended(json.clone(), state.marks.clone()),
        };
        let count = match &stands {
            Stands::Ended(_, marks) => marks.count(),
            _ => state.events.len(),
        };
        View { news, count, stands }
    }

    /// In which order things have happened so far.
    pub(in crate::run) fn marks(&self) -> Marks {
        Marks::of(&self.state().events)
    }
}
