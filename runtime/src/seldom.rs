//! In: a problem that many requests have at the same time. Out: whether to write a line of the log about it now.
//! May touch: nothing.
//! Security boundary: no; a log that a crowd of clients can fill hides what it is for.

use mayfly_schemas::limits::LOG_REPEAT_MS;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

/// One problem, for the whole process.
pub struct Seldom {
    told_ms: AtomicU64,
    untold: AtomicU64,
}

impl Seldom {
    pub const fn new() -> Seldom {
        Seldom { told_ms: AtomicU64::new(0), untold: AtomicU64::new(0) }
    }

    /// How often it came without being told since the last line; nothing while that is too fresh.
    pub fn now(&self) -> Option<u64> {
        self.at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64)
    }

    fn at(&self, now_ms: u64) -> Option<u64> {
        let told = self.told_ms.load(Relaxed);
        // A clock that was set back must not silence it.
        let is_due = told == 0 || now_ms < told || now_ms - told >= LOG_REPEAT_MS;
        if is_due && self.told_ms.compare_exchange(told, now_ms, Relaxed, Relaxed).is_ok() {
            return Some(self.untold.swap(0, Relaxed));
        }
        self.untold.fetch_add(1, Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_and_those_soon_after_are_counted() {
        let seldom = Seldom::new();
        assert_eq!(seldom.at(1_000), Some(0));
        assert_eq!([seldom.at(1_001), seldom.at(1_000 + LOG_REPEAT_MS - 1)], [None, None]);
        assert_eq!(seldom.at(1_000 + LOG_REPEAT_MS), Some(2));
        assert_eq!(seldom.at(500), Some(0), "the clock was set back");
    }
}
