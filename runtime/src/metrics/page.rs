//! In: names and numbers. Out: the text that Prometheus and those who understand OpenMetrics read.
//! May touch: nothing.
//! Security boundary: no.

use super::histogram::{BOUNDS, Histogram};
use http::HeaderMap;
use http::header::ACCEPT;
use std::fmt::Write;

/// Which of the two forms: they differ in the name of a counter's family and in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    OpenMetrics,
    Prometheus,
}

impl Style {
    pub fn wanted(headers: &HeaderMap) -> Style {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut kinds = accepted.flat_map(|value| value.split(','));
        match kinds.any(|kind| kind.trim().starts_with("application/openmetrics-text")) {
            true => Style::OpenMetrics,
            false => Style::Prometheus,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Style::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Style::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

pub struct Page {
    text: String,
    style: Style,
    /// The name of samples of the family that is being written.
    name: String,
}

/// Writing to a `String` does not fail.
impl Page {
    pub fn new(style: Style) -> Page {
        Page { text: String::with_capacity(16 * 1024), style, name: String::new() }
    }

    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        name.clone_into(&mut self.name);
    }

    /// Samples of a counter end in `_total`; its family does so in the older form only.
    pub fn counter(&mut self, name: &str, help: &str) {
        match self.style {
            Style::OpenMetrics => self.family(name, "counter", help),
            Style::Prometheus => self.family(&format!("{name}_total"), "counter", help),
        }
        self.name = format!("{name}_total");
    }

    pub fn count(&mut self, name: &str, help: &str, value: u64) {
        self.counter(name, help);
        self.sample(&[], value);
    }

    pub fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "gauge", help);
        self.sample(&[], value);
    }

    /// The labels' values are ours, and have nothing in them that would have to be escaped.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: u64) {
        self.text.push_str(&self.name);
        for (at, (name, value)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{name}=\"{value}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let counts = histogram.cumulative();
        let bounds = BOUNDS.iter().map(|(_, text)| *text).chain(["+Inf"]);
        for (bound, count) in bounds.zip(&counts) {
            let _ = writeln!(self.text, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let (sum, count) = (histogram.sum_us(), counts.last().copied().unwrap_or(0));
        let _ = writeln!(self.text, "{name}_sum {}.{:06}\n{name}_count {count}", sum / 1_000_000, sum % 1_000_000);
    }

    pub fn end(mut self) -> String {
        if self.style == Style::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}
