//! In: a run that somebody has taken up. Out: who holds it, and that it is lost when its holder is gone.
//! May touch: the store.
//! Security boundary: yes; an older record of a run is known by its sequence.

use super::durable::Bound;
use super::now_ms;
use crate::lane::Shared;
use crate::store::parked::Place;
use mayfly_schemas::limits::PARKED_TOLD_MS;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::mpsc;

/// What all sessions of a bridge need for their parked runs.
pub struct Holds {
    next: AtomicU64,
    /// Runs whose holders went away without a word.
    lost: mpsc::UnboundedSender<(Place, u64)>,
    /// The lowest sequence of a run that may still come from the store: an older record of it was put back by somebody.
    pub(super) marks: moka::sync::Cache<Place, u64>,
}

/// Runs whose sequences are remembered; a record of one that is not is only as new as the database.
const MARKS_MAX: u64 = 200_000;

impl Holds {
    pub fn new() -> (Holds, mpsc::UnboundedReceiver<(Place, u64)>) {
        let (lost, losing) = mpsc::unbounded_channel();
        (Holds { next: AtomicU64::new(1), lost, marks: moka::sync::Cache::new(MARKS_MAX) }, losing)
    }

    pub(super) fn mark(&self, place: &Place, sequence: u64) {
        self.marks.insert(place.clone(), sequence);
    }
}

/// Tells the store of runs that are lost, as long as anybody can lose one.
pub async fn lose(shared: &Shared, losing: &mut mpsc::UnboundedReceiver<(Place, u64)>) {
    while let Some((place, holder)) = losing.recv().await {
        let run = place.run.clone();
        if let Err(error) = shared.shelf.store().lose(place, holder, now_ms() + PARKED_TOLD_MS).await {
            tracing::warn!(run, %error, "a run whose holder is gone could not be told as lost");
        }
    }
}

/// A session's hold on its run, from when it took it up until it parks it again or ends it.
pub struct Hold {
    shared: Arc<Shared>,
    pub(super) place: Place,
    pub(super) holder: u64,
    /// While it is held.
    pub(super) sequence: Option<u64>,
    /// What the records of a durable run are bound to.
    pub(super) bound: Option<Bound>,
    /// The store did not say whether it has the run in this sequence: when it ends here, it must not be there.
    pub(super) unknown: Option<u64>,
}

impl Hold {
    pub fn new(shared: &Arc<Shared>, tenant: &str, run: &str) -> Hold {
        let place = Place { tenant: tenant.to_owned(), run: run.to_owned() };
        let holder = shared.holds.next.fetch_add(1, Relaxed);
        Hold { shared: shared.clone(), place, holder, sequence: None, bound: None, unknown: None }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.sequence.is_some() {
            // Fails when the bridge ends: then the store sees that its process is gone.
            let _ = self.shared.holds.lost.send((self.place.clone(), self.holder));
        }
    }
}
