//! In: runs that begin, pause and end. Out: them again by tenant and id, as long as there is room and time.
//! May touch: nothing; they live in the memory of this process. Those that are parked are the store's.
//! Security boundary: yes. A run is found under its own tenant only, and no tenant's runs take the room of others.

use super::handle::RunHandle;
use super::object::RunObject;
use super::told::New;
use crate::config::{Keeping, Pauses};
use mayfly_schemas::limits::{
    PAUSED_ALL_BYTES_MAX, PAUSED_ALL_RUNS_MAX, PAUSED_BYTES_MAX, PAUSED_RUNS_MAX, RUN_KEPT_BYTES,
    RUNS_KEPT_ALL_BYTES_MAX, RUNS_KEPT_BYTES_MAX,
};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The runs of a server.
pub struct Runs {
    shelf: Mutex<Shelf>,
    pauses: Pauses,
}

struct Shelf {
    tenants: HashMap<String, OfTenant>,
    kept_bytes: u64,
    paused: Load,
    looked_at: Option<Instant>,
    draining: bool,
    keeping: Keeping,
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

impl Runs {
    pub fn new(pauses: Pauses, keeping: Keeping) -> Arc<Runs> {
        let (tenants, paused) = (HashMap::new(), Load::default());
        let shelf = Shelf { tenants, kept_bytes: 0, paused, looked_at: None, draining: false, keeping };
        Arc::new(Runs { shelf: Mutex::new(shelf), pauses })
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are paused, and the memory of their isolates.
    pub fn paused(&self) -> (u64, u64) {
        let paused = self.shelf().paused;
        (paused.runs as u64, paused.bytes)
    }

    /// A run under way.
    pub fn begin(&self, new: New<'_>) -> Arc<RunHandle> {
        self.put(RunHandle::new(new))
    }

    pub(super) fn put(&self, handle: RunHandle) -> Arc<RunHandle> {
        let handle = Arc::new(handle);
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

    /// Here, as if it had never been there.
    pub fn forget(&self, handle: &RunHandle) {
        let mut shelf = self.shelf();
        if let Some(of) = shelf.tenants.get_mut(&handle.tenant) {
            // Another one of its name may have come from the store meanwhile.
            if of.runs.get(&handle.id).is_none_or(|known| !std::ptr::eq(&raw const **known, handle)) {
                return;
            }
            of.runs.remove(&handle.id);
            let place = of.ended.iter().rposition(|ended| ended.id == handle.id);
            let bytes = place.and_then(|place| of.ended.remove(place)).map_or(0, |ended| ended.bytes);
            of.kept_bytes = of.kept_bytes.saturating_sub(bytes);
            shelf.kept_bytes = shelf.kept_bytes.saturating_sub(bytes);
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

    /// A place for a run that is about to pause; or why there is none in memory.
    pub(super) fn pause(self: &Arc<Self>, tenant: &str, bytes: u64) -> Result<Place, String> {
        let mut shelf = self.shelf();
        if shelf.draining {
            return Err(DRAINING.to_owned());
        }
        let (all, own) = (shelf.paused, shelf.tenants.get(tenant).map_or(Load::default(), |of| of.paused));
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
        let Shelf { tenants, paused, .. } = &mut *shelf;
        for load in [&mut tenants.entry(tenant.to_owned()).or_default().paused, paused] {
            load.runs += 1;
            load.bytes += bytes;
        }
        Ok(Place { runs: self.clone(), tenant: tenant.to_owned(), bytes })
    }

    pub(super) fn pause_max(&self) -> Duration {
        Duration::from_millis(self.pauses.pause_ms)
    }

    pub(super) fn park_after(&self) -> Duration {
        Duration::from_millis(self.pauses.park_after_ms)
    }

    /// No run waits in memory any more: those that are paused are parked now, and so is each that pauses from now on.
    pub fn drain(&self) {
        let mut shelf = self.shelf();
        shelf.draining = true;
        shelf.tenants.values().flat_map(|of| of.runs.values()).for_each(|handle| handle.send_away());
    }
}

pub(super) const DRAINING: &str = "draining: this server is about to stop, and the paused run could not be stored";

impl Shelf {
    /// Down to the bounds: of this tenant, then of all, where those who have most give first.
    fn make_room(&mut self, tenant: &str, now: Instant) {
        if let Some(of) = self.tenants.get_mut(tenant) {
            while of.ended.len() as u64 > self.keeping.runs || of.kept_bytes > RUNS_KEPT_BYTES_MAX {
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
        let keep = Duration::from_millis(self.keeping.keep_ms);
        while of.ended.front().is_some_and(|ended| now.duration_since(ended.at) > keep) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::{Logs, Usage};
    use crate::run::{NotResumed, RunStatus, RunUsage, Said, Tags};
    use mayfly_schemas::limits::RUNS_KEPT_MAX;

    const PAUSES: Pauses = Pauses { park_after_ms: 1_000, pause_ms: 1_000 };
    const KEEPING: Keeping = Keeping { runs: RUNS_KEPT_MAX as u64, keep_ms: 900_000 };

    fn begin(runs: &Runs, tenant: &str, id: &str) -> Arc<RunHandle> {
        let (tags, external) = (Tags::default(), Arc::default());
        runs.begin(New { id, tenant, script: None, tags, detached: false, outcome_bytes_max: 100, external })
    }

    fn object(id: &str, status: RunStatus, bytes: usize) -> RunObject {
        let result = serde_json::value::to_raw_value(&"x".repeat(bytes)).unwrap();
        let usage = RunUsage { usage: Usage::default(), ..RunUsage::default() };
        let object = RunObject::standing(id.to_owned(), status, Logs::default(), Vec::new(), usage);
        RunObject { result: Some(result), ..object }
    }

    fn end(runs: &Runs, tenant: &str, id: &str, bytes: usize) {
        let handle = begin(runs, tenant, id);
        runs.end(&handle, object(id, RunStatus::Completed, bytes));
    }

    #[test]
    fn of_a_tenants_ended_runs_the_oldest_go_first_and_those_under_way_stay() {
        let runs = Runs::new(PAUSES, KEEPING);
        let under_way = begin(&runs, "acme", "run_0");
        end(&runs, "evil", "run_1", 10);
        (0..RUNS_KEPT_MAX + 5).for_each(|number| end(&runs, "acme", &format!("run_1{number:05}"), 10));
        assert!(runs.find("acme", "run_100004").is_none() && runs.find("acme", "run_100005").is_some());
        assert!(Arc::ptr_eq(&under_way, &runs.find("acme", "run_0").unwrap()));
        assert!(runs.find("evil", "run_1").is_some(), "the room of others is their own");
        assert!(runs.find("evil", "run_100005").is_none(), "and their runs are too");
        let large = RUNS_KEPT_BYTES_MAX as usize / 2;
        ["run_2", "run_3"].iter().for_each(|id| end(&runs, "acme", id, large));
        assert!(runs.find("acme", "run_2").is_none() && runs.find("acme", "run_3").is_some());
        assert_eq!(runs.list("acme", None, 10, |_| true).len(), 2);
    }

    #[test]
    fn where_all_have_too_much_those_who_have_most_give() {
        let runs = Runs::new(PAUSES, KEEPING);
        end(&runs, "small", "run_0", 10);
        let large = RUNS_KEPT_BYTES_MAX as usize / 2;
        let tenants = RUNS_KEPT_ALL_BYTES_MAX / large as u64 + 3;
        (0..tenants).for_each(|number| end(&runs, &format!("large{number}"), "run_0", large));
        assert!(runs.find("small", "run_0").is_some());
        let kept = (0..tenants).filter(|number| runs.find(&format!("large{number}"), "run_0").is_some()).count() as u64;
        assert!(kept >= tenants - 4 && kept < tenants, "{kept} of {tenants}");
        assert!(runs.shelf().kept_bytes <= RUNS_KEPT_ALL_BYTES_MAX);
    }

    #[test]
    fn an_ended_run_is_gone_after_its_time_and_a_tenant_without_runs_too() {
        let runs = Runs::new(PAUSES, KEEPING);
        end(&runs, "acme", "run_0", 10);
        end(&runs, "evil", "run_0", 10);
        let later = Instant::now() + Duration::from_millis(KEEPING.keep_ms) + LOOK + LOOK;
        runs.shelf().make_room("acme", later);
        assert!(runs.shelf().tenants.is_empty());
        assert_eq!(runs.shelf().kept_bytes, 0);
    }

    #[test]
    fn a_run_that_is_forgotten_leaves_nothing_behind() {
        let runs = Runs::new(PAUSES, KEEPING);
        let (ended, under_way) = (begin(&runs, "acme", "run_0"), begin(&runs, "acme", "run_1"));
        runs.end(&ended, object("run_0", RunStatus::Completed, 10));
        runs.forget(&ended);
        runs.forget(&under_way);
        runs.end(&under_way, object("run_1", RunStatus::Cancelled, 10));
        assert!(runs.find("acme", "run_0").is_none() && runs.find("acme", "run_1").is_none());
        let shelf = runs.shelf();
        assert_eq!((shelf.kept_bytes, shelf.tenants.len()), (0, 0));
    }

    #[test]
    fn places_for_paused_runs_are_bounded_by_memory_too_and_come_back() {
        let runs = Runs::new(PAUSES, KEEPING);
        let half = PAUSED_BYTES_MAX / 2;
        let first = runs.pause("acme", half).unwrap();
        let _second = runs.pause("acme", half).unwrap();
        assert!(runs.pause("acme", 1).is_err());
        assert!(runs.pause("evil", 1).is_ok());
        drop(first);
        assert!(runs.pause("acme", half).is_ok());
        let others: Vec<_> = (0..PAUSED_ALL_RUNS_MAX).map(|number| runs.pause(&format!("t{number}"), 0)).collect();
        assert_eq!(others.iter().filter(|place| place.is_err()).count(), 1, "one place is taken already");
        drop(others);
        assert_eq!(runs.shelf().tenants.len(), 1);
    }

    #[test]
    fn a_run_that_does_not_wait_takes_nothing() {
        let runs = Runs::new(PAUSES, KEEPING);
        let handle = begin(&runs, "acme", "run_0");
        let mut said = handle.hold(1, "ask", "{}", None).unwrap();
        let outcome = || vec![(1, Said::Value(serde_json::value::to_raw_value(&1).unwrap()))];
        assert_eq!(handle.resume(&mut outcome()).err(), Some(NotResumed::Is(RunStatus::Running)));
        handle.stop(object("run_0", RunStatus::Paused, 1));
        assert!(handle.resume(&mut outcome()).is_ok());
        assert!(matches!(said.try_recv(), Ok(Said::Value(value)) if value.get() == "1"));
        assert_eq!(handle.resume(&mut outcome()).err(), Some(NotResumed::Is(RunStatus::Running)));
        handle.stop(object("run_0", RunStatus::Paused, 1));
        let waiting = Vec::new();
        assert_eq!(handle.resume(&mut outcome()).err(), Some(NotResumed::Unknown { place: 0, call: 1, waiting }));
    }
}
