//! In: scripts in every form, with marks. Out: the certainty that each mark in the output maps back to where it stood.
//! May touch: nothing.
//! Security boundary: no.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mayfly_transpiler::transpile;
use oxc_sourcemap::SourceMap;

/// Line and column from 0 of a byte offset, columns in UTF-16.
fn place(text: &str, offset: usize) -> (u32, u32) {
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() as u32, before[start..].encode_utf16().count() as u32)
}

/// Every occurrence of a mark in the output maps exactly to the occurrence in the source.
fn check(source: &str, marks: &[&str]) {
    let done = transpile("main.ts", source).unwrap_or_else(|refused| panic!("{source:?}: {refused:?}"));
    let map = SourceMap::from_json_string(&done.map).unwrap();
    assert_eq!(map.get_sources().collect::<Vec<_>>(), ["main.ts"]);
    assert!(!done.map.contains("sourcesContent"));
    let table = map.generate_lookup_table();
    let text = source.strip_prefix('\u{feff}').unwrap_or(source);
    for mark in marks {
        let generated = place(&done.javascript, done.javascript.find(mark).unwrap_or_else(|| panic!("{mark} is gone")));
        let token = map.lookup_token(&table, generated.0, generated.1).unwrap();
        let found = (token.get_src_line(), token.get_src_col());
        assert_eq!(found, place(text, text.find(mark).unwrap()), "{mark} in {source:?}\n{}", done.javascript);
    }
}

#[test]
fn every_form_maps_back() {
    check(
        "type A = 1;\nexport default async (input: A) => {\n  throw new Error(markOne)\n}",
        &["throw", "new Error", "markOne"],
    );
    check("interface A {}\n\nasync (input: A) => {\n\n  markOne(); throw markTwo }", &["markOne", "throw", "markTwo"]);
    check("\n\nasync function (input: any) {\n  return markOne(markTwo)\n}", &["return", "markOne", "markTwo"]);
    check("async function main(input: any) {\n  markOne.markTwo()\n}", &["markOne", "markTwo"]);
    check("const main = async (input: any) => {\n  markOne.markTwo()\n}", &["markOne", "markTwo"]);
    check("const a: number = 1\nif (a) {\n   markOne()\n}\n  markTwo.then(a)", &["if", "markOne", "markTwo"]);
    check("function help() {}\n\nasync (x: any) => { markOne(x) }", &["help", "markOne"]);
    check("import { x } from './x'\nenum E { A }\n   throw x(markOne)", &["throw", "markOne"]);
    check("namespace N {\n  export const y = 1;\n  markOne()\n}\nmarkTwo(N)", &["markOne", "markTwo"]);
    check(
        "class A {\n  constructor(private x: number) { markOne() }\n}\nnew A(markTwo)",
        &["markOne", "new A", "markTwo"],
    );
}

#[test]
fn fences_marks_and_wide_characters_do_not_shift() {
    check("Sure, für dich \u{1f600}:\r\n\r\n```ts\r\nconst a: any = 1\r\n  markOne(a)\r\n```\r\nDone", &["markOne"]);
    check("- a list\n  ```ts\n  markOne(markTwo)\n  ```\n", &["markOne", "markTwo"]);
    check("\u{feff}  markOne(markTwo)", &["markOne", "markTwo"]);
    check("const s = '\u{1f600}ä'; markOne(s)", &["markOne"]);
    check("#!/usr/bin/env mayfly\nmarkOne()", &["markOne"]);
}

#[test]
fn moderate_nesting_parses() {
    for (open, close) in [("[", "]"), ("(", ")"), ("{a:", "}"), ("`${", "}`"), ("()=>", "")] {
        let source = format!("const x = {}1{}; x", open.repeat(100), close.repeat(100));
        assert!(transpile("main.ts", &source).is_ok(), "{open}");
    }
}
