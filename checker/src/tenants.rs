//! In: a tenant's name. Out: its turn.
//! May touch: nothing.
//! Security boundary: no; it keeps one tenant from holding every compiler.

use crate::limits::TENANTS_MAX;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One check at a time for each tenant; others of it wait in order.
#[derive(Default)]
pub struct Turns(RefCell<HashMap<String, Arc<Semaphore>>>);

impl Turns {
    /// `None` never comes: nobody closes a turn.
    pub async fn take(&self, tenant: &str) -> Option<OwnedSemaphorePermit> {
        self.of(tenant).acquire_owned().await.ok()
    }

    fn of(&self, tenant: &str) -> Arc<Semaphore> {
        let mut turns = self.0.borrow_mut();
        if turns.len() >= TENANTS_MAX {
            // Those that nobody holds or waits for.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        turns.entry(tenant.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
    }
}
