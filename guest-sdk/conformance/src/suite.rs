//! In: nothing. Out: what the two suites have in common: a result, a failure to read them, a walk over their files.
//! May touch: the suite's folder, reading only.
//! Security boundary: no.

use crate::limits::MESSAGE_BYTES_MAX;
use std::io;
use std::path::{Path, PathBuf};

/// One test of a suite: a subtest of a file of the web platform tests, or a file of test262.
#[derive(Debug)]
pub struct TestResult {
    /// File and subtest, as `known/*.txt` writes it.
    pub key: String,
    /// What it is counted under.
    pub area: String,
    pub failure: Option<String>,
}

/// What was run: the results, and the files that are not for an isolate, by the reason why.
#[derive(Debug, Default)]
pub struct Results {
    pub tests: Vec<TestResult>,
    pub skipped: Vec<(String, String)>,
}

#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    #[error("{0}: no test is below it")]
    Empty(PathBuf),
    #[error("the driver does not compile: {0}")]
    Driver(String),
}

impl TestResult {
    pub fn new(key: String, area: &str, failure: Option<String>) -> TestResult {
        TestResult { key: one_line(&key), area: area.to_owned(), failure: failure.map(|text| cut(one_line(&text))) }
    }
}

impl Results {
    pub fn extend(&mut self, other: Results) {
        self.tests.extend(other.tests);
        self.skipped.extend(other.skipped);
    }
}

pub fn read(path: &Path) -> Result<Vec<u8>, SuiteError> {
    std::fs::read(path).map_err(|error| SuiteError::File(path.to_owned(), error))
}

/// Every file at or below `root/part` whose name ends so, as a path from `root`, sorted.
pub fn files(root: &Path, part: &str, ending: &str) -> Result<Vec<String>, SuiteError> {
    let (mut found, mut folders) = (Vec::new(), vec![root.join(part)]);
    while let Some(path) = folders.pop() {
        let kind = std::fs::metadata(&path).map_err(|error| SuiteError::File(path.clone(), error))?;
        if kind.is_dir() {
            let entries = std::fs::read_dir(&path).map_err(|error| SuiteError::File(path.clone(), error))?;
            folders.extend(entries.flatten().map(|entry| entry.path()));
        } else if path.to_string_lossy().ends_with(ending) {
            let name = path.strip_prefix(root).unwrap_or(&path);
            found.push(name.to_string_lossy().replace('\\', "/"));
        }
    }
    found.sort();
    Ok(found)
}

/// Lines of `name  reason`, and without those that are empty or begin with `#`.
pub fn reasons(text: &'static str) -> Vec<(&'static str, &'static str)> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once("  ").map_or((line, ""), |(name, reason)| (name, reason.trim())))
        .collect()
}

/// Control characters and what does not print are escaped: names of tests hold line feeds and lone surrogates.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' => line.push(c),
            _ => line.extend(c.escape_debug()),
        }
    }
    line
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
    text
}
