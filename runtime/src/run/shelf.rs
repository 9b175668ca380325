//! In: runs that begin, pause and end. Out: them again by tenant and id, as long as there is room and time.
//! May touch: nothing; until runs are durable, they live in the memory of this process and die with it.
//! Security boundary: yes. A run is found under its own tenant only, and no tenant's runs take the room of others.

use super::handle::{New, RunHandle};
use super::object::{RunObject, RunStatus};
use mayfly_schemas::limits::{
    PAUSED_ALL_BYTES_MAX, PAUSED_ALL_RUNS_MAX, PAUSED_BYTES_MAX, PAUSED_RUNS_MAX, RUN_KEPT_BYTES,
    RUNS_KEPT_ALL_BYTES_MAX, RUNS_KEPT_BYTES_MAX, RUNS_KEPT_MAX, RUNS_KEPT_MS,
};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The runs of a server.
pub struct Runs {
    shelf: Mutex<Shelf>,
    /// How long a run stays paused.
    pause: Duration,
}

#[derive(Default)]
struct Shelf {
    tenants: HashMap<String, OfTenant>,
    kept_bytes: u64,
    paused: Load,
    looked_at: Option<Instant>,
    draining: bool,
}

#[derive(Default)]
struct OfTenant {
    /// By id, and ids sort by their time.
    runs: BTreeMap<String, Arc<RunHandle>>,
    /// Those that have ended, in that order.
    ended: VecDeque<Ended>,
    kept_bytes: u64,
    paused: Load,
}

struct Ended {
    id: String,
    at: Instant,
    bytes: u64,
}

/// How many, and the memory of their isolates.
#[derive(Clone, Copy, Default)]
struct Load {
    runs: usize,
    bytes: u64,
}

/// A run's place among those that are paused, until it is dropped.
pub(super) struct Place {
    runs: Arc<Runs>,
    tenant: String,
    bytes: u64,
}

/// How often all tenants are looked through for what is too old.
const LOOK: Duration = Duration::from_secs(1);
const KEPT: Duration = Duration::from_millis(RUNS_KEPT_MS);

impl Runs {
    pub fn new(pause: Duration) -> Arc<Runs> {
        Arc::new(Runs { shelf: Mutex::default(), pause })
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run under way.
    pub fn begin(&self, new: New<'_>) -> Arc<RunHandle> {
        let handle = Arc::new(RunHandle::new(new));
        let (tenant, id) = (handle.tenant.clone(), handle.id.clone());
        self.shelf().tenants.entry(tenant).or_default().runs.insert(id, handle.clone());
        handle
    }

    /// Everybody who asks is told from now on how the run ended.
    pub fn end(&self, handle: &RunHandle, object: RunObject) {
        let bytes = handle.stop(object) as u64 + RUN_KEPT_BYTES;
        let mut shelf = self.shelf();
        let now = Instant::now();
        // Not there any more: what it says is nobody's to know.
        let Some(of) = shelf.tenants.get_mut(&handle.tenant).filter(|of| of.runs.contains_key(&handle.id)) else {
            return;
        };
        of.ended.push_back(Ended { id: handle.id.clone(), at: now, bytes });
        of.kept_bytes += bytes;
        shelf.kept_bytes += bytes;
        shelf.make_room(&handle.tenant, now);
    }

    /// As if it had never been there.
    pub fn forget(&self, handle: &RunHandle) {
        let mut shelf = self.shelf();
        if let Some(of) = shelf.tenants.get_mut(&handle.tenant) {
            of.runs.remove(&handle.id);
        }
        shelf.tidy(&handle.tenant);
    }

    pub fn find(&self, tenant: &str, id: &str) -> Option<Arc<RunHandle>> {
        let mut shelf = self.shelf();
        shelf.drop_old(tenant, Instant::now());
        shelf.tenants.get(tenant)?.runs.get(id).cloned()
    }

    /// Newest first, from before the run `before`; one more than `limit` when there are more.
    pub fn list(
        &self,
        tenant: &str,
        before: Option<&str>,
        limit: usize,
        wanted: impl Fn(&RunHandle) -> bool,
    ) -> Vec<Arc<RunHandle>> {
        let mut shelf = self.shelf();
        shelf.drop_old(tenant, Instant::now());
        let Some(of) = shelf.tenants.get(tenant) else { return Vec::new() };
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        let runs = of.runs.range::<str, _>((Bound::Unbounded, end)).rev().map(|(_, handle)| handle);
        runs.filter(|handle| wanted(handle)).take(limit.saturating_add(1)).cloned().collect()
    }

    /// A place for a run that is about to pause; or why there is none.
    pub(super) fn pause(self: &Arc<Self>, tenant: &str, bytes: u64) -> Result<Place, String> {
        let mut shelf = self.shelf();
        if shelf.draining {
            return Err(DRAINING.to_owned());
        }
        let Shelf { tenants, paused: all, .. } = &mut *shelf;
        let own = &mut tenants.entry(tenant.to_owned()).or_default().paused;
        if own.runs >= PAUSED_RUNS_MAX || own.bytes.saturating_add(bytes) > PAUSED_BYTES_MAX {
            return Err(format!(
                "too many runs of this tenant are paused (at most {PAUSED_RUNS_MAX}, and {} MiB of memory): continue or \
                 cancel some",
                PAUSED_BYTES_MAX >> 20
            ));
        }
        if all.runs >= PAUSED_ALL_RUNS_MAX || all.bytes.saturating_add(bytes) > PAUSED_ALL_BYTES_MAX {
            return Err("too many runs of this server are paused; try again later".to_owned());
        }
        for load in [own, all] {
            load.runs += 1;
            load.bytes += bytes;
        }
        Ok(Place { runs: self.clone(), tenant: tenant.to_owned(), bytes })
    }

    pub(super) fn pause_max(&self) -> Duration {
        self.pause
    }

    /// No run pauses any more; those that are paused end now, because nobody can continue them after this.
    pub fn drain(&self) {
        let mut shelf = self.shelf();
        shelf.draining = true;
        let all = shelf.tenants.values().flat_map(|of| of.runs.values());
        all.filter(|handle| handle.status() == RunStatus::Paused).for_each(|handle| handle.cancel(DRAINING));
    }
}

const DRAINING: &str = "draining: this server is about to stop, and paused runs do not outlive it";

impl Shelf {
    /// Down to the bounds: of this tenant, then of all, where those who have most give first.
    fn make_room(&mut self, tenant: &str, now: Instant) {
        if let Some(of) = self.tenants.get_mut(tenant) {
            while of.ended.len() > RUNS_KEPT_MAX || of.kept_bytes > RUNS_KEPT_BYTES_MAX {
                self.kept_bytes = self.kept_bytes.saturating_sub(of.drop_first());
            }
        }
        while self.kept_bytes > RUNS_KEPT_ALL_BYTES_MAX {
            let Some(of) = self.tenants.values_mut().max_by_key(|of| of.kept_bytes) else { break };
            self.kept_bytes = self.kept_bytes.saturating_sub(of.drop_first());
        }
        if self.looked_at.is_none_or(|at| now.duration_since(at) > LOOK) {
            self.looked_at = Some(now);
            let all: Vec<String> = self.tenants.keys().cloned().collect();
            all.iter().for_each(|tenant| self.drop_old(tenant, now));
        }
    }

    fn drop_old(&mut self, tenant: &str, now: Instant) {
        let Some(of) = self.tenants.get_mut(tenant) else { return };
        while of.ended.front().is_some_and(|ended| now.duration_since(ended.at) > KEPT) {
            self.kept_bytes = self.kept_bytes.saturating_sub(of.drop_first());
        }
        self.tidy(tenant);
    }

    fn tidy(&mut self, tenant: &str) {
        if self.tenants.get(tenant).is_some_and(|of| of.runs.is_empty() && of.paused.runs == 0) {
            self.tenants.remove(tenant);
        }
    }
}

impl OfTenant {
    fn drop_first(&mut self) -> u64 {
        let Some(ended) = self.ended.pop_front() else { return 0 };
        self.runs.remove(&ended.id);
        self.kept_bytes = self.kept_bytes.saturating_sub(ended.bytes);
        ended.bytes
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shelf = self.runs.shelf();
        let Shelf { tenants, paused: all, .. } = &mut *shelf;
        let own = tenants.get_mut(&self.tenant).map(|of| &mut of.paused);
        for load in own.into_iter().chain([all]) {
            load.runs = load.runs.saturating_sub(1);
            load.bytes = load.bytes.saturating_sub(self.bytes);
        }
        shelf.tidy(&self.tenant);
    }
}
