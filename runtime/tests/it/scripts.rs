//! What a script may be, what it sees, and what it is told when it is wrong.

use crate::harness::script::{self, ORIGIN, error, json, logs, result, run, run_modules, run_with};
use mayfly::isolate::{ErrorKind, Origin};
use mayfly::limits::{DEFAULTS, Limits};

fn with_input(source: &str, input: &str) -> String {
    json(run_with(source, input, &DEFAULTS, ORIGIN))
}

#[test]
fn every_form_of_a_script_runs() {
    for source in [
        "export default async function (input) { return input.n + 1 }",
        "export default (input: { n: number }) => input.n + 1",
        "export default { async run(input) { return input.n + 1 } }",
        "async (input) => input.n + 1",
        "(input) => { return input.n + 1 };",
        "async function (input) { return input.n + 1 }",
        "async function main(input: any): Promise<number> { return input.n + 1 }",
        "const n: number = await Promise.resolve(input.n); n + 1",
        "return input.n + 1",
        "const add = (a, b) => a + b;\nreturn add(input.n, 1);",
        "```ts\nasync (input) => input.n + 1\n```",
        "Here is the script:\n\n```typescript\nconst one = 1;\ninput.n + one\n```\nIt adds one.",
    ] {
        assert_eq!(with_input(source, r#"{"n":41}"#), "42", "{source}");
    }
}

#[test]
fn typescript_is_compiled_not_only_stripped() {
    let source = r#"
        enum Colour { Red, Green = "g" }
        namespace Shapes { export const sides = (n: number) => n * 2; }
        class Point { constructor(readonly x: number, private y = 2) {} sum() { return this.x + this.y } }
        const value = <unknown>{ a: 1 } as { a: number };
        return [Colour.Red, Colour[0], Colour.Green, Shapes.sides(4), new Point(1).sum(), value!.a satisfies number];
    "#;
    assert_eq!(result(source), r#"[0,"Red","g",8,3,1]"#);
}

#[test]
fn modules_import_each_other() {
    let modules = [
        ("main.ts", "import { double } from './lib/math.ts'; export default () => double(21)"),
        ("lib/math.ts", "import { two } from '../two'; export const double = (n: number) => n * two"),
        ("two.ts", "export const two: number = 2"),
    ];
    assert_eq!(json(run_modules(&modules)), "42");
}

#[test]
fn a_package_that_is_not_there_is_named() {
    let error = error("import _ from 'lodash'; export default () => _.chunk([1, 2], 1)");
    assert!(error.message.contains("lodash"), "{error:?}");
}

#[test]
fn tools_are_called_by_their_names_and_in_parallel() {
    assert_eq!(result("return await tools.github.repos.get({ owner: 'a', n: [1] })"), r#"{"owner":"a","n":[1]}"#);
    assert_eq!(
        result("return Promise.all([1, 2, 3].map((n) => codemode.echo({ n })))"),
        r#"[{"n":1},{"n":2},{"n":3}]"#
    );
}

#[test]
fn a_refused_call_is_an_error_that_can_be_caught() {
    let source = r#"
        try { await fetch("https://api.example.com/x", { method: "POST", body: "{}" }) }
        catch (error) { return [error instanceof PolicyError, error.name, error.reason, error.method, error.url] }
    "#;
    assert_eq!(result(source), r#"[true,"PolicyError","no_rule","POST","https://api.example.com/x"]"#);
    let uncaught = error("await fetch('https://api.example.com/')");
    assert_eq!((uncaught.kind, uncaught.name.as_str()), (ErrorKind::Exception, "PolicyError"));
}

#[test]
fn the_clock_stands_still_inside_a_turn_and_moves_with_events() {
    let source = r#"
        const begin = Date.now();
        for (let i = 0; i < 200000; i++);
        const stood = Date.now() === begin && performance.now() === performance.now();
        await new Promise((done) => setTimeout(done, 250));
        return [stood, Date.now() - begin, new Date().getTime() - begin, performance.now() >= 250];
    "#;
    assert_eq!(result(source), "[true,250,250,true]");
}

#[test]
fn randomness_comes_from_the_seed_and_no_two_isolates_share_it() {
    let source = r#"
        const first = [Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(8))]];
        await new Promise((done) => setTimeout(done, 1));
        return [first, Math.random()];
    "#;
    let with_seed = |seed| json(run_with(source, "null", &DEFAULTS, Origin { seed: [seed; 32], ..ORIGIN }));
    assert_eq!(with_seed(1), with_seed(1));
    assert_ne!(with_seed(1), with_seed(2));
    let numbers: Vec<String> = (0..20).map(with_seed).collect();
    assert_eq!(numbers.iter().collect::<std::collections::HashSet<_>>().len(), 20);
}

#[test]
fn nothing_of_one_run_is_there_in_the_next() {
    let poison = "globalThis.leak = 'x'; Array.prototype.leak = 1; Object.prototype.leak = 2; return 1";
    for _ in 0..20 {
        result(poison);
        assert_eq!(result("return [typeof leak, [].leak ?? 0, ({}).leak ?? 0]"), r#"["undefined",0,0]"#);
    }
}

#[test]
fn the_web_platform_is_there() {
    let source = r#"
        const url = new URL("../b?x=1&y=ä#z", "https://user@example.com:8443/a/c");
        url.searchParams.append("n", "a b");
        const text = new TextDecoder().decode(new TextEncoder().encode("grüße 🦋"));
        const response = new Response(JSON.stringify({ ok: 1 }), { status: 201, headers: { "X-A": "b" } });
        const clone = structuredClone({ date: new Date(0), map: new Map([[1, new Set([2])]]) });
        const controller = new AbortController();
        controller.abort(new Error("stop"));
        const order = [];
        queueMicrotask(() => order.push("micro"));
        await new Promise((done) => setTimeout(done, 0));
        return {
            href: url.href, host: url.host, text, status: response.status, header: response.headers.get("x-a"),
            body: await response.json(), date: clone.date.getTime(), set: clone.map.get(1).has(2),
            aborted: controller.signal.aborted, base64: btoa("hi"), back: atob("aGk="), order,
            request: new Request("https://e.org", { method: "put", body: "x" }).method,
        };
    "#;
    let expected = r#"{"href":"https://user@example.com:8443/b?x=1&y=%C3%A4&n=a+b#z","host":"example.com:8443","text":"grüße 🦋","status":201,"header":"b","body":{"ok":1},"date":0,"set":true,"aborted":true,"base64":"aGk=","back":"hi","order":["micro"],"request":"PUT"}"#;
    assert_eq!(result(source), expected);
}

#[test]
fn nothing_of_node_or_of_the_host_is_there() {
    let source = "return ['module', 'Javy', 'Deno', 'SharedArrayBuffer', 'Atomics', 'WebAssembly', 'std', 'os']
        .filter((name) => typeof globalThis[name] !== 'undefined')";
    assert_eq!(result(source), "[]");
}

#[test]
fn console_writes_log_lines_with_levels() {
    let lines = logs("console.log('a', 1, { b: [2] }); console.warn('w'); console.error(new TypeError('bad').message)");
    assert_eq!(lines, ["log: a 1 { b: [ 2 ] }", "warn: w", "error: bad"]);
}

#[test]
fn a_log_is_cut_to_its_limits_and_says_so() {
    // Long lines meet the limit of bytes, short ones that of lines.
    for (line, kept) in [(512, 128), (1, 256)] {
        let outcome = run(&format!("for (let i = 0; i < 2000; i++) console.log('x'.repeat({line})); return 1"));
        assert_eq!(outcome.result.map(|result| result.get().to_owned()).ok().as_deref(), Some("1"));
        assert_eq!(outcome.logs.lines.len(), kept);
        assert_eq!(outcome.logs.dropped, 2_000 - kept as u64);
    }
}

#[test]
fn an_error_points_to_the_typescript() {
    let source = "interface Shape {\n  sides: number;\n}\n\nconst fail = (shape: Shape): never => {\n  throw new TypeError(`no ${shape.sides}`);\n};\n\nfail({ sides: 3 });\n";
    let error = error(source);
    assert_eq!((error.kind, error.name.as_str(), error.message.as_str()), (ErrorKind::Exception, "TypeError", "no 3"));
    assert_eq!((error.module.as_deref(), error.line), (Some("main.ts"), Some(6)), "{error:?}");
    assert_eq!(error.source.as_deref(), Some("  throw new TypeError(`no ${shape.sides}`);"));
    assert!(error.stack.contains("main.ts:6:") && error.stack.contains("main.ts:9:"), "{}", error.stack);
    assert!(!error.stack.contains("mayfly:"), "{}", error.stack);
}

#[test]
fn whatever_is_thrown_is_told() {
    let told = |source: &str| {
        let error = error(source);
        assert_eq!(error.kind, ErrorKind::Exception, "{source}: {error:?}");
        error.message
    };
    assert!(told("throw 'just text'").contains("just text"));
    assert!(told("throw null").contains("null"));
    assert!(told("throw undefined").contains("undefined"));
    assert!(told("throw { code: 7 }").contains("7"));
    told("throw { get message() { throw 1 }, get name() { throw 2 }, get stack() { throw 3 } }");
    told("throw new Proxy({}, { get() { throw new Error('trap') }, getPrototypeOf() { throw 1 } })");
    told("const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { throw 1 } }); throw e");
    assert!(told("await Promise.reject(new RangeError('later'))").contains("later"));
}

#[test]
fn a_result_that_json_cannot_carry_names_its_path() {
    for (source, path) in [
        ("const a = { items: [{}, {}] }; a.items[1].self = a; return a", "$.items[1].self"),
        ("return { total: 12n }", "$.total"),
        ("return { list: [1, () => 2] }", "$.list[1]"),
        ("return Symbol('x')", "$"),
        ("return () => 1", "$"),
    ] {
        let error = error(source);
        assert_eq!(error.kind, ErrorKind::NotSerializable, "{source}: {error:?}");
        assert!(error.message.contains(path), "{source}: {}", error.message);
    }
}

#[test]
fn results_are_json_as_json_stringify_makes_it() {
    assert_eq!(
        result("return { a: undefined, b: new Date(0), c: [undefined, NaN], d: null, e: 'ü' }"),
        r#"{"b":"1970-01-01T00:00:00.000Z","c":[null,null],"d":null,"e":"ü"}"#
    );
    assert_eq!(result("return undefined"), "null");
    assert_eq!(result("let x = 1"), "null");
}

#[test]
fn a_promise_that_nobody_settles_is_a_deadlock() {
    for source in ["await new Promise(() => {})", "export default () => new Promise(() => {})"] {
        let error = error(source);
        assert_eq!(error.kind, ErrorKind::Deadlock, "{error:?}");
    }
}

#[test]
fn calls_are_counted_and_limited() {
    let limits = Limits { calls: 3, ..DEFAULTS };
    let run = |n: u32| {
        run_with(&format!("for (let i = 0; i < {n}; i++) await tools.x({{}}); return 1"), "null", &limits, ORIGIN)
    };
    let outcome = run(3);
    assert_eq!((outcome.usage.calls, outcome.result.is_ok()), (3, true));
    let error = script::failed(run(4));
    assert_eq!((error.kind, error.message.contains("more than 3 calls")), (ErrorKind::CallLimit, true), "{error:?}");
}

#[test]
fn timers_fire_in_order_and_can_be_cleared() {
    let source = r#"
        const seen = [];
        const never = setTimeout(() => seen.push("never"), 5);
        clearTimeout(never);
        setTimeout((a, b) => seen.push(a + b), 30, "thir", "ty");
        setTimeout(() => seen.push("ten"), 10);
        let ticks = 0;
        await new Promise((done) => { const id = setInterval(() => { if (++ticks === 3) { clearInterval(id); done() } }, 20) });
        return [seen, ticks];
    "#;
    assert_eq!(result(source), r#"[["ten","thirty"],3]"#);
    let limits = Limits { timers: 10, ..DEFAULTS };
    let many = run_with(
        "for (let i = 0; i < 11; i++) setTimeout(() => {}, 1000); await new Promise(() => {})",
        "null",
        &limits,
        ORIGIN,
    );
    assert_eq!(script::failed(many).kind, ErrorKind::CallLimit);
}

#[test]
fn aborting_cancels_the_call() {
    let source = r#"
        const controller = new AbortController();
        setTimeout(() => controller.abort(), 0);
        try { await fetch("https://slow.example/", { signal: controller.signal }); return "no" }
        catch (error) { return error.name }
    "#;
    assert_eq!(result(source), r#""AbortError""#);
}

#[test]
fn a_result_larger_than_its_limit_is_refused_with_both_numbers() {
    let limits = Limits { result_bytes: 100, ..DEFAULTS };
    let error = script::failed(run_with("return 'x'.repeat(200)", "null", &limits, ORIGIN));
    assert_eq!(error.kind, ErrorKind::ResultLimit);
    assert!(error.message.contains("202") && error.message.contains("100"), "{}", error.message);
}

#[test]
fn cpu_is_the_sum_of_the_turns_and_waiting_costs_nothing() {
    let waited = run("await new Promise((done) => setTimeout(done, 60000)); return 1");
    assert!(waited.usage.cpu_us < 50_000, "{:?}", waited.usage);
    let worked = run("let n = 0; for (let i = 0; i < 3e6; i++) n += i; return n");
    assert!(worked.usage.cpu_us > 5 * waited.usage.cpu_us.max(1_000), "{:?} {:?}", worked.usage, waited.usage);
}
