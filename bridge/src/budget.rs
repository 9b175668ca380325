//! In: bytes of bodies that a call holds. Out: whether there is room for them.
//! May touch: one counter, which all threads of the bridge share.
//! Security boundary: yes; what all tenants together can make this process hold is bounded here.

use crate::failure::Failure;
use mayfly_schemas::limits::BRIDGE_BODIES_BYTES_MAX;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes of bodies that all calls of this bridge hold at the moment.
#[derive(Default)]
pub struct Budget(AtomicU64);

/// A part of the budget; given back when dropped.
pub struct Held {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Held {
    pub fn new(budget: &Arc<Budget>) -> Held {
        Held { budget: budget.clone(), bytes: 0 }
    }

    pub fn more(&mut self, bytes: usize) -> Result<(), Failure> {
        let before = self.budget.0.fetch_add(bytes as u64, Relaxed);
        self.bytes += bytes as u64;
        if before + bytes as u64 > BRIDGE_BODIES_BYTES_MAX {
            return Err(full());
        }
        Ok(())
    }

    /// The share of `bytes` that go elsewhere, to be given back there.
    pub fn split(&mut self, bytes: usize) -> Held {
        let bytes = self.bytes.min(bytes as u64);
        self.bytes -= bytes;
        Held { budget: self.budget.clone(), bytes }
    }

    /// Takes over what another one holds.
    pub fn join(&mut self, mut other: Held) {
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Relaxed);
    }
}

pub fn full() -> Failure {
    Failure::network("too many large bodies are on their way at once; try again later")
}
