//! In: `Idempotency-Key` and body of requests that begin runs. Out: which of them is the first, and the run of the others.
//! May touch: nothing; what is remembered lives in the memory of this process.
//! Security boundary: yes. A key means something under its own tenant only, and no tenant's keys take the room of others.

use mayfly_schemas::limits::{IDEMPOTENCY_ALL_KEYS_MAX, IDEMPOTENCY_KEYS_MAX, IDEMPOTENCY_MS};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// SHA-256 of a key, or of a body.
pub(super) type Digest = [u8; 32];

#[derive(Default)]
pub(crate) struct Keys(Mutex<All>);

#[derive(Default)]
struct All {
    tenants: HashMap<String, OfTenant>,
    /// Of all tenants, without those that are only beginning.
    count: usize,
}

#[derive(Default)]
struct OfTenant {
    entries: HashMap<Digest, Entry>,
    /// Those that have begun, oldest first.
    order: VecDeque<(Digest, Instant)>,
}

struct Entry {
    body: Digest,
    run: Known,
}

enum Known {
    /// Somebody is about to begin it.
    Beginning(watch::Receiver<()>),
    Begun(Run),
}

/// The run that a key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub id: String,
    /// Whether the request waits for it.
    pub waits: bool,
}

pub(super) enum Claimed {
    First(Claim),
    /// Changes, or ends, when it is known what the first came to.
    Beginning(watch::Receiver<()>),
    Again(Run),
    /// The key came with another body before.
    Taken,
}

/// The right to begin the run of a key. Dropped before it has begun, it is somebody else's.
pub(super) struct Claim {
    keys: Arc<Keys>,
    tenant: String,
    key: Digest,
    begun: bool,
    _done: watch::Sender<()>,
}

const REMEMBERED: Duration = Duration::from_millis(IDEMPOTENCY_MS);

impl Keys {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn claim(self: &Arc<Self>, tenant: &str, key: Digest, body: Digest) -> Claimed {
        let mut all = self.all();
        all.drop_old(tenant, Instant::now());
        let of = all.tenants.entry(tenant.to_owned()).or_default();
        match of.entries.get(&key) {
            Some(entry) if entry.body != body => Claimed::Taken,
            Some(Entry { run: Known::Begun(run), .. }) => Claimed::Again(run.clone()),
            Some(Entry { run: Known::Beginning(done), .. }) => Claimed::Beginning(done.clone()),
            None => {
                let (done, beginning) = watch::channel(());
                of.entries.insert(key, Entry { body, run: Known::Beginning(beginning) });
                let (keys, tenant) = (self.clone(), tenant.to_owned());
                Claimed::First(Claim { keys, tenant, key, begun: false, _done: done })
            }
        }
    }
}

impl Claim {
    pub fn begun(mut self, id: &str, waits: bool) {
        let (keys, now) = (self.keys.clone(), Instant::now());
        let mut all = keys.all();
        let All { tenants, count } = &mut *all;
        if let Some(of) = tenants.get_mut(&self.tenant)
            && let Some(entry) = of.entries.get_mut(&self.key)
        {
            entry.run = Known::Begun(Run { id: id.to_owned(), waits });
            of.order.push_back((self.key, now));
            *count += 1;
            self.begun = true;
        }
        all.make_room(&self.tenant);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.begun {
            let mut all = self.keys.all();
            if let Some(of) = all.tenants.get_mut(&self.tenant) {
                of.entries.remove(&self.key);
            }
            all.tidy(&self.tenant);
        }
    }
}

impl All {
    fn drop_old(&mut self, tenant: &str, now: Instant) {
        let Some(of) = self.tenants.get_mut(tenant) else { return };
        while of.order.front().is_some_and(|(_, at)| now.duration_since(*at) > REMEMBERED) {
            self.count = self.count.saturating_sub(of.drop_first());
        }
        self.tidy(tenant);
    }

    /// Down to the bounds: of this tenant, then of all, where those who have most give first.
    fn make_room(&mut self, tenant: &str) {
        if let Some(of) = self.tenants.get_mut(tenant) {
            while of.order.len() > IDEMPOTENCY_KEYS_MAX {
                self.count = self.count.saturating_sub(of.drop_first());
            }
        }
        while self.count > IDEMPOTENCY_ALL_KEYS_MAX {
            let Some(of) = self.tenants.values_mut().max_by_key(|of| of.order.len()) else { break };
            self.count = self.count.saturating_sub(of.drop_first());
        }
    }

    fn tidy(&mut self, tenant: &str) {
        if self.tenants.get(tenant).is_some_and(|of| of.entries.is_empty()) {
            self.tenants.remove(tenant);
        }
    }
}

impl OfTenant {
    fn drop_first(&mut self) -> usize {
        let Some((key, _)) = self.order.pop_front() else { return 0 };
        self.entries.remove(&key);
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(keys: &Arc<Keys>, tenant: &str, key: u32) -> Claim {
        match keys.claim(tenant, digest(key), [0; 32]) {
            Claimed::First(claim) => claim,
            _ => panic!("it is not the first"),
        }
    }

    fn digest(number: u32) -> Digest {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&number.to_le_bytes());
        digest
    }

    fn again(keys: &Arc<Keys>, tenant: &str, key: u32) -> Option<String> {
        match keys.claim(tenant, digest(key), [0; 32]) {
            Claimed::Again(run) => Some(run.id),
            _ => None,
        }
    }

    #[test]
    fn one_is_the_first_and_the_others_are_told_its_run() {
        let keys = Arc::new(Keys::default());
        let claim = first(&keys, "acme", 1);
        assert!(matches!(keys.claim("acme", digest(1), [0; 32]), Claimed::Beginning(_)));
        assert!(matches!(keys.claim("acme", digest(1), [1; 32]), Claimed::Taken));
        first(&keys, "evil", 1).begun("run_evil", true);
        claim.begun("run_1", true);
        assert_eq!(again(&keys, "acme", 1).as_deref(), Some("run_1"));
        assert_eq!(again(&keys, "evil", 1).as_deref(), Some("run_evil"));
        assert!(matches!(keys.claim("acme", digest(1), [1; 32]), Claimed::Taken));
    }

    #[test]
    fn what_did_not_begin_leaves_its_key_free_and_wakes_who_waits() {
        let keys = Arc::new(Keys::default());
        let claim = first(&keys, "acme", 1);
        let Claimed::Beginning(mut done) = keys.claim("acme", digest(1), [0; 32]) else { panic!("it is beginning") };
        drop(claim);
        assert!(futures::executor::block_on(done.changed()).is_err());
        assert!(keys.all().tenants.is_empty());
        drop(first(&keys, "acme", 1));
    }

    #[test]
    fn a_tenant_gives_up_its_own_oldest_keys() {
        let keys = Arc::new(Keys::default());
        first(&keys, "other", 0).begun("run_other", true);
        for number in 0..=IDEMPOTENCY_KEYS_MAX as u32 {
            first(&keys, "acme", number).begun(&format!("run_{number}"), true);
        }
        assert_eq!(keys.all().count, IDEMPOTENCY_KEYS_MAX + 1);
        assert_eq!(again(&keys, "acme", 1).as_deref(), Some("run_1"));
        assert_eq!(again(&keys, "other", 0).as_deref(), Some("run_other"));
        assert_eq!(again(&keys, "acme", 0), None);
    }

    #[test]
    fn a_day_later_a_key_means_nothing() {
        let keys = Arc::new(Keys::default());
        first(&keys, "acme", 1).begun("run_1", true);
        let later = |ms: u64| Instant::now() + Duration::from_millis(ms);
        keys.all().drop_old("acme", later(IDEMPOTENCY_MS - 1_000));
        assert!(again(&keys, "acme", 1).is_some());
        keys.all().drop_old("acme", later(IDEMPOTENCY_MS + 1_000));
        assert!(keys.all().tenants.is_empty() && keys.all().count == 0);
    }
}
