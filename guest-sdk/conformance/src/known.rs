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
        let text = String::from_utf8_lossy(&read(&path)?).into_owned();
        Ok(Known { path, lines: text.lines().map(str::to_owned).collect() })
    }

    pub fn difference<'a>(&self, results: &'a [TestResult]) -> Difference<'a> {
        let failed: BTreeSet<&str> = failing(results).map(|result| result.key.as_str()).collect();
        let files = files(results);
        Difference {
            new: failing(results).filter(|result| !self.lines.contains(&result.key)).collect(),
            fixed: self
                .lines
                .iter()
                .filter(|line| files.contains(file_of(line)) && !failed.contains(line.as_str()))
                .cloned()
                .collect(),
        }
    }

    /// Writes the list anew, for the files that were run; lines of others stay.
    pub fn update(&mut self, results: &[TestResult]) -> Result<(), SuiteError> {
        let files = files(results);
        self.lines.retain(|line| !files.contains(file_of(line)));
        self.lines.extend(failing(results).map(|result| result.key.clone()));
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        std::fs::write(&self.path, text).map_err(|error| SuiteError::File(self.path.clone(), error))
    }
}

fn failing(results: &[TestResult]) -> impl Iterator<Item = &TestResult> {
    results.iter().filter(|result| result.failure.is_some())
}

fn files(results: &[TestResult]) -> BTreeSet<&str> {
    results.iter().map(|result| file_of(&result.key)).collect()
}

/// A key is `file` or `file: subtest`; no file's name has a blank in it.
fn file_of(key: &str) -> &str {
    key.split_once(": ").map_or(key, |(file, _)| file)
}
