//! What of the web platform tests lies in `wpt/` fails where `known/wpt.txt` says so, and nowhere else.

use crate::{HOST, folder};
use mayfly_conformance::known::Known;
use mayfly_conformance::wpt;

#[test]
fn what_is_checked_in_passes_but_for_what_is_recorded() {
    let results = wpt::run(&HOST, &folder().join("wpt"), &[]).expect("the tests are there");
    let passed = results.tests.iter().filter(|test| test.failure.is_none()).count();
    assert!(passed > 4_000, "only {passed} subtests passed");
    let known = Known::of("wpt").expect("the list is there");
    let difference = known.difference(&results.tests);
    assert!(difference.new.is_empty(), "fail, and are not recorded: {:#?}", difference.new);
    assert!(difference.fixed.is_empty(), "are recorded, and pass: {:#?}", difference.fixed);
}

#[test]
fn the_lists_are_sorted_and_without_doubles() {
    for suite in ["wpt", "test262"] {
        let text = std::fs::read_to_string(folder().join(format!("known/{suite}.txt"))).expect("a list");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.is_sorted_by(|a, b| a < b), "known/{suite}.txt is not as --update writes it");
    }
}
