//! In: a thread of the bridge. Out: what its connections share: tenants, the audit, and this thread's upstreams.
//! May touch: nothing by itself.
//! Security boundary: yes; keeps what one tenant version opened from every other.
//!
//! One lane per thread, nothing locked: a call stays on the thread its run's connection is on. Rejected: pools shared by
//! all threads; a call would wake another thread for each packet.

use crate::approvals::Approvals;
use crate::audit::Audit;
use crate::budget::Budget;
use crate::dial::Upstreams;
use crate::master_key::KeySource;
use crate::parked::Holds;
use crate::reload::Directory;
use crate::resolve::Lookup;
use crate::shelf::Shelf;
use crate::tenants::Tenant;
use crate::tls::Roots;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// What all threads share.
pub struct Shared {
    pub directory: Directory,
    pub audit: Audit,
    pub shelf: Shelf,
    pub master_key: KeySource,
    pub holds: Holds,
    pub approvals: Approvals,
    pub lookup: Lookup,
    pub roots: Arc<Roots>,
    pub budget: Arc<Budget>,
    /// How long an upstream may be silent inside a body.
    pub body_idle: Duration,
    pub sessions: Arc<AtomicU32>,
    /// Whether requests to upstreams continue the trace of the run.
    pub trace_upstreams: bool,
    /// What stands between the bridge and its children.
    pub guard: Option<PathBuf>,
}

pub struct Lane {
    pub shared: Arc<Shared>,
    upstreams: RefCell<HashMap<u64, Rc<Upstreams>>>,
}

impl Lane {
    pub fn new(shared: Arc<Shared>) -> Lane {
        Lane { shared, upstreams: RefCell::default() }
    }

    pub fn upstreams(&self, tenant: &Tenant) -> Rc<Upstreams> {
        let mut all = self.upstreams.borrow_mut();
        let made = || Rc::new(Upstreams::new(self.shared.roots.clone(), self.shared.budget.clone()));
        all.entry(tenant.version).or_insert_with(made).clone()
    }

    /// Drops connections that are idle, and all of tenants that have changed or are gone.
    pub fn sweep(&self) {
        let current = self.shared.directory.current();
        let mut all = self.upstreams.borrow_mut();
        all.retain(|version, upstreams| {
            upstreams.pool.sweep();
            current.tenants.values().any(|tenant| tenant.version == *version)
        });
    }
}
