//! In: how long things took. Out: how many took how long.
//! May touch: nothing.
//! Security boundary: no.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper ends of the buckets in microseconds, as they are written in seconds.
pub const BOUNDS: [(u64, &str); 20] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1.0"),
    (2_500_000, "2.5"),
    (5_000_000, "5.0"),
    (10_000_000, "10.0"),
    (30_000_000, "30.0"),
    (60_000_000, "60.0"),
    (300_000_000, "300.0"),
    (1_200_000_000, "1200.0"),
];

/// Two additions for each observation; the total is the sum of the buckets, so that no reader sees them disagree.
#[derive(Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    above: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    pub fn observe(&self, us: u64) {
        let at = BOUNDS.partition_point(|(bound, _)| *bound < us);
        self.buckets.get(at).unwrap_or(&self.above).fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    /// How many are in each bucket or below it; the last is all of them.
    pub fn cumulative(&self) -> Vec<u64> {
        let cells = self.buckets.iter().chain([&self.above]);
        let sums = cells.scan(0, |sum: &mut u64, cell| {
            *sum += cell.load(Relaxed);
            Some(*sum)
        });
        sums.collect()
    }

    pub fn sum_us(&self) -> u64 {
        self.sum_us.load(Relaxed)
    }
}
