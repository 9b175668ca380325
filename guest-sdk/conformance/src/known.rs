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
    /// Tests that copies of the suite have with different contents: they fail in one and pass in another.
    varying: BTreeSet<String>,
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
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("known");
        let path = folder.join(format!("{suite}.txt"));
        let known = Known::from_text(&String::from_utf8_lossy(&read(&path)?));
        let varying = folder.join(format!("{suite}-varying.txt"));
        let varying = if varying.exists() { read(&varying)? } else { Vec::new() };
        Ok(Known { path, varying: lines(&String::from_utf8_lossy(&varying)), ..known })
    }

    pub fn from_text(text: &str) -> Known {
        Known { path: PathBuf::new(), lines: lines(text), varying: BTreeSet::new() }
    }

    pub fn difference<'a>(&self, results: &'a [TestResult]) -> Difference<'a> {
        let failed: BTreeSet<&str> = failing(results).map(|result| result.key.as_str()).collect();
        let ran = Ran::of(results);
        let fixed = self.lines.iter().filter(|line| ran.covers(line) && !failed.contains(line.as_str()));
        Difference {
            new: failing(results).filter(|result| !self.knows(&result.key)).collect(),
            fixed: fixed.cloned().collect(),
        }
    }

    fn knows(&self, key: &str) -> bool {
        self.lines.contains(key) || self.varying.contains(key)
    }

    /// Writes the list anew, as far as this copy of the suite has the tests; lines of others stay.
    pub fn update(&mut self, results: &[TestResult]) -> Result<(), SuiteError> {
        let ran = Ran::of(results);
        self.lines.retain(|line| !ran.covers(line));
        let fails = failing(results).filter(|result| !self.varying.contains(&result.key));
        self.lines.extend(fails.map(|result| result.key.clone()));
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        std::fs::write(&self.path, text).map_err(|error| SuiteError::File(self.path.clone(), error))
    }
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
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
