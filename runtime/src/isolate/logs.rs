//! In: log effects. Out: the lines kept, and whether some were only counted.
//! May touch: nothing.
//! Security boundary: no; it bounds what a script can make us keep.

use mayfly_schemas::limits::Limits;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// debug, log, info, warn or error.
    pub level: String,
    /// Since the run began; the clock stands still inside a turn.
    pub at_ms: f64,
    pub text: String,
}

/// The log of one run, cut to its limits: what comes after is counted and not kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    pub lines: Vec<LogLine>,
    bytes: u64,
    /// Lines that came after the limit.
    pub dropped: u64,
}

impl Logs {
    pub(super) fn push(&mut self, limits: &Limits, at_ms: f64, level: String, mut text: String) {
        let room = limits.log_bytes.saturating_sub(self.bytes) as usize;
        if self.lines.len() >= limits.log_lines as usize || room == 0 {
            self.dropped += 1;
            return;
        }
        if text.len() > room {
            text.truncate(text.floor_char_boundary(room));
            self.dropped += 1;
        }
        self.bytes += text.len() as u64;
        let level = match level.as_str() {
            "debug" | "info" | "warn" | "error" => level,
            _ => "log".to_owned(),
        };
        self.lines.push(LogLine { level, at_ms, text });
    }

    /// Lines that the guest itself only counted.
    pub(super) fn lost(&mut self, count: u32) {
        self.dropped = self.dropped.saturating_add(u64::from(count));
    }
}
