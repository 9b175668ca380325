//! In: a script as somebody sent it. Out: a `Program`, or the error that its author can repair from.
//! May touch: the program cache; isolates of its own, since source is as hostile as what it does when it runs.
//! Security boundary: yes. Only text is accepted, and a program is found again only by the tenant who brought it.

mod translate;

use crate::isolate::{Engine, ErrorKind, Program, RunError};
use mayfly_schemas::limits::PROGRAM_CACHE_BYTES_MAX;
use moka::future::Cache;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// TypeScript or JavaScript text: the main module first, then those it imports. Cheap to clone, and its digest is taken
/// once: one that is stored runs many times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub modules: Arc<[ModuleText]>,
    digest: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleText {
    pub name: String,
    pub source: String,
}

/// Compiled programs, by tenant and digest. A cached error costs its sender one look-up, not a compile. Cheap to clone.
#[derive(Clone)]
pub struct Programs {
    engine: Arc<Engine>,
    cache: Cache<Key, Prepared>,
    counts: Arc<Counts>,
}

/// How often programs were wanted, and how often they were not there.
#[derive(Default)]
struct Counts {
    wanted: AtomicU64,
    made: AtomicU64,
}

type Key = [u8; 32];
type Prepared = Result<Arc<Program>, Arc<RunError>>;

/// Name of a script's only module when nobody gave it one.
pub const MAIN: &str = "main.ts";

/// What an entry weighs beside its program: keys, list nodes, the entry itself.
const ENTRY_BYTES: usize = 512;

impl Script {
    pub fn new(modules: Vec<ModuleText>) -> Script {
        let digest = digest(&modules);
        Script { modules: modules.into(), digest }
    }

    pub fn single(source: impl Into<String>) -> Script {
        Script::new(vec![ModuleText { name: MAIN.into(), source: source.into() }])
    }

    /// Of all modules together.
    pub fn bytes(&self) -> u64 {
        self.modules.iter().map(|module| module.source.len() as u64).sum()
    }

    /// The tenant is part of it, so that no two scripts of two tenants can meet.
    fn key(&self, tenant: &str) -> Key {
        let mut hasher = Sha256::new();
        hasher.update(self.digest);
        hasher.update(tenant.as_bytes());
        hasher.finalize().into()
    }
}

/// Every length is part of it, so that no two scripts can meet.
fn digest(modules: &[ModuleText]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut part = |text: &str| {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    for module in modules {
        part(&module.name);
        part(&module.source);
    }
    hasher.finalize().into()
}

impl Programs {
    pub fn new(engine: Arc<Engine>) -> Programs {
        let weigh = |_: &Key, prepared: &Prepared| {
            let bytes = prepared.as_ref().map_or_else(|error| error.message.len(), |program| program.bytes());
            u32::try_from(bytes + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(PROGRAM_CACHE_BYTES_MAX).weigher(weigh).build();
        Programs { engine, cache, counts: Arc::default() }
    }

    /// What is kept, and how often it served.
    pub async fn figures(&self) -> crate::metrics::Programs {
        // What was put in or thrown out since is counted by then only.
        self.cache.run_pending_tasks().await;
        let (made, wanted) = (self.counts.made.load(Relaxed), self.counts.wanted.load(Relaxed));
        let (entries, bytes) = (self.cache.entry_count(), self.cache.weighted_size());
        crate::metrics::Programs { entries, bytes, hits: wanted.saturating_sub(made), misses: made }
    }

    /// The program of a script; several callers of a new one wait for a single compile.
    pub async fn prepare(
        &self,
        tenant: &str,
        script: &Script,
        source_bytes_max: u64,
    ) -> Result<Arc<Program>, RunError> {
        if script.bytes() > source_bytes_max {
            let message = format!("the source is {} bytes; the limit is {source_bytes_max}", script.bytes());
            return Err(RunError::limit(ErrorKind::SourceLimit, message));
        }
        let make = translate::translate(&self.engine, script);
        self.counts.wanted.fetch_add(1, Relaxed);
        // What is nobody's fault (no isolate free) is not kept: the next caller tries again.
        let kept = async {
            self.counts.made.fetch_add(1, Relaxed);
            match make.await {
                Ok(program) => Ok(Ok(Arc::new(program))),
                Err(error) if error.kind == ErrorKind::Internal => Err(error),
                Err(error) => Ok(Err(Arc::new(error))),
            }
        };
        match self.cache.try_get_with(script.key(tenant), kept).await {
            Ok(Ok(program)) => Ok(program),
            Ok(Err(error)) => Err(RunError::clone(&error)),
            Err(internal) => Err(RunError::clone(&internal)),
        }
    }
}
