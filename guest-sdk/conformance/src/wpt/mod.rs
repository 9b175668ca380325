//! In: a copy of the web platform tests, and names of areas in it. Out: a result for every subtest of every `.any.js`.
//! May touch: the suite's folder, reading only; isolates.
//! Security boundary: no.

mod folder;
mod handlers;
mod meta;

use crate::host::{Ended, Host};
use crate::pool;
use crate::suite::{Results, SuiteError, TestResult, files, read, reasons};
use folder::{Folder, ORIGIN};
use mayfly::isolate::Program;
use meta::Meta;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

const DRIVER: &str = include_str!("../../js/wpt.js");
/// What is run when nobody names an area, with what each is good for.
const AREAS: &str = include_str!("../../known/wpt-areas.txt");
/// Files that need what an isolate cannot have, each with the reason.
const SKIPPED: &str = include_str!("../../known/wpt-skipped.txt");
const HARNESS: &str = "/resources/testharness.js";

/// What the driver is given.
#[derive(Serialize)]
struct Input<'a> {
    url: String,
    title: &'a str,
    harness: &'a str,
    /// Helpers and the test, as one script: they share their `let` and `const` as a page's scripts do.
    script: String,
}

/// What the driver gives: the harness's own state, and its tests.
#[derive(Deserialize)]
struct Told {
    status: u32,
    message: Option<String>,
    tests: Vec<(String, u32, Option<String>)>,
}

/// `testharness.js`: a test's status and the harness's own.
const PASSED: u32 = 0;
const STATUS: [&str; 5] = ["passed", "failed", "timed out", "not run", "precondition failed"];

struct Job {
    area: String,
    file: String,
    variant: String,
}

/// Runs what lies in the areas, every file and variant in an isolate of its own.
pub fn run(host: &Host, root: &Path, areas: &[String]) -> Result<Results, SuiteError> {
    let driver = host.compile("wpt.js", DRIVER.as_bytes()).map_err(|refused| SuiteError::Driver(refused.message))?;
    let program = Arc::new(Program { modules: vec![driver] });
    let folder = Folder::new(root);
    let harness = folder.script("", HARNESS).ok_or_else(|| SuiteError::Empty(root.join("resources")))?;
    let all: Vec<String> = reasons(AREAS).into_iter().map(|(area, _)| area.to_owned()).collect();
    let (jobs, skipped) = jobs(root, if areas.is_empty() { &all } else { areas }, areas.is_empty())?;
    let ran = pool::each(&jobs, |job| job.run(host, &program, &folder, &harness));
    Ok(Results { tests: ran.into_iter().flatten().collect(), skipped })
}

type Skipped = Vec<(String, String)>;

fn jobs(root: &Path, areas: &[String], lenient: bool) -> Result<(Vec<Job>, Skipped), SuiteError> {
    let (mut jobs, mut skipped) = (Vec::new(), Vec::new());
    let not_for_us = reasons(SKIPPED);
    for area in areas {
        let area = area.trim_end_matches('/');
        // A copy need not hold every area that is run by default.
        if lenient && !root.join(area).exists() {
            continue;
        }
        for file in files(root, area, ".any.js")? {
            let meta = Meta::read(&String::from_utf8_lossy(&read(&root.join(&file))?));
            let tentative = file.contains(".tentative.") || file.contains("/tentative/");
            let listed = not_for_us.iter().find(|(prefix, _)| file.starts_with(prefix));
            if let Some((_, reason)) = listed {
                skipped.push((file, (*reason).to_owned()));
            } else if tentative {
                skipped.push((file, "tentative: not in a standard yet".to_owned()));
            } else if !meta.is_for_an_isolate() {
                skipped.push((file, "the file is for other globals (META: global)".to_owned()));
            } else {
                let variants = if meta.variants.is_empty() { vec![String::new()] } else { meta.variants };
                let job = |variant| Job { area: area.to_owned(), file: file.clone(), variant };
                jobs.extend(variants.into_iter().map(job));
            }
        }
    }
    if jobs.is_empty() && skipped.is_empty() { Err(SuiteError::Empty(root.to_owned())) } else { Ok((jobs, skipped)) }
}

impl Job {
    fn run(&self, host: &Host, program: &Arc<Program>, folder: &Folder<'_>, harness: &str) -> Vec<TestResult> {
        let input = match self.input(folder, harness) {
            Ok(input) => input,
            Err(missing) => return vec![self.whole(Some(missing))],
        };
        match host.run(program, &input, &|request| folder.reply(request)) {
            Ended::Returned(json) => match serde_json::from_str(&json) {
                Ok(told) => self.results(told),
                Err(error) => vec![self.whole(Some(format!("the driver's answer: {error}")))],
            },
            Ended::Failed(error) => vec![self.whole(Some(format!("{}: {}", error.name, error.message)))],
            Ended::Stopped(stopped) => vec![self.whole(Some(stopped))],
        }
    }

    fn input(&self, folder: &Folder<'_>, harness: &str) -> Result<String, String> {
        let Job { file, variant, .. } = self;
        let test = folder.script("", file).ok_or("the file is gone")?;
        let meta = Meta::read(&test);
        let mut script = String::new();
        for name in &meta.scripts {
            let text = folder.script(file, name).ok_or_else(|| format!("the copy of the suite has no {name}"))?;
            script.push_str(&text);
            script.push_str("\n;\n");
        }
        script.push_str(&test);
        let url = format!("{ORIGIN}/{file}{variant}");
        let title = meta.title.as_deref().unwrap_or(file);
        serde_json::to_string(&Input { url, title, harness, script }).map_err(|error| error.to_string())
    }

    fn results(&self, told: Told) -> Vec<TestResult> {
        let harness = match told.status {
            PASSED if told.tests.is_empty() => Some("the file has no test".to_owned()),
            PASSED => None,
            status => Some(failure(status, told.message)),
        };
        let mut results: Vec<TestResult> = told
            .tests
            .into_iter()
            .map(|(name, status, message)| {
                let key = format!("{}: {name}", self.name());
                TestResult::new(key, &self.area, (status != PASSED).then(|| failure(status, message)))
            })
            .collect();
        // That the harness itself ended well is no test of its own; that it did not is a failure.
        results.extend(harness.map(|message| self.whole(Some(message))));
        results
    }

    fn whole(&self, failure: Option<String>) -> TestResult {
        TestResult::new(format!("{}: (harness)", self.name()), &self.area, failure)
    }

    fn name(&self) -> String {
        format!("{}{}", self.file, self.variant)
    }
}

fn failure(status: u32, message: Option<String>) -> String {
    match message {
        Some(message) if !message.is_empty() => message,
        _ => STATUS.get(status as usize).copied().unwrap_or("unknown status").to_owned(),
    }
}
