//! In: processes that share a database. Out: whether one of them is still there.
//! May touch: the table `nodes`: a row for each process that holds runs, with the time until which it is believed to live.
//! Security boundary: no.
//!
//! The time is the database's, asked for behind the locks (`clock_timestamp`): what a transaction began with is old by then.
//! A lease is renewed only while it runs, so a process that was found dead stays dead: it takes a new name, and the runs it
//! held under the old one are lost. What it still writes about these is refused in the transaction that would write it.
//! Rejected: a lock that a session of the database holds, which a network that is silent keeps for hours.

use super::desk::Work;
use crate::store::StoreError;
use deadpool_postgres::{GenericClient, Transaction};
use std::sync::{Mutex, PoisonError};

/// For the log, where a lease that is new is over.
pub const LEASE_TOO_SHORT: &str = "the lease of this process ends as soon as it begins";

/// This process, among those that share a database.
pub struct Node {
    lease_ms: u64,
    /// Its name, while it is believed to live; none before it holds anything.
    own: Mutex<Option<String>>,
}

impl Node {
    pub fn new(lease_ms: u64) -> Node {
        Node { lease_ms, own: Mutex::default() }
    }

    /// A name, known to be alive when this returns.
    pub async fn name(&self, db: &impl GenericClient) -> Result<String, StoreError> {
        if let Some(name) = self.own() {
            return Ok(name);
        }
        let mut name = [0; 16];
        getrandom::fill(&mut name).map_err(|error| StoreError::Unavailable(format!("no name for a node: {error}")))?;
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let enter = "INSERT INTO mayfly.nodes VALUES ($1, clock_timestamp() + $2 * interval '1 millisecond')";
        db.execute(enter, &[&name, &self.lease()]).await?;
        db.execute("DELETE FROM mayfly.nodes WHERE expires_at < clock_timestamp() - interval '1 hour'", &[]).await?;
        // Another thread of work may have been quicker; its name is as good, and this one expires.
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(own.get_or_insert(name).clone())
    }

    /// Whether runs that `node` holds are held by this process, up to the end of the transaction. One that finds that its
    /// own lease is over is dead from then on.
    pub async fn is_own(&self, transaction: &Transaction<'_>, node: &str) -> Result<bool, StoreError> {
        if self.own().as_deref() != Some(node) {
            return Ok(false);
        }
        // Whoever wants to declare it dead waits for this lock; renewing it does not.
        let alive = transaction
            .prepare_cached(
                "SELECT 1 FROM mayfly.nodes WHERE node = $1 AND expires_at > clock_timestamp() FOR KEY SHARE",
            )
            .await?;
        let is_alive = transaction.query_opt(&alive, &[&node]).await?.is_some();
        if !is_alive {
            self.forget(node);
        }
        Ok(is_alive)
    }

    /// As long as there is anything to hold: keeps the lease.
    pub async fn renew(&self, work: &Work) -> Result<(), StoreError> {
        let Some(name) = self.own() else { return Ok(()) };
        let session = work.session_of_lease().await?;
        let renew = "UPDATE mayfly.nodes SET expires_at = clock_timestamp() + $2 * interval '1 millisecond'
             WHERE node = $1 AND expires_at > clock_timestamp()";
        if session.client()?.execute(renew, &[&name, &self.lease()]).await? == 0 {
            tracing::error!("the lease of this process is over: runs that it held are lost");
            self.forget(&name);
        }
        Ok(())
    }

    /// In order: nobody has to wait for the lease to end.
    pub async fn leave(&self, work: &Work) {
        let Some(name) = self.own() else { return };
        self.forget(&name);
        if let Ok(session) = work.session_of_lease().await
            && let Ok(client) = session.client()
        {
            let _ = client.execute("DELETE FROM mayfly.nodes WHERE node = $1", &[&name]).await;
        }
    }

    fn own(&self) -> Option<String> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget(&self, name: &str) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).take_if(|own| own == name);
    }

    fn lease(&self) -> f64 {
        self.lease_ms as f64
    }
}

/// Whether a process lives, for one who does something if it does not: then it is dead for ever.
pub async fn is_alive(transaction: &Transaction<'_>, node: &str) -> Result<bool, StoreError> {
    let bury = "DELETE FROM mayfly.nodes WHERE node = $1 AND expires_at <= clock_timestamp()";
    transaction.execute(bury, &[&node]).await?;
    Ok(transaction.query_opt("SELECT 1 FROM mayfly.nodes WHERE node = $1", &[&node]).await?.is_some())
}
