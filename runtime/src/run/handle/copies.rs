//! In: somebody who wants a copy of a paused run. Out: it, when the run gets to it.
//! May touch: nothing.
//! Security boundary: no; who may have one is decided before.

use super::RunHandle;
use crate::bridge::ParkedRun;
use crate::run::object::RunStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// All of a paused run as it would be parked; or why there is none.
pub(in crate::run) type Copied = Result<ParkedRun, String>;

#[derive(Default)]
pub(super) struct Copies {
    wanted: Mutex<Vec<oneshot::Sender<Copied>>>,
    asked: Notify,
}

impl RunHandle {
    /// `None`: the run is not paused any more, or not here.
    pub async fn copy(&self) -> Option<Copied> {
        if self.status() != RunStatus::Paused {
            return None;
        }
        let (wanted, copy) = oneshot::channel();
        self.wanted().push(wanted);
        self.copies.asked.notify_one();
        copy.await.ok()
    }

    /// Comes back when somebody wants a copy.
    pub(in crate::run) async fn is_copied(&self) {
        self.copies.asked.notified().await;
    }

    pub(in crate::run) fn copied(&self, copy: &Copied) {
        for wanted in self.no_copies() {
            // Whoever wanted it may have gone away.
            let _ = wanted.send(copy.clone());
        }
    }

    /// The run goes on, or away: who wants a copy of it is told that there is none.
    pub(in crate::run) fn no_copies(&self) -> Vec<oneshot::Sender<Copied>> {
        std::mem::take(&mut *self.wanted())
    }

    fn wanted(&self) -> MutexGuard<'_, Vec<oneshot::Sender<Copied>>> {
        self.copies.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
