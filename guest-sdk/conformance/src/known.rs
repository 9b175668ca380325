//! In: the checked-in list of what fails, and what failed now. Out: how the two differ; the list as it should be.
//! May touch: `known/*.txt`, writing only when asked to.
//! Security boundary: no.

use crate::suite::{SuiteError, TestResult, read};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What is recorded of one suite: sorted lines, each the key of a test that fails.
pub struct Known {
    path: PathBuf,
    lines: BTreeSet<String>,
}

/// Where a run differs from what is recorded.
#[derive(Debug, Default)]
pub struct Difference<'a> {
    /// Failed, and not in the list.
    pub new: Vec<&'a TestResult>,
    /// In the list, of a file that was run, and did not fail: the list may only shrink, and must.
    pub fixed: Vec<String>,
}

impl Known {
    pub fn of(suite: &str) -> Result<Known, SuiteError> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("known").join(format!("{suite}.txt"));
        let known = Known::from_text(&String::from_utf8_lossy(&read(&path)?));
        Ok(Known { path, ..known })
    }

    pub fn from_text(text: &str) -> Known {
        Known { path: PathBuf::new(), lines: text.lines().map(str::to_owned).collect() }
    }

    pub fn difference<'a>(&self, results: &'a [TestResult]) -> Difference<'a> {
        let failed: BTreeSet<&str> = failing(results).map(|result| result.key.as_str()).collect();
        let ran = Ran::of(results);
        let fixed = self.lines.iter().filter(|line| ran.covers(line) && !failed.contains(line.as_str()));
        Difference {
            new: failing(results).filter(|result| !self.lines.contains(&result.key)).collect(),
            fixed: fixed.cloned().collect(),
        }
    }

    /// Writes the list anew, as far as this copy of the suite has the tests; lines of others stay.
    pub fn update(&mut self, results: &[TestResult]) -> Result<(), SuiteError> {
        let ran = Ran::of(results);
        self.lines.retain(|line| !ran.covers(line));
        self.lines.extend(failing(results).map(|result| result.key.clone()));
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        std::fs::write(&self.path, text).map_err(|error| SuiteError::File(self.path.clone(), error))
    }
}

/// What was run: copies of a suite differ, and a test that one has not was not fixed.
struct Ran<'a> {
    keys: BTreeSet<&'a str>,
    files: BTreeSet<&'a str>,
}

impl<'a> Ran<'a> {
    fn of(results: &'a [TestResult]) -> Ran<'a> {
        let keys: BTreeSet<&str> = results.iter().map(|result| result.key.as_str()).collect();
        let files = keys.iter().filter_map(|key| Some(key.split_once(": ")?.0)).collect();
        Ran { keys, files }
    }

    /// A file as a whole is told only when it fails; it was run when any test of it was.
    fn covers(&self, line: &str) -> bool {
        let whole = line.strip_suffix(": (harness)").is_some_and(|file| self.files.contains(file));
        whole || self.keys.contains(line)
    }
}

fn failing(results: &[TestResult]) -> impl Iterator<Item = &TestResult> {
    results.iter().filter(|result| result.failure.is_some())
}
