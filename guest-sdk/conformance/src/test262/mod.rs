//! In: a copy of test262, and paths below its `test`. Out: a result for every file that the engine means to pass.
//! May touch: the suite's folder, reading only; isolates.
//! Security boundary: no.

mod frontmatter;
mod modules;

use crate::host::{Ended, Host, Refused};
use crate::pool;
use crate::suite::{Results, SuiteError, TestResult, files, read, reasons};
use frontmatter::Frontmatter;
use mayfly::isolate::{Module, Program};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

const DRIVER: &str = include_str!("../../js/test262.js");
const DRIVER_NAME: &str = "mayfly-driver.js";
/// Features and paths that are not run, each with the reason.
const SKIPPED: &str = include_str!("../../known/test262-skipped.txt");

/// What the driver is given.
#[derive(Serialize)]
struct Input<'a> {
    harness: Vec<&'a str>,
    script: Option<String>,
    module: Option<&'a str>,
    wait: bool,
}

/// What the driver gives: the name of what was thrown, or of nothing.
#[derive(Deserialize, Default)]
struct Told {
    thrown: Option<String>,
    message: Option<String>,
}

struct Suite {
    harness: HashMap<String, String>,
    driver: Arc<Program>,
    folder: std::path::PathBuf,
}

/// Runs each file in every mode that it asks for; a file fails when one mode does.
pub fn run(host: &Host, root: &Path, parts: &[String]) -> Result<Results, SuiteError> {
    let driver = host.compile(DRIVER_NAME, DRIVER.as_bytes()).map_err(|refused| SuiteError::Driver(refused.message))?;
    let folder = root.join("test");
    let suite = Suite { harness: harness(root)?, driver: Arc::new(Program { modules: vec![driver] }), folder };
    let everything = [String::new()];
    let mut names = Vec::new();
    for part in if parts.is_empty() { everything.as_slice() } else { parts } {
        names.extend(files(&suite.folder, part, ".js")?);
    }
    names.retain(|name| !name.ends_with("_FIXTURE.js"));
    if names.is_empty() {
        return Err(SuiteError::Empty(suite.folder));
    }
    let ran = pool::each(&names, |name| suite.run(host, name));
    let mut results = Results::default();
    ran.into_iter().for_each(|one| results.extend(one));
    Ok(results)
}

/// The harness, with what its files declare by `let`, `const` and `class` at the top declared by `var`: each file is
/// evaluated by an `eval` of its own, and only that outlives it.
fn harness(root: &Path) -> Result<HashMap<String, String>, SuiteError> {
    let folder = root.join("harness");
    let mut found = HashMap::new();
    for name in files(&folder, "", ".js")? {
        let source = String::from_utf8_lossy(&read(&folder.join(&name))?).into_owned();
        found.insert(name, source.lines().map(outliving).collect::<Vec<_>>().join("\n"));
    }
    Ok(found)
}

fn outliving(line: &str) -> String {
    if let Some(rest) = line.strip_prefix("const ").or_else(|| line.strip_prefix("let ")) {
        return format!("var {rest}");
    }
    match line.strip_prefix("class ").and_then(|rest| rest.split([' ', '{']).next()) {
        Some(name) => format!("var {name} = {line}"),
        None => line.to_owned(),
    }
}

/// Why a file is not run, if it is not.
fn skipped(name: &str, head: &Frontmatter) -> Option<&'static str> {
    let applies = |entry: &str| match entry.strip_prefix("feature:") {
        Some(feature) => head.features.iter().any(|known| known == feature),
        None => name.starts_with(entry),
    };
    reasons(SKIPPED).into_iter().find(|(entry, _)| applies(entry)).map(|(_, reason)| reason)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Sloppy,
    Strict,
    Module,
}

impl Suite {
    fn run(&self, host: &Host, name: &str) -> Results {
        let source = match read(&self.folder.join(name)) {
            Ok(source) => String::from_utf8_lossy(&source).into_owned(),
            Err(error) => return one(name, Some(error.to_string())),
        };
        let head = Frontmatter::read(&source);
        if let Some(reason) = skipped(name, &head) {
            return Results { tests: Vec::new(), skipped: vec![(name.to_owned(), reason.to_owned())] };
        }
        let failure = modes(&head).iter().find_map(|mode| {
            let failure = self.run_in(host, name, &source, &head, *mode)?;
            Some(if *mode == Mode::Strict { format!("strict mode: {failure}") } else { failure })
        });
        one(name, failure)
    }

    fn run_in(&self, host: &Host, name: &str, source: &str, head: &Frontmatter, mode: Mode) -> Option<String> {
        let base = name.rsplit_once('/').map_or(name, |(_, base)| base);
        let main = (mode == Mode::Module).then(|| host.compile(base, source.as_bytes())).transpose();
        let main = match main {
            Ok(main) => main,
            Err(refused) => return judge_refusal(head, &refused),
        };
        let harness = match self.includes(head) {
            Ok(harness) => harness,
            Err(missing) => return Some(format!("the copy of the suite has no harness/{missing}")),
        };
        let script = match mode {
            Mode::Sloppy => Some(source.to_owned()),
            Mode::Strict => Some(format!("\"use strict\";\n{source}")),
            Mode::Module => None,
        };
        let module = (mode == Mode::Module).then_some(base);
        let input = Input { harness, script, module, wait: head.has("async") };
        let input = serde_json::to_string(&input).unwrap_or_default();
        let program = self.program(host, name, source, main);
        judge(head, host.run(&program, &input, &|_| None))
    }

    /// The driver, and behind it the modules that the test can import.
    fn program(&self, host: &Host, name: &str, source: &str, main: Option<Module>) -> Arc<Program> {
        let imported = modules::imported(host, &self.folder.join(name), source, main.is_some());
        if main.is_none() && imported.is_empty() {
            return self.driver.clone();
        }
        let driver = self.driver.modules.iter().map(copy);
        Arc::new(Program { modules: driver.chain(main).chain(imported).collect() })
    }

    fn includes(&self, head: &Frontmatter) -> Result<Vec<&str>, String> {
        if head.has("raw") {
            return Ok(Vec::new());
        }
        let always = ["assert.js", "sta.js"].into_iter();
        let named = head.includes.iter().map(String::as_str);
        always.chain(named).map(|name| self.harness.get(name).map(String::as_str).ok_or(name.to_owned())).collect()
    }
}

fn modes(head: &Frontmatter) -> &'static [Mode] {
    if head.has("module") {
        &[Mode::Module]
    } else if head.has("raw") || head.has("noStrict") {
        &[Mode::Sloppy]
    } else if head.has("onlyStrict") {
        &[Mode::Strict]
    } else {
        &[Mode::Sloppy, Mode::Strict]
    }
}

fn one(name: &str, failure: Option<String>) -> Results {
    let area: Vec<&str> = name.split('/').take(2).collect();
    Results { tests: vec![TestResult::new(name.to_owned(), &area.join("/"), failure)], skipped: Vec::new() }
}

fn copy(module: &Module) -> Module {
    let Module { name, bytecode, source } = module;
    Module { name: name.clone(), bytecode: bytecode.clone(), source: source.clone() }
}

fn judge_refusal(head: &Frontmatter, refused: &Refused) -> Option<String> {
    judge_thrown(head, Some(refused.name.clone()), &refused.message)
}

fn judge(head: &Frontmatter, ended: Ended) -> Option<String> {
    match ended {
        Ended::Returned(json) => match serde_json::from_str::<Option<Told>>(&json).map(Option::unwrap_or_default) {
            Ok(told) => judge_thrown(head, told.thrown, &told.message.unwrap_or_default()),
            Err(error) => Some(format!("the driver's answer: {error}")),
        },
        // An error in linking comes before the driver runs.
        Ended::Failed(error) => judge_thrown(head, Some(error.name), &error.message),
        Ended::Stopped(stopped) => Some(stopped),
    }
}

fn judge_thrown(head: &Frontmatter, thrown: Option<String>, message: &str) -> Option<String> {
    match (&head.negative, thrown) {
        (None, None) => None,
        (None, Some(name)) => Some(format!("{name}: {message}")),
        (Some(expected), None) => Some(format!("{} was expected in the phase {}", expected.error, expected.phase)),
        (Some(expected), Some(name)) if expected.error == name => None,
        (Some(expected), Some(name)) => Some(format!("{} was expected, but {name}: {message}", expected.error)),
    }
}
