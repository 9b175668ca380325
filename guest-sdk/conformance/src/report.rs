//! In: results. Out: a table by area with the commonest failures, what differs from the record, and whether anything does.
//! May touch: standard output; `known/*.txt`, with `--update`.
//! Security boundary: no.

use crate::known::Known;
use crate::limits::{MESSAGES_SHOWN_MAX, SHOWN_MAX};
use crate::suite::{Results, SuiteError, TestResult};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub update: bool,
    pub verbose: bool,
}

#[derive(Default)]
struct Area<'a> {
    passed: usize,
    total: usize,
    messages: BTreeMap<&'a str, usize>,
}

/// Prints what there is to say. Whether everything is as recorded.
pub fn tell(suite: &str, results: &Results, options: &Options) -> Result<bool, SuiteError> {
    let mut known = Known::of(suite)?;
    if options.verbose {
        results.tests.iter().for_each(print_failure);
    }
    print_table(&results.tests);
    print_skipped(&results.skipped);
    if options.update {
        known.update(&results.tests)?;
        return Ok(true);
    }
    let difference = known.difference(&results.tests);
    if !difference.new.is_empty() {
        println!("\n{} fail and are not in known/{suite}.txt:", difference.new.len());
        difference.new.iter().take(SHOWN_MAX).for_each(|result| print_failure(result));
    }
    if !difference.fixed.is_empty() {
        println!("\n{} are in known/{suite}.txt and do not fail (take them out, or --update):", difference.fixed.len());
        difference.fixed.iter().take(SHOWN_MAX).for_each(|line| println!("  {line}"));
    }
    Ok(difference.new.is_empty() && difference.fixed.is_empty())
}

fn print_failure(result: &TestResult) {
    if let Some(failure) = &result.failure {
        println!("  {}\n      {failure}", result.key);
    }
}

fn print_table(tests: &[TestResult]) {
    let mut areas: BTreeMap<&str, Area<'_>> = BTreeMap::new();
    for test in tests {
        let area = areas.entry(&test.area).or_default();
        area.total += 1;
        match &test.failure {
            None => area.passed += 1,
            Some(message) => *area.messages.entry(message).or_default() += 1,
        }
    }
    println!("{:<44} {:>7} {:>7} {:>8}", "area", "passed", "failed", "");
    let mut sum = Area::default();
    for (name, area) in &areas {
        print_line(name, area);
        sum.passed += area.passed;
        sum.total += area.total;
    }
    print_line("all", &sum);
    for (name, area) in areas.iter().filter(|(_, area)| !area.messages.is_empty()) {
        println!("\n{name}: commonest failures");
        let mut messages: Vec<_> = area.messages.iter().collect();
        messages.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (message, count) in messages.into_iter().take(MESSAGES_SHOWN_MAX) {
            println!("{count:>7}  {message}");
        }
    }
}

fn print_line(name: &str, area: &Area<'_>) {
    let share = if area.total == 0 { 0.0 } else { area.passed as f64 * 100.0 / area.total as f64 };
    println!("{name:<44} {:>7} {:>7} {share:>7.2}%", area.passed, area.total - area.passed);
}

fn print_skipped(skipped: &[(String, String)]) {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, reason) in skipped {
        *reasons.entry(reason).or_default() += 1;
    }
    for (reason, count) in reasons {
        println!("{count:>7} files are not run: {reason}");
    }
}
