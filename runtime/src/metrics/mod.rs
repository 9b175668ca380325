//! In: what happens, as it happens. Out: numbers for `/metrics`.
//! May touch: one file of /proc that was opened before the lock-down.
//! Security boundary: no. No tenant, script, host or tool is a label: every label's values are a closed set in this code, so
//! that nobody outside can make one series more, and who reads the numbers learns nothing about a tenant.
//!
//! Counting is a few atomic additions. Rejected: `prometheus-client`, whose histograms and families take locks on the way of
//! each run, for the sake of labels that come at run time, which is what must not be here.

mod histogram;
mod memory;
mod page;

pub use memory::open as open_memory;
pub use page::{Page, Style};

use crate::isolate::ErrorKind;
use crate::run::{CallRecord, RunObject, RunStatus, Verdict};
use histogram::Histogram;
use http::StatusCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How a run ended: `status` and `kind` of its run object.
const ENDINGS: [(&str, &str); 14] = [
    ("completed", "none"),
    ("cancelled", "cancelled"),
    ("failed", "syntax"),
    ("failed", "type"),
    ("failed", "exception"),
    ("failed", "cpu_limit"),
    ("failed", "wall_limit"),
    ("failed", "memory_limit"),
    ("failed", "call_limit"),
    ("failed", "result_limit"),
    ("failed", "source_limit"),
    ("failed", "deadlock"),
    ("failed", "not_serializable"),
    ("failed", "internal"),
];
const VERDICTS: [&str; 3] = ["allow", "deny", "hold"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What a server has counted since its runtime started.
pub struct Metrics {
    started: Duration,
    runs: [AtomicU64; ENDINGS.len()],
    whole: Histogram,
    prepare: Histogram,
    start: Histogram,
    cpu: Histogram,
    calls: [AtomicU64; VERDICTS.len()],
    responses: [AtomicU64; CLASSES.len()],
    bridge_connections: AtomicU64,
    bridge_lost: AtomicU64,
}

/// What is looked at when somebody asks, and not counted.
pub struct Now {
    pub isolates_max: u64,
    pub isolates_free: u64,
    pub paused: u64,
    pub paused_bytes: u64,
    pub connections: u64,
    pub draining: bool,
    pub programs: Programs,
    pub engine: String,
}

/// The cache of compiled programs.
pub struct Programs {
    pub entries: u64,
    pub bytes: u64,
    pub hits: u64,
    pub misses: u64,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            started: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            runs: Default::default(),
            whole: Histogram::default(),
            prepare: Histogram::default(),
            start: Histogram::default(),
            cpu: Histogram::default(),
            calls: Default::default(),
            responses: Default::default(),
            bridge_connections: AtomicU64::new(0),
            bridge_lost: AtomicU64::new(0),
        }
    }
}

impl Metrics {
    /// A run that has ended. `calls` are all of its calls; its object may list fewer.
    pub fn run(&self, object: &RunObject, calls: [u64; 3]) {
        add(&self.runs, ending(object.status, object.error.as_ref().map(|error| error.kind)), 1);
        let usage = &object.usage;
        self.whole.observe(usage.usage.wall_us);
        self.prepare.observe(usage.prepare_us);
        self.start.observe(usage.start_us);
        self.cpu.observe(usage.usage.cpu_us);
        for (at, count) in calls.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            add(&self.calls, at, count);
        }
    }

    pub fn response(&self, status: StatusCode) {
        add(&self.responses, usize::from(status.as_u16() / 100).saturating_sub(1), 1);
    }

    pub fn bridge_connected(&self) {
        self.bridge_connections.fetch_add(1, Relaxed);
    }

    pub fn bridge_gone(&self) {
        self.bridge_connections.fetch_sub(1, Relaxed);
        self.bridge_lost.fetch_add(1, Relaxed);
    }

    /// All of it, as text.
    pub fn page(&self, now: &Now, style: Style) -> String {
        let mut page = Page::new(style);
        let read = |cell: &AtomicU64| cell.load(Relaxed);
        page.counter("mayfly_runs", "Runs that have ended, by status and kind of error");
        for (&(status, kind), count) in ENDINGS.iter().zip(&self.runs) {
            page.sample(&[("status", status), ("kind", kind)], read(count));
        }
        for (name, help, histogram) in [
            ("mayfly_run_duration_seconds", "Whole runs by the clock, without pauses", &self.whole),
            ("mayfly_run_prepare_seconds", "From source to program; near nothing when it is cached", &self.prepare),
            ("mayfly_run_start_seconds", "A fresh isolate and the script's first turn", &self.start),
            ("mayfly_run_cpu_seconds", "Active CPU of runs", &self.cpu),
        ] {
            page.histogram(name, help, histogram);
        }
        page.gauge("mayfly_isolates_max", "Isolates that may exist at once", now.isolates_max);
        page.gauge("mayfly_isolates_in_use", "Isolates in use, or promised", now.isolates_max - now.isolates_free);
        page.gauge("mayfly_permits_available", "Runs that could begin now", now.isolates_free);
        page.gauge("mayfly_runs_paused", "Runs that wait for their caller in memory", now.paused);
        page.gauge("mayfly_runs_paused_bytes", "Memory of their isolates", now.paused_bytes);
        page.gauge("mayfly_programs_entries", "Compiled programs that are kept", now.programs.entries);
        page.gauge("mayfly_programs_bytes", "Their size", now.programs.bytes);
        page.count("mayfly_programs_hits", "Programs that were there when they were wanted", now.programs.hits);
        page.count("mayfly_programs_misses", "Programs that had to be compiled", now.programs.misses);
        page.gauge(
            "mayfly_bridge_connections",
            "Connections to the bridge; none: no bridge",
            read(&self.bridge_connections),
        );
        page.count("mayfly_bridge_connections_lost", "Connections to the bridge that broke", read(&self.bridge_lost));
        page.counter("mayfly_calls", "Calls of runs that have ended, by the bridge's verdict");
        for (verdict, count) in VERDICTS.iter().zip(&self.calls) {
            page.sample(&[("verdict", verdict)], read(count));
        }
        page.counter("mayfly_http_responses", "Responses, by the first digit of their status");
        for (class, count) in CLASSES.iter().zip(&self.responses) {
            page.sample(&[("class", class)], read(count));
        }
        page.gauge("mayfly_http_connections", "Connections of clients", now.connections);
        page.gauge("mayfly_draining", "Whether this server is about to stop", u64::from(now.draining));
        page.family("mayfly_build_info", "gauge", "What this is");
        page.sample(&[("version", env!("CARGO_PKG_VERSION")), ("engine", &now.engine)], 1);
        if let Some(bytes) = memory::resident_bytes() {
            page.gauge("process_resident_memory_bytes", "Resident memory of the runtime", bytes);
        }
        page.gauge("process_start_time_seconds", "When the runtime started, since 1970", self.started.as_secs());
        page.end()
    }
}

/// By verdict, in the order of `VERDICTS`.
pub fn verdicts(calls: &[CallRecord]) -> [u64; 3] {
    let count = |verdict| calls.iter().filter(|record| record.verdict == verdict).count() as u64;
    [count(Verdict::Allow), count(Verdict::Deny), count(Verdict::Hold)]
}

fn add<const N: usize>(cells: &[AtomicU64; N], at: usize, count: u64) {
    if let Some(cell) = cells.get(at) {
        cell.fetch_add(count, Relaxed);
    }
}

/// The place in `ENDINGS`.
fn ending(status: RunStatus, kind: Option<ErrorKind>) -> usize {
    match (status, kind) {
        (RunStatus::Cancelled, _) => 1,
        (RunStatus::Failed, Some(ErrorKind::Syntax)) => 2,
        (RunStatus::Failed, Some(ErrorKind::Type)) => 3,
        (RunStatus::Failed, Some(ErrorKind::Exception)) => 4,
        (RunStatus::Failed, Some(ErrorKind::CpuLimit)) => 5,
        (RunStatus::Failed, Some(ErrorKind::WallLimit)) => 6,
        (RunStatus::Failed, Some(ErrorKind::MemoryLimit)) => 7,
        (RunStatus::Failed, Some(ErrorKind::CallLimit)) => 8,
        (RunStatus::Failed, Some(ErrorKind::ResultLimit)) => 9,
        (RunStatus::Failed, Some(ErrorKind::SourceLimit)) => 10,
        (RunStatus::Failed, Some(ErrorKind::Deadlock)) => 11,
        (RunStatus::Failed, Some(ErrorKind::NotSerializable)) => 12,
        (RunStatus::Failed, _) => 13,
        _ => 0,
    }
}
