//! What scripts see of what they log: values as Node shows them, and the other members of `console`.

use crate::harness::script::{ORIGIN, logs, result, run_with};
use mayfly::limits::{DEFAULTS, Limits, MIB};

/// Expressions and what Node 20 makes of them, with the depth of Mayfly: `node runtime/tests/tables/node.mjs`.
const AS_NODE: &str = include_str!("../tables/console.txt");

/// Gives an error the same stack everywhere.
const AT: &str = "const at = (error) => { error.stack = error.stack.split('\\n    at ')[0] + '\\n    at f (main.ts:1:2)'; return error };";

#[test]
fn values_are_shown_as_node_shows_them() {
    let rows: Vec<(&str, String)> = AS_NODE
        .lines()
        .map(|row| row.split_once('\t').expect("an expression and its text"))
        .map(|(expression, text)| (expression, serde_json::from_str(text).expect("JSON")))
        .collect();
    assert!(rows.len() > 75, "{} rows", rows.len());
    let values: String = rows.iter().map(|(expression, _)| format!("console.log(({expression}));\n")).collect();
    let limits = Limits { log_lines: 1_000, log_bytes: MIB, ..DEFAULTS };
    let outcome = run_with(&format!("{AT}\n{values}"), "null", &limits, ORIGIN);
    let shown: Vec<String> = outcome.logs.lines.into_iter().map(|line| line.text).collect();
    assert_eq!(shown.len(), rows.len(), "{:?}", outcome.result);
    for ((expression, expected), shown) in rows.iter().zip(&shown) {
        assert_eq!(shown, expected, "{expression}");
    }
}

#[test]
fn format_marks_are_replaced() {
    for (arguments, expected) in [
        (r#""%s|%s|%s|%s", 1.5, -0, 2n, Symbol("a")"#, "1.5|-0|2n|Symbol(a)"),
        (r#""%s %s", { a: { b: { c: 1 } } }, [1, [2, [3]]]"#, "{ a: [Object] } [ 1, [Array] ]"),
        (r#""%s", new (class { toString() { return "own" } })()"#, "own"),
        (r#""%d %d %d %d", {}, "12", "x", 5n"#, "NaN 12 NaN 5n"),
        (r#""%i %i %f %f", 12.9, "0x1f", "1.5abc", Symbol()"#, "12 0 1.5 NaN"),
        (r#""%j %j", { a: 1 }, undefined"#, r#"{"a":1} undefined"#),
        (r#""%O %o", { a: [1] }, "x""#, "{ a: [ 1 ] } 'x'"),
        (r#""%c styled", "color: red", "more""#, " styled more"),
        (r#""100%", 5"#, "100% 5"),
        (r#""%% %s", "a""#, "% a"),
        (r#""%% %s""#, "%% %s"),
        (r#""%s %s", "a""#, "a %s"),
        (r#""%x %s", "a", "b""#, "%x a b"),
        (r#"1, "%s", "x""#, "1 %s x"),
        (r#""%s", "%s", "a""#, "%s a"),
    ] {
        assert_eq!(logs(&format!("console.log({arguments})")), [format!("log: {expected}")], "{arguments}");
    }
    assert_eq!(logs("const c = {}; c.c = c; console.log('%j', c)"), ["log: [Circular]"]);
}

#[test]
fn tables_have_rows_and_columns() {
    let source = r#"
        console.table([{ a: 1, b: "x" }, { a: 2, c: { d: 1 } }]);
        console.table(new Map([["k", 1]]));
        console.table([1, "日本", { a: 1 }]);
        console.table([{ a: 1, b: 2 }], ["b", "zz"]);
        console.table("no table");
    "#;
    let expected = [
        "┌─────────┬───┬─────┬──────────┐\n│ (index) │ a │ b   │ c        │\n├─────────┼───┼─────┼──────────┤\n\
         │ 0       │ 1 │ 'x' │          │\n│ 1       │ 2 │     │ { d: 1 } │\n└─────────┴───┴─────┴──────────┘",
        "┌───────────────────┬─────┬────────┐\n│ (iteration index) │ Key │ Values │\n├───────────────────┼─────┼────────┤\n\
         │ 0                 │ 'k' │ 1      │\n└───────────────────┴─────┴────────┘",
        "┌─────────┬───┬────────┐\n│ (index) │ a │ Values │\n├─────────┼───┼────────┤\n│ 0       │   │ 1      │\n\
         │ 1       │   │ '日本' │\n│ 2       │ 1 │        │\n└─────────┴───┴────────┘",
        "┌─────────┬───┬────┐\n│ (index) │ b │ zz │\n├─────────┼───┼────┤\n│ 0       │ 2 │    │\n└─────────┴───┴────┘",
        "no table",
    ];
    assert_eq!(logs(source), expected.map(|text| format!("log: {text}")));
}

#[test]
fn groups_counters_timers_and_assertions() {
    let source = r#"
        console.group("outer %d", 1);
        console.groupCollapsed();
        console.info("two\nlines");
        console.groupEnd();
        console.groupEnd();
        console.groupEnd();
        console.count(); console.count("x"); console.count(); console.countReset(); console.count(); console.countReset("none");
        console.time(); console.time();
        await new Promise((done) => setTimeout(done, 1500));
        console.timeLog("default", { a: 1 });
        console.timeEnd(); console.timeEnd();
        console.time("long");
        await new Promise((done) => setTimeout(done, 83_004.25));
        console.timeEnd("long");
        console.assert(true, "no"); console.assert(false); console.assert(0, "%s is wrong", "it", [1]);
        console.dir({ a: { b: { c: 1 } } }, { depth: 0 }); console.dirxml([1]); console.debug("d");
        console.timeStamp("x"); console.profile(); console.profileEnd(); console.clear();
        return Object.prototype.toString.call(console);
    "#;
    let expected = [
        "log: outer 1",
        "info:     two\n    lines",
        "log: default: 1",
        "log: x: 1",
        "log: default: 2",
        "log: default: 1",
        "warn: Count for 'none' does not exist",
        "warn: Label 'default' already exists for console.time()",
        "log: default: 1.500s { a: 1 }",
        "log: default: 1.500s",
        "warn: No such label 'default' for console.timeEnd()",
        "log: long: 1:23.004 (m:ss.mmm)",
        "error: Assertion failed",
        "error: Assertion failed: it is wrong [ 1 ]",
        "log: { a: [Object] }",
        "log: [ 1 ]",
        "debug: d",
    ];
    assert_eq!(logs(source), expected);
    assert_eq!(result(source), r#""[object console]""#);
}

#[test]
fn a_trace_tells_where() {
    let trace = logs("type T = 1;\nfunction f(): void {\n  console.trace('here', 1);\n}\nf();");
    assert_eq!(trace.len(), 1, "{trace:?}");
    assert!(trace[0].starts_with("debug: Trace: here 1\n    at f (main.ts:3:"), "{trace:?}");
    assert!(trace[0].contains("main.ts:5:"), "{trace:?}");
}

#[test]
fn the_web_platforms_objects_show_what_they_hold() {
    for (expression, expected) in [
        ("new URL('https://a.example/b?c=1')", "URL { href: 'https://a.example/b?c=1' }"),
        ("new Headers({ a: '1' })", "Headers { a: '1' }"),
        ("new Blob(['abc'], { type: 'text/plain' })", "Blob { size: 3, type: 'text/plain' }"),
        ("new AbortController().signal", "AbortSignal { aborted: false }"),
        ("new ReadableStream()", "ReadableStream { locked: false, state: 'readable' }"),
        ("tools.github.repos", "[tools.github.repos]"),
        ("Buffer.from('hello')", "<Buffer 68 65 6c 6c 6f>"),
        ("process", "{ env: {} }"),
    ] {
        assert_eq!(logs(&format!("console.log({expression})")), [format!("log: {expected}")], "{expression}");
    }
    let response = &logs("console.log(new Response('x', { status: 201 }))")[0];
    for part in
        ["Response {", "status: 201", "ok: true", "bodyUsed: false", "'content-type': 'text/plain;charset=UTF-8'"]
    {
        assert!(response.contains(part), "{part}: {response}");
    }
}

#[test]
fn printing_runs_nothing_and_ends() {
    let quiet = r#"
        let ran = [];
        const watched = new Proxy({ a: 1 }, { get: (_, key) => ran.push(key), ownKeys: () => { ran.push("keys"); return [] } });
        console.log(watched, { get x() { ran.push("getter"); return 1 } }, Object.create(watched));
        return ran.map(String);
    "#;
    assert_eq!(result(quiet), "[]");
    // Wide, deep, shared and endless: bounded all the same, and cheap.
    for source in [
        "let a = {}; const top = a; for (let i = 0; i < 1e5; i++) a = a.next = {}; console.dir(top, { depth: null }); return 1",
        "const row = Array(100).fill(0).map(() => ({})); const wide = row.map(() => row.map(() => row)); console.log(wide); return 1",
        "console.log('x'.repeat(5e6), ['y'.repeat(5e6)]); return 1",
        "const a = []; a.length = 4e9; console.log(a); return 1",
        "console.log(Array(1e6).fill(7), new Uint8Array(1e7), Buffer.alloc(1e6)); return 1",
        "console.table(Array(1e4).fill(0).map((_, i) => ({ ['c' + i % 500]: i }))); return 1",
        "console.log({ [Symbol.for('nodejs.util.inspect.custom')]() { throw 1 } }); return 1",
        "console.log({ get [Symbol.toStringTag]() { throw 1 } }); return 1",
        "for (let i = 0; i < 5000; i++) { console.count('c' + i); console.time('t' + i) } return 1",
    ] {
        assert_eq!(result(source), "1", "{source}");
    }
}

#[test]
fn a_line_cannot_move_a_terminals_cursor() {
    assert_eq!(logs(r#"console.log("a\x1b[2Jb\x9b\rc")"#), [r"log: a\x1b[2Jb\x9b\x0dc"]);
}
