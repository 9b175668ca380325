//! In: an isolate between two turns. Out: what it has used so far; what it may use from now on.
//! May touch: nothing.
//! Security boundary: no; the limits themselves are held by `guest.rs` and `state.rs`.

use super::outcome::Usage;
use super::state::Isolate;
use std::time::{Duration, Instant};

impl Isolate {
    /// What the isolate knows of it; wall clock and bytes are its owner's.
    pub fn usage(&self) -> Usage {
        Usage {
            cpu_us: self.budget.cpu_used.as_micros() as u64,
            memory_peak_bytes: self.guest.memory_peak_bytes() as u64,
            calls: self.ledger.calls,
            ..Usage::default()
        }
    }

    /// CPU that the host spent for this script alone.
    pub fn charge(&mut self, cpu: Duration) {
        self.budget.cpu_used += cpu;
        self.ledger.cpu_used = self.budget.cpu_used;
    }

    /// When the wall clock ends a turn under way: later than at the start where the run has waited for people.
    pub fn set_wall_until(&mut self, until: Instant) {
        self.budget.wall_until = Some(until);
    }
}
