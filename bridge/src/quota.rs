//! In: a tenant that opens a run. Out: a place, or how long to wait for one.
//! May touch: nothing but the tenant's counters, which outlive reloads of its file.
//! Security boundary: yes; one tenant cannot use up what others share.

use std::sync::atomic::{AtomicU32, Ordering::AcqRel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counters of one tenant.
#[derive(Default)]
pub struct Quota {
    in_flight: AtomicU32,
    /// Theoretical arrival time of the generic cell rate algorithm (ITU-T I.371): one number says the same as a bucket.
    next: Mutex<Option<Instant>>,
}

/// A run in flight; dropped, its place is free.
pub struct Place(Arc<Quota>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, AcqRel);
    }
}

/// Which quota is used up, and when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    InFlight { retry_after: Duration },
    PerMinute { retry_after: Duration },
}

/// Nobody knows when a run will end; clients that are told less than this only add load.
const IN_FLIGHT_RETRY: Duration = Duration::from_millis(100);

impl Quota {
    pub fn enter(self: &Arc<Self>, in_flight_max: u32, per_minute: u32, now: Instant) -> Result<Place, Full> {
        let taken = self.in_flight.fetch_add(1, AcqRel);
        let place = Place(self.clone());
        if taken >= in_flight_max {
            return Err(Full::InFlight { retry_after: IN_FLIGHT_RETRY });
        }
        self.pass(per_minute, now).map_err(|retry_after| Full::PerMinute { retry_after })?;
        Ok(place)
    }

    /// A burst of a tenth of a minute's runs (at least one) passes at once, then one each `minute / per_minute`.
    fn pass(&self, per_minute: u32, now: Instant) -> Result<(), Duration> {
        let minute = Duration::from_secs(60);
        if per_minute == 0 {
            return Err(minute);
        }
        let each = minute / per_minute;
        let burst = each * (per_minute / 10).max(1);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.map_or(now, |next| next.max(now)) + each;
        let ahead = due.duration_since(now);
        if ahead > burst {
            return Err(ahead - burst);
        }
        *next = Some(due);
        Ok(())
    }
}
