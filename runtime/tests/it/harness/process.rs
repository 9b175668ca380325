//! Processes by their numbers: signals to them, and whether they are still there.

use std::process::Command;
use std::time::{Duration, Instant};

/// `target` is a process, or a group with `-` before it.
pub fn send(signal: &str, target: &str) {
    let sent = Command::new("kill").args([signal, "--", target]).status().expect("there is `kill`");
    assert!(sent.success(), "kill {signal} {target}");
}

pub fn gone(pid: u64, within: Duration) -> bool {
    let until = Instant::now() + within;
    while Instant::now() < until {
        // A process whose parent has not asked for its status yet is gone too.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.starts_with(" Z")) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}
