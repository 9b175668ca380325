//! The runner itself: what fails, hangs, throws or was fixed is told, and time costs nothing.

use crate::{HOST, folder};
use mayfly_conformance::known::Known;
use mayfly_conformance::suite::{Results, TestResult};
use mayfly_conformance::{test262, wpt};
use std::path::Path;
use std::time::{Duration, Instant};

/// A suite of one file, with the harness that is checked in.
fn suite_of(source: &str) -> tempfile::TempDir {
    let suite = tempfile::tempdir().expect("a folder");
    let harness = "resources/testharness.js";
    write(suite.path(), harness, &std::fs::read_to_string(folder().join("wpt").join(harness)).expect("the harness"));
    write(suite.path(), "area/one.any.js", source);
    suite
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

fn told(source: &str) -> Vec<(String, Option<String>)> {
    let suite = suite_of(source);
    let results = wpt::run(&HOST, suite.path(), &["area".to_owned()]).expect("it runs");
    results.tests.into_iter().map(|test| (test.key.replace("area/one.any.js", "one"), test.failure)).collect()
}

fn failure(told: &[(String, Option<String>)], key: &str) -> String {
    let found = told.iter().find(|(known, _)| known == key).unwrap_or_else(|| panic!("no {key} in {told:?}"));
    found.1.clone().unwrap_or_default()
}

#[test]
fn each_subtest_is_told_by_its_name() {
    let told = told("test(() => {}, 'good'); test(() => assert_equals(1, 2), 'bad');");
    assert_eq!(failure(&told, "one: good"), "");
    assert!(failure(&told, "one: bad").contains("expected 2 but got 1"), "{told:?}");
}

#[test]
fn a_subtest_that_hangs_does_not_pass_and_does_not_wait() {
    let began = Instant::now();
    let told = told(
        "promise_test(() => new Promise(() => {}), 'never');
         promise_test(() => new Promise((done) => setTimeout(done, 86_400_000)), 'after');",
    );
    assert!(!failure(&told, "one: never").is_empty(), "{told:?}");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn a_day_of_timers_passes_in_no_time() {
    let began = Instant::now();
    let told = told("promise_test(() => new Promise((done) => setTimeout(done, 86_400_000)), 'a day');");
    assert_eq!(failure(&told, "one: a day"), "");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn a_file_that_throws_or_has_no_test_fails_as_a_whole() {
    assert!(failure(&told("throw new TypeError('broken');"), "one: (harness)").contains("broken"));
    assert!(!failure(&told("const nothing = 1;"), "one: (harness)").is_empty());
    assert!(!failure(&told("while (true);"), "one: (harness)").is_empty());
}

#[test]
fn a_file_for_other_globals_is_not_run() {
    let suite = suite_of("// META: global=window\ntest(() => {}, 'x');");
    let results = wpt::run(&HOST, suite.path(), &["area".to_owned()]).expect("it runs");
    assert_eq!((results.tests.len(), results.skipped.len()), (0, 1));
}

#[test]
fn a_list_is_broken_by_new_failures_and_by_old_ones_that_pass() {
    let known = Known::from_text("a.js: fails\nb.js: was fixed\nc.js: not in this copy\n");
    let result = |key: &str, failure: Option<&str>| TestResult::new(key.into(), "", failure.map(str::to_owned));
    let results =
        [result("a.js: fails", Some("why")), result("b.js: was fixed", None), result("d.js: is new", Some("why"))];
    let difference = known.difference(&results);
    assert_eq!(difference.new.iter().map(|test| test.key.as_str()).collect::<Vec<_>>(), ["d.js: is new"]);
    assert_eq!(difference.fixed, ["b.js: was fixed"]);
}

/// A copy of test262 with a harness of two functions and these tests.
fn test262_of(tests: &[(&str, &str)]) -> Results {
    let suite = tempfile::tempdir().expect("a folder");
    write(suite.path(), "harness/assert.js", "function assert(good) { if (!good) throw new Test262Error('assert'); }");
    write(suite.path(), "harness/sta.js", "class Test262Error extends Error {}");
    for (name, source) in tests {
        write(suite.path(), &format!("test/{name}"), source);
    }
    test262::run(&HOST, suite.path(), &[]).expect("it runs")
}

fn passes(source: &str) -> bool {
    let results = test262_of(&[("a/b/one.js", source)]);
    matches!(results.tests.as_slice(), [test] if test.failure.is_none())
}

#[test]
fn a_test_runs_in_the_modes_that_it_asks_for() {
    let sloppy = "assert((function () { return this; })() === globalThis);";
    assert!(!passes(sloppy), "a test without flags runs in strict mode too");
    assert!(passes(&format!("/*---\nflags: [noStrict]\n---*/\n{sloppy}")));
    let strict = "assert((function () { return this; })() === undefined);";
    assert!(passes(&format!("/*---\nflags: [onlyStrict]\n---*/\n{strict}")));
    assert!(passes(&format!("/*---\nflags: [module]\n---*/\n{strict}\nimport.meta;")));
}

#[test]
fn an_expected_error_must_come_and_be_of_its_kind() {
    let head = "/*---\nnegative:\n  phase: parse\n  type: SyntaxError\n---*/\n";
    assert!(passes(&format!("{head}let x; let x;")));
    assert!(!passes(&format!("{head}let x;")));
    assert!(!passes(&format!("{head}throw new TypeError();")));
}

#[test]
fn an_asynchronous_test_must_say_that_it_is_done() {
    let head = "/*---\nflags: [async]\n---*/\n";
    assert!(passes(&format!("{head}Promise.resolve().then(() => $DONE());")));
    assert!(!passes(&format!("{head}Promise.resolve().then(() => $DONE(new Error('x')));")));
    assert!(!passes(head));
}

#[test]
fn modules_find_their_neighbours() {
    let test = "/*---\nflags: [module]\n---*/\nimport { x } from './x_FIXTURE.js'; assert(x === 1);";
    let results = test262_of(&[("a/b/one.js", test), ("a/b/x_FIXTURE.js", "export const x = 1;")]);
    assert!(matches!(results.tests.as_slice(), [test] if test.failure.is_none()), "{:?}", results.tests);
}
