//! In: tables of scripts. Out: for each form, fence and feature what becomes of it, as one row.
//! May touch: nothing. Whitespace of the output is collapsed, so that a row is one line.
//! Security boundary: no.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mayfly_transpiler::{Refused, transpile, transpile_bytes};

fn js(name: &str, source: &str) -> String {
    let done = transpile(name, source).unwrap_or_else(|refused| panic!("{source:?} was refused: {refused:?}"));
    done.javascript.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn check(rows: &[(&str, &str)]) {
    for (source, expected) in rows {
        assert_eq!(js("main.ts", source), *expected, "from {source:?}");
    }
}

fn refused(name: &str, source: &str) -> Refused {
    match transpile(name, source) {
        Ok(done) => panic!("{source:?} was taken: {}", done.javascript),
        Err(refused) => refused,
    }
}

#[test]
fn a_default_export_is_what_it_is() {
    check(&[
        ("export default async function (input) { return 1 }", "export default async function(input) { return 1; }"),
        ("export default async (a: number): Promise<void> => {}", "export default async (a) => {};"),
        ("const x = () => 1; export { x as default }", "const x = () => 1; export { x as default };"),
        ("export { default } from './other.ts'", "export { default } from \"./other.ts\";"),
        (
            "export default { async fetch(r: Request) { return r } } satisfies Handler",
            "export default { async fetch(r) { return r; } };",
        ),
        ("console.log(1); export default () => 2", "console.log(1); export default () => 2;"),
        ("export default interface X {}\n1 + 1", "export default async function(input) { return 1 + 1; }"),
    ]);
}

#[test]
fn a_clear_entry_among_named_exports_becomes_the_default() {
    check(&[
        (
            "export async function main(i: any) { return i }",
            "export async function main(i) { return i; } export { main as default };",
        ),
        (
            "function helper() {} export const run = async () => helper()",
            "function helper() {} export const run = async () => helper(); export { run as default };",
        ),
        (
            "export function a() {} export function handler() {}",
            "export function a() {} export function handler() {} export { handler as default };",
        ),
        ("function main() {} export { main }", "function main() {} export { main }; export { main as default };"),
        ("export function a() {} export function b() {}", "export function a() {} export function b() {}"),
        ("export function fetch() {}", "export function fetch() {}"),
        ("setup(); export function main() {}", "setup(); export function main() {}"),
        ("export const x = 1", "export const x = 1;"),
        ("export * from './x.ts'", "export * from \"./x.ts\";"),
    ]);
}

#[test]
fn one_function_is_the_default_export() {
    check(&[
        ("async () => { return 1 }", "export default async () => { return 1; };"),
        ("x => x;", "export default (x) => x;"),
        ("(async (input: { a: 1 }) => input.a);", "export default (async (input) => input.a);"),
        ("async function (input: any) { return 1 }", "export default (async function(input) { return 1; });"),
        ("function () { return 1 };", "export default (function() { return 1; });"),
        ("(async function main() {})", "export default (async function main() {});"),
        ("async function main(input) { return 1 }", "export default async function main(input) { return 1; }"),
        ("const main = async () => 1", "const main = async () => 1; export { main as default };"),
        (
            "type A = 1; import { x } from './x'; async () => x",
            "import { x } from \"./x\"; export default async () => x;",
        ),
        ("(async () => 1) as Handler", "export default (async () => 1);"),
        ("({ async run(input) { return 1 } })", "export default { async run(input) { return 1; } };"),
        ("({ fetch: (r: Request) => r })", "export default { fetch: (r) => r };"),
        (
            "function f(a: 1): 1; function f(a: 2): 2; function f(a: any) { return a }",
            "export default function f(a) { return a; }",
        ),
        ("// why\nasync () => 1 // because", "export default async () => 1;"),
    ]);
}

#[test]
fn an_uncalled_main_among_declarations_is_the_default_export() {
    check(&[
        (
            "const N = 1; function helper() {} async function main() {}",
            "const N = 1; function helper() {} async function main() {} export { main as default };",
        ),
        ("function a() {} function b() {}", "export default async function(input) { function a() {} function b() {} }"),
        (
            "async function main() {} await main()",
            "export default async function(input) { let $at0 = 0; try { async function main() {} return await ($at0 = 16777242, main()); } catch ($thrown0) \
             { throw __mayfly_async_frame($thrown0, $at0, \"default\", \"main.ts\", 16777217, 16777254); } }",
        ),
    ]);
}

#[test]
fn bare_statements_become_a_function_that_returns_the_last_expression() {
    check(&[
        ("", "export default async function(input) {}"),
        ("// nothing", "export default async function(input) {}"),
        ("1 + 1", "export default async function(input) { return 1 + 1; }"),
        ("\"hello\"", "export default async function(input) { return \"hello\"; }"),
        ("'use strict'; 2", "export default async function(input) { return 2; }"),
        ("return 1", "export default async function(input) { return 1; }"),
        (
            "const a = await f(); a;;",
            "export default async function(input) { let $at0 = 0; try { const a = await ($at0 = 16777227, f()); return a; } catch ($thrown0) \
             { throw __mayfly_async_frame($thrown0, $at0, \"default\", \"main.ts\", 16777217, 16777241); } }",
        ),
        (
            "import { a } from './a'; const b = a(); b",
            "import { a } from \"./a\"; export default async function(input) { const b = a(); return b; }",
        ),
        ("(async () => 1)()", "export default async function(input) { return (async () => 1)(); }"),
        (
            "const h = 1\nasync () => h",
            "export default async function(input) { const h = 1; return (async () => h)(input); }",
        ),
        (
            "const h = 1\nasync function (i) { return h }",
            "export default async function(input) { const h = 1; return async function(i) { return h; }(input); }",
        ),
        ("function foo() {} foo", "export default async function(input) { function foo() {} return foo(input); }"),
        (
            "const foo = () => 1, b = 2; b",
            "export default async function(input) { const foo = () => 1, b = 2; return b; }",
        ),
        (
            "await go(); async function go() {}",
            "export default async function(input) { let $at0 = 0; try { return await ($at0 = 16777217, go()); async function go() {} } catch ($thrown0) \
             { throw __mayfly_async_frame($thrown0, $at0, \"default\", \"main.ts\", 16777217, 16777251); } }",
        ),
        ("x.y = 1; type T = string", "export default async function(input) { return x.y = 1; }"),
        ("if (a) { return 1 } else { 2 }", "export default async function(input) { if (a) { return 1; } else { 2; } }"),
        ("try { a() } catch {}", "export default async function(input) { try { a(); } catch {} }"),
        (
            "for await (const x of y) f(x)",
            "export default async function(input) { let $at0 = 0; try { for await (const x of ($at0 = 16777217, y)) f(x); } catch ($thrown0) \
             { throw __mayfly_async_frame($thrown0, $at0, \"default\", \"main.ts\", 16777217, 16777246); } }",
        ),
        ("throw new Error('x')", "export default async function(input) { throw new Error(\"x\"); }"),
        (
            "export {}; await f()",
            "export default async function(input) { let $at0 = 0; try { return await ($at0 = 16777228, f()); } catch ($thrown0) \
             { throw __mayfly_async_frame($thrown0, $at0, \"default\", \"main.ts\", 16777217, 16777237); } }",
        ),
        (
            "const { a } = await import('lodash'); a",
            "export default async function(input) { let $at0 = 0; try { const { a } = await ($at0 = 16777231, import(\"lodash\")); return a; } catch ($thrown0) \
             { throw __mayfly_async_frame($thrown0, $at0, \"default\", \"main.ts\", 16777217, 16777256); } }",
        ),
        ("using x = f(); x.y", "export default async function(input) { using x = f(); return x.y; }"),
        ("#!/usr/bin/env mayfly\n1", "export default async function(input) { return 1; }"),
    ]);
}

#[test]
fn a_script_with_an_input_of_its_own_keeps_it() {
    check(&[
        ("const input = 1; input", "export default async function() { const input = 1; return input; }"),
        ("const { input } = a; input", "export default async function() { const { input } = a; return input; }"),
        (
            "import input from './x'; input",
            "import input from \"./x\"; export default async function() { return input; }",
        ),
        ("class input {}; 1", "export default async function() { class input {} return 1; }"),
        ("var input = input ?? 1", "export default async function(input) { var input = input ?? 1; }"),
        ("{ let input = 1 } input", "export default async function(input) { { let input = 1; } return input; }"),
    ]);
}

#[test]
fn typescript_becomes_javascript() {
    check(&[
        (
            "let v = x as any as B; v!.foo satisfies C; <D>v",
            "export default async function(input) { let v = x; v.foo; return v; }",
        ),
        ("export const f = <T,>(x: T): x is T => true, g = 1", "export const f = (x) => true, g = 1;"),
        (
            "enum C { A, B = 'b' } C.A",
            "export default async function(input) { var C = function(C) { C[C[\"A\"] = 0] = \"A\"; C[\"B\"] = \"b\"; return C; }(C || {}); return C.A; }",
        ),
        (
            "export const enum C { A = 1 << 3 }",
            "export let C = function(C) { C[C[\"A\"] = 8] = \"A\"; return C; }({});",
        ),
        (
            "const z = 1; namespace N { export const y = z } N.y",
            "export default async function(input) { const z = 1; let N; (function(_N) { const y = _N.y = z; })(N || (N = {})); return N.y; }",
        ),
        ("namespace Types { export type A = 1 } 1", "export default async function(input) { return 1; }"),
        (
            "export class P { constructor(private x: number, readonly y = 2) {} }",
            "export class P { x; y; constructor(x, y = 2) { this.x = x; this.y = y; } }",
        ),
        (
            "export abstract class A<T> extends B<T> implements C { abstract f(): void; declare g: 1; h!: 2; override i?: 3 }",
            "export class A extends B { h; i; }",
        ),
        (
            "import type { A } from 'a'; import { type B, c } from './b'; import { D } from 'd'; let x: D; c(x)",
            "import { c } from \"./b\"; export default async function(input) { let x; return c(x); }",
        ),
        (
            "import '../side-effect'; export type X = 1; export const y = 1",
            "import \"../side-effect\"; export const y = 1;",
        ),
        (
            "declare const tools: any; declare global { var q: 1 } tools.x()",
            "export default async function(input) { return tools.x(); }",
        ),
        ("import A = N.B; A.c", "export default async function(input) { var A = N.B; return A.c; }"),
        (
            "export function f(this: X, a?: 1) {} export const b = 1",
            "export function f(a) {} export const b = 1; export { f as default };",
        ),
    ]);
    // In TypeScript an unused import is a type, in JavaScript it may be there for its effects.
    assert_eq!(js("a.ts", "import { x } from 'x'; export const y = 1"), "export const y = 1;");
    assert_eq!(
        js("a.mjs", "import { x } from './x'; export const y = 1"),
        "import { x } from \"./x\"; export const y = 1;"
    );
}

#[test]
fn the_code_of_a_chat_message_is_found() {
    let one = "export default async function(input) { return 1; }";
    check(&[
        ("```ts\nreturn 1\n```", one),
        ("```typescript\r\nreturn 1\r\n```\r\n", one),
        ("\n  ```\n  return 1\n  ```\n", one),
        ("Here is the code:\n\n```js\nreturn 1\n```\nIt returns 1.", one),
        ("Done:\n```js\nreturn 1\n```", one),
        ("~~~javascript\nreturn 1\n~~~", one),
        ("````ts title=\"a.ts\"\nreturn 1\n````", one),
        ("```TypeScript\nreturn 1", one),
        ("First install:\n```sh\nnpm i\n```\nthen:\n```ts\nreturn 1\n```\nor\n```ts\nreturn 2\n```", one),
        ("```{.ts}\nreturn 1\n```", one),
        ("\u{feff}```ts\nreturn 1\n```", one),
        ("Größe \u{1f600}:\n```ts\nreturn 1\n```", one),
        ("/*\n```js\nexample()\n```\n*/\nreturn 1", one),
        ("Look at src/** first:\n```ts\nreturn 1 /* one */\n```", one),
        ("\u{feff}return 1", one),
        ("return `a\\`\\`\\`b`", "export default async function(input) { return `a\\`\\`\\`b`; }"),
    ]);
}

#[test]
fn what_is_no_script_is_refused_with_its_place() {
    let rows: &[(&str, &str, u32, u32)] = &[
        ("const a = [1, 2;", "Expected \",\" or \"]\" but found \";\"", 1, 16),
        ("foo(", "Expected \")\" but found the end of the script", 1, 5),
        ("const a = 1;\nconst = 2", "Unexpected token \"=\"", 2, 7),
        ("let a = 1;\nlet a = 2;", "Identifier \"a\" has already been declared", 2, 5),
        ("const s = 'open", "Unterminated string", 1, 11),
        ("\u{1f600}", "Invalid Character \"\u{1f600}\"", 1, 1),
        ("f('\u{1f600}', ]", "Unexpected token \"]\"", 1, 9),
        ("1\r\n2\r3\n)", "Unexpected token \")\"", 4, 1),
        (
            "function f() { await x }",
            "\"await\" is only allowed within async functions and at the top levels of modules",
            1,
            16,
        ),
        ("Sure!\n```ts\nlet x = ;\n```", "Unexpected token \";\"", 3, 9),
        ("export const a = 1;\nreturn a", "`return` at the top level works only in a script without exports", 2, 1),
        ("const el = <div>hi</div>", "JSX is not supported; scripts have no element runtime", 1, 12),
        ("  @dec class A {}", "decorators are not supported; call the function on the class or method instead", 1, 3),
        (
            "class A {\n  @dec() m() {}\n}",
            "decorators are not supported; call the function on the class or method instead",
            2,
            3,
        ),
        ("class A { accessor x = 1 }", "`accessor` fields are not supported; write a getter and a setter", 1, 11),
        ("import a = require('./a')", "`import ... = require(...)` is CommonJS; write `import ... from \"...\"`", 1, 1),
        ("import fs = require('fs')", "", 1, 1),
        ("const a = 1;\nexport = a", "`export =` is CommonJS; write `export default`", 2, 1),
        ("a\nb\0c", "NUL character in the source; write `\\0` in a string", 2, 2),
        ("if (x) function () {}", "Expected function name", 1, 17),
        ("/*\n```js\nexample()\n```\n*/\nlet x = ;", "Unexpected token \";\"", 6, 9),
        ("let x = ;\n/**\n```js\nexample()\n```\n*/", "Unexpected token \";\"", 1, 9),
        ("this is not code", "", 1, 5),
    ];
    for (source, message, line, column) in rows {
        let refused = refused("main.ts", source);
        assert_eq!(
            (refused.name, refused.line, refused.column),
            ("SyntaxError", *line, *column),
            "{source:?}: {refused:?}"
        );
        if !message.is_empty() {
            assert_eq!(refused.message, *message, "{source:?}");
        }
    }
    assert_eq!(
        refused("view.tsx", "export default () => <b/>").message,
        "JSX is not supported; scripts have no element runtime"
    );
}

#[test]
fn an_import_that_nothing_can_answer_is_refused_at_its_place_with_what_to_use_instead() {
    let rows = [
        ("const a = 1\nimport _ from 'lodash'\n_.chunk([a])", "Object.groupBy", 2, 15),
        ("import fs from \"node:fs/promises\"; fs.readFile('x')", "no files", 1, 16),
        ("import axios from 'axios'\nexport default () => axios.get('x')", "`fetch`", 1, 19),
        ("import 'dotenv/config'; 1", "no environment", 1, 8),
        ("export { x } from 'somewhere'", "relative path", 1, 19),
        ("export * from 'https://esm.sh/zod'", "plain JavaScript", 1, 15),
        ("import fs = require('fs')", "no files", 1, 1),
    ];
    for (source, advice, line, column) in rows {
        let refused = refused("main.ts", source);
        assert!(refused.message.contains(advice), "{source:?}: {}", refused.message);
        assert_eq!((refused.line, refused.column), (line, column), "{source:?}: {refused:?}");
    }
    // Types are no imports, and an import() is answered when it is called.
    assert_eq!(
        js("main.ts", "import { z } from 'zod'; let x: z.T; x"),
        "export default async function(input) { let x; return x; }"
    );
    js("main.ts", "await import('lodash').catch(() => 1)");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let rows: [(&[u8], &str, u32, u32); 4] = [
        (b"\0asm\x01\0\0\0", "not source text: this is a WebAssembly module", 1, 1),
        (b"\x18\x02\x05main", "not source text: this is binary data", 1, 1),
        (b"let a\n  \xff", "not source text: not UTF-8", 2, 3),
        (b"\x00", "not source text: this is binary data", 1, 1),
    ];
    for (source, message, line, column) in rows {
        let refused = transpile_bytes("main.ts", source).expect_err("no text");
        assert_eq!((refused.message.as_str(), refused.line, refused.column), (message, line, column));
    }
    assert!(transpile_bytes("main.ts", b"\n\t1").is_ok());
}

#[test]
fn an_answer_frame_carries_either_side() {
    let ask = |source: &[u8]| {
        let mut frame = Vec::new();
        mayfly_abi::Source { name: "main.ts", source, map: b"" }.write(&mut frame);
        mayfly_transpiler::answer(&frame)
    };
    let good = ask(b"1");
    let good = mayfly_abi::Answer::read(&good).unwrap();
    assert!(good.ok && good.first.starts_with(b"export default") && good.second.starts_with(b"{\"version\":3"));
    let bad = ask(b"let \"x\"");
    let bad = mayfly_abi::Answer::read(&bad).unwrap();
    let error: serde_json::Value = serde_json::from_slice(bad.first).unwrap();
    assert!(!bad.ok && bad.second.is_empty());
    assert_eq!((&error["name"], &error["line"], &error["column"]), (&"SyntaxError".into(), &1.into(), &5.into()));
    assert!(!mayfly_abi::Answer::read(&mayfly_transpiler::answer(b"junk")).unwrap().ok);
}
