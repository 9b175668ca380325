//! In: samples. Out: lines of a Markdown table: what, promised, p50, p99, number of samples.
//! May touch: standard output.
//! Security boundary: no.

use std::process::ExitCode;
use std::time::Duration;

/// Two shared cores: a figure is called missed only beyond this.
const NOISE: f64 = 1.25;

#[derive(Default)]
pub struct Table {
    missed: Vec<String>,
    begun: bool,
}

#[derive(Clone, Copy)]
pub enum Promise {
    AtMost(f64),
    AtLeast(f64),
    Nothing,
}

impl Table {
    /// Times in the unit that reads best; the promise is in microseconds.
    pub fn times(&mut self, what: &str, promised_us: Option<f64>, mut samples: Vec<Duration>) {
        samples.sort();
        let at = |share: f64| samples.get(((samples.len() - 1) as f64 * share) as usize).copied().unwrap_or_default();
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let promise = promised_us.map_or(Promise::Nothing, Promise::AtMost);
        let detail = format!("p99 {}, {} samples", show(micros(at(0.99)), "us"), samples.len());
        self.line(what, promise, micros(at(0.5)), "us", &detail);
    }

    pub fn line(&mut self, what: &str, promise: Promise, value: f64, unit: &str, detail: &str) {
        if !self.begun {
            println!("| what | promised | measured | |\n|---|---|---|---|");
            self.begun = true;
        }
        let (promised, missed) = match promise {
            Promise::AtMost(most) => (format!("<= {}", show(most, unit)), value > most * NOISE),
            Promise::AtLeast(least) => (format!(">= {}", show(least, unit)), value < least / NOISE),
            Promise::Nothing => (String::new(), false),
        };
        let mark = if missed { " MISSED" } else { "" };
        println!("| {what} | {promised} | {}{mark} | {detail} |", show(value, unit));
        if missed {
            self.missed.push(what.to_owned());
        }
    }

    pub fn print(&self) -> ExitCode {
        if self.missed.is_empty() {
            return ExitCode::SUCCESS;
        }
        eprintln!("missed: {}", self.missed.join("; "));
        ExitCode::FAILURE
    }
}

fn show(value: f64, unit: &str) -> String {
    match unit {
        "us" if value >= 1_000.0 => format!("{:.2} ms", value / 1_000.0),
        "us" => format!("{value:.0} us"),
        "KiB" if value >= 10_240.0 => format!("{:.1} MiB", value / 1_024.0),
        "KiB" => format!("{value:.1} KiB"),
        unit => format!("{value:.0} {unit}"),
    }
}
