//! Where an error was: places in the TypeScript, wherever they are read.

use crate::harness::script::{error, logs, result, run, run_modules};
use mayfly::isolate::ErrorKind;

#[test]
fn a_stack_that_the_script_reads_has_the_error_and_places_in_the_typescript() {
    let source = "interface Shape {\n  sides: number;\n}\n\nenum Colour { Red }\n\nfunction fail(shape: Shape): never {\n  \
                  throw new TypeError(`no ${shape.sides}`);\n}\n\ntry {\n  fail({ sides: 3 });\n} catch (error) {\n  \
                  return (error as Error).stack;\n}";
    let expected = r#""TypeError: no 3\n    at fail (main.ts:8:13)\n    at default (main.ts:12:3)""#;
    assert_eq!(result(source), expected);
}

#[test]
fn places_are_right_behind_everything_that_is_compiled() {
    // Each kind of constant and of function that bytecode can hold, and what TypeScript makes longer or shorter.
    let source = r#"type Long = {
  a: 1;
};
const values: unknown[] = [1, -5, 1.5, 12345678901234567890n, "text", "ünï🦋", /a(b)?/giu, null, true, `t${1}`, undefined];
enum E { A = "a", B = 1 << 3 }
namespace N { export const y: number = E.B; export function z(): void {} }
const tag = (parts: TemplateStringsArray, ...rest: any[]) => parts.raw[0] + rest.length;
tag`raw\n${1}${{ a: [1, { b: 2 }] }}`;
class Base<T> { static #count = 0; static { Base.#count += 1; } constructor(protected readonly x: T, private y = 2) {} }
class Derived extends Base<number> { #p = 1; get p() { return this.#p } async *g() { yield* [1] } *h() {} accessorless = () => super.constructor }
const { a = 1, ...rest }: { a?: number; b?: number } = { b: 2 }; let [p, , q = 3, ...r] = [1, 2];
label: for (const k in { a }) { for await (const v of [1]) { if (v) continue label; } }
switch (q as number) { case 3: { let inner: Long | undefined = undefined; void inner; } default: }
const deep = (x: any) => (y: any) => async (z: any) => { await z; throw new RangeError(`at ${x}${y}`); };
const big = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`k${i}`, i as number]));

      try { await deep(1)(big.k2)(3); } catch (e) { return [(e as Error).stack!.split("\n")[1], new Derived(1).p, N.y, values.length] }"#;
    assert_eq!(result(source), r#"["    at main.ts:14:77",1,8,11]"#);
}

#[test]
fn a_logged_error_has_them_too_and_one_from_another_module_names_it() {
    let modules = [
        (
            "main.ts",
            "import { check } from './lib/check.ts';\ntype A = 1;\nexport default () => {\n  try { check(1) } catch (e) { console.error(e); return (e as Error).message }\n}",
        ),
        (
            "lib/check.ts",
            "interface B { c: 1 }\n\nexport function check(n: number): void {\n  if (n > 0) throw new Error(`bad ${n}`);\n}",
        ),
    ];
    let outcome = run_modules(&modules);
    let text = &outcome.logs.lines[0].text;
    assert!(text.starts_with("Error: bad 1\n    at check (lib/check.ts:4:"), "{text}");
    assert!(text.contains("(main.ts:4:") && !text.contains("mayfly:"), "{text}");
}

#[test]
fn the_place_of_an_error_of_a_class_is_its_new_and_not_its_constructor() {
    let source = "class AppError extends Error {\n  constructor(m: string) {\n    super(m);\n    this.name = 'AppError';\n  }\n}\n\
                  class ApiError extends AppError {\n  constructor(readonly status: number) {\n    super(`status ${status}`);\n  }\n}\n\
                  const make = () => new ApiError(404);\nthrow make();";
    let error = error(source);
    assert_eq!(
        (error.line, error.name.as_str(), error.message.as_str()),
        (Some(12), "AppError", "status 404"),
        "{error:?}"
    );
    assert!(!error.stack.contains("ApiError"), "{}", error.stack);
}

#[test]
fn causes_and_errors_inside_of_errors_are_told_with_their_places() {
    let source = "const inner = (): never => {\n  throw new TypeError('inner');\n};\ntry {\n  inner();\n} catch (cause) {\n  \
                  throw new Error('outer', { cause });\n}";
    let told = error(source);
    assert_eq!((told.message.as_str(), told.line), ("outer", Some(7)));
    assert!(told.stack.contains("Caused by: TypeError: inner\n    at inner (main.ts:2:"), "{}", told.stack);
    let many = error("throw new AggregateError([new Error('a'), new RangeError('b'), 'c'], 'all failed')");
    assert_eq!(many.message, "all failed (Error: a; RangeError: b; 'c')");
    let both = error("throw new SuppressedError(new Error('second'), new Error('first'), 'both')");
    assert_eq!(both.message, "both (Error: second; Error: first)");
    let endless = error("const e = new Error('round'); e.cause = e; throw e");
    assert!(endless.stack.len() < 2_000, "{}", endless.stack);
}

#[test]
fn what_nobody_catches_in_timers_and_promises_is_logged_with_its_place() {
    let lines = logs(
        "type T = 1;\nsetTimeout(() => {\n  throw new RangeError('late');\n}, 1);\nvoid Promise.reject(new TypeError('lost'));\n\
         queueMicrotask(() => { throw 'text' });\nawait new Promise((done) => setTimeout(done, 5));",
    );
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().any(|line| line == "error: Uncaught text"), "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("error: Uncaught (in promise) TypeError: lost\n    at default (main.ts:5:")),
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("error: Uncaught RangeError: late\n    at main.ts:3:")),
        "{lines:?}"
    );
}

#[test]
fn a_missing_global_is_told_with_what_to_use_instead() {
    for (source, name, advice) in [
        ("const a = 1;\nreturn document.title", "document", "no page"),
        ("const a = 1;\nlocalStorage.setItem('a', 'b')", "localStorage", "between runs"),
        ("const a = 1;\nawait sleep(5)", "sleep", "setTimeout(done, ms)"),
        ("const a = 1;\nnew XMLHttpRequest()", "XMLHttpRequest", "`fetch`"),
        ("const a = 1;\nmodule.exports = a", "module", "export default"),
        ("const a = 1;\nnew Worker('x')", "Worker", "Promise.all"),
    ] {
        let error = error(source);
        assert_eq!(
            (error.kind, error.name.as_str(), error.line),
            (ErrorKind::Exception, "ReferenceError", Some(2)),
            "{error:?}"
        );
        assert!(
            error.message.starts_with(&format!("{name} is not defined (")) && error.message.contains(advice),
            "{}",
            error.message
        );
        let column = source.lines().nth(1).and_then(|line| line.find(name)).map(|at| at as u32 + 1);
        assert_eq!(error.column, column, "{source}");
    }
    assert_eq!(error("return whatever").message, "whatever is not defined");
    // Code that asks first gets the standard's answer.
    assert_eq!(
        result("return [typeof window, typeof document, typeof XMLHttpRequest]"),
        r#"["undefined","undefined","undefined"]"#
    );
    let logged = logs("setTimeout(() => { window.alert('x') }, 1); await new Promise((done) => setTimeout(done, 5))");
    assert!(logged[0].contains("window is not defined") && logged[0].contains("no page"), "{logged:?}");
}

#[test]
fn endless_recursion_is_told_with_its_place() {
    let error = error("type T = 1;\nfunction down(n: number): number {\n  return down(n + 1) + 1;\n}\nreturn down(0)");
    assert_eq!((error.name.as_str(), error.line), ("RangeError", Some(3)), "{error:?}");
    assert!(error.stack.contains("at down (main.ts:3:"), "{}", error.stack);
}

#[test]
fn a_script_may_make_stacks_of_its_own() {
    let source = r#"
        const target: { stack?: string } = {};
        function here() { Error.captureStackTrace(target, here) }
        function there() { here() }
        there();
        const first = target.stack!.split("\n")[1];
        const usual = Error.prepareStackTrace;
        Error.prepareStackTrace = (error, sites) => sites.map((site) => `${site.getFunctionName()}:${site.getLineNumber()}`);
        const sites = (function named() { return new Error("x").stack })() as unknown as string[];
        await tools.x({});
        const kept = typeof new Error("y").stack;
        Error.prepareStackTrace = usual;
        Error.stackTraceLimit = 1;
        return [first, sites[0], kept, new Error("z").stack!.split("\n").length, Error("no new") instanceof Error];
    "#;
    assert_eq!(result(source), r#"["    at there (main.ts:4:28)","named:9","object",2,true]"#);
}

#[test]
fn a_failed_call_has_the_place_of_the_call() {
    let outcome = run(
        "type T = 1;\nconst load = async () => {\n  await fetch('https://a.example/');\n};\ntry { await load() } catch (e) { console.log(e.stack); throw e }",
    );
    let text = &outcome.logs.lines[0].text;
    assert!(text.starts_with("PolicyError: no rule allows GET https://a.example/\n    at load (main.ts:3:"), "{text}");
    let error = outcome.result.expect_err("refused");
    assert_eq!((error.name.as_str(), error.line), ("PolicyError", Some(3)), "{error:?}");
}

#[test]
fn a_property_of_an_error_that_misbehaves_harms_nobody() {
    for source in [
        "class E extends Error { get name() { throw 1 } get message() { throw 2 } } throw new E()",
        "const e = new Error('x'); e.stack = 5; throw e",
        "const e = new Error('x'); delete e.stack; throw e",
        "Error.prepareStackTrace = () => { throw 1 }; throw new Error('x')",
        "Error.prepareStackTrace = () => new Error('again'); throw new Error('x')",
        "Error.stackTraceLimit = NaN; throw new Error('x')",
        "class E extends Error { get name() { return new E().name } } throw new E()",
        "const e = new Error('x'.repeat(1e6)); e.cause = new Error('y'.repeat(1e6)); throw e",
        "Error.prototype.name = 5; Object.defineProperty(Error.prototype, 'constructor', { get() { throw 1 } }); throw new Error('x')",
    ] {
        let told = error(source);
        assert!(matches!(told.kind, ErrorKind::Exception | ErrorKind::CpuLimit), "{source}: {told:?}");
        assert!(told.message.len() < 40_000 && told.stack.len() < 40_000, "{source}");
    }
}

/// The frames of the one error that the script logs.
fn frames(source: &str) -> Vec<String> {
    let logs = logs(source);
    logs[0].lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn functions_that_wait_are_in_the_stack() {
    let source = "type Order = { id: number };\nclass Client {\n  async get(path: string): Promise<Order> {\n    await null;\n    \
                  return this.parse(path);\n  }\n  parse(path: string): Order {\n    throw new TypeError(path);\n  }\n}\n\
                  const load = async (id: number) => {\n  const order = await new Client().get(`/${id}`);\n  return order;\n};\n\
                  try {\n  await Promise.all([1, 2].map(async (id) => {\n    await load(id);\n  }));\n} catch (error) {\n  \
                  console.log((error as Error).stack);\n}";
    let expected = [
        "at parse (main.ts:8:15)",
        "at get (main.ts:5:17)",
        "at async load (main.ts:12:17)",
        "at async main.ts:17:5",
        "at async default (main.ts:16:3)",
    ];
    assert_eq!(frames(source), expected);
}

#[test]
fn a_function_is_in_the_stack_once_whether_it_waited_or_not() {
    let recursion = |first: &str| {
        format!(
            "async function down(n: number): Promise<void> {{\n  {first}\n  if (n === 0) throw new Error('x');\n  await down(n - 1);\n}}\n\
             try {{ await down(2) }} catch (e) {{ console.log(e.stack) }}"
        )
    };
    let waited = ["at down (main.ts:3:26)", "at async down (main.ts:4:3)", "at async down (main.ts:4:3)"];
    assert_eq!(frames(&recursion("await null;"))[..3], waited);
    assert_eq!(frames(&recursion("await null;"))[3..], ["at async default (main.ts:6:7)"]);
    // QuickJS tells a call by what its arguments computed last.
    let straight =
        ["at down (main.ts:3:26)", "at down (main.ts:4:18)", "at down (main.ts:4:18)", "at default (main.ts:6:13)"];
    assert_eq!(frames(&recursion("")), straight);
}

#[test]
fn an_error_that_is_caught_and_thrown_on_keeps_its_frames() {
    let source = "const fail = async () => { await null; throw new Error('x') };\n\
                  const on = async () => { try { await fail() } catch (e) { console.log('seen'); throw e } };\n\
                  try { await on() } catch (e) { console.log(e.stack) }";
    let stack = &logs(source)[1];
    let expected =
        "log: Error: x\n    at fail (main.ts:1:50)\n    at async on (main.ts:2:32)\n    at async default (main.ts:3:7)";
    assert_eq!(stack, expected);
}

#[test]
fn a_refused_call_and_a_cause_are_told_with_those_that_waited() {
    let told = error(
        "const get = async () => {\n  await null;\n  return await fetch('https://a.example/');\n};\n\
         const page = async () => {\n  try { await get() } catch (cause) { throw new Error('no page', { cause }) }\n};\nawait page();",
    );
    let lines: Vec<&str> = told.stack.lines().map(str::trim).collect();
    assert_eq!(lines[..2], ["at page (main.ts:6:49)", "at async default (main.ts:8:1)"], "{}", told.stack);
    assert!(lines[2].starts_with("Caused by: PolicyError"), "{}", told.stack);
    assert_eq!(lines[3..], ["at get (main.ts:3:16)", "at async page (main.ts:6:9)"], "{}", told.stack);
}

#[test]
fn frames_of_waiting_functions_have_an_end_and_no_name_of_ours() {
    let deep = "Error.stackTraceLimit = 5; const down = async (n) => { await null; if (n === 0) throw new Error('x'); await down(n - 1) };\n\
                try { await down(100) } catch (e) { console.log(e.stack) }";
    assert_eq!(frames(deep).len(), 5);
    assert_eq!(result("Object.getOwnPropertyNames(globalThis).filter((name) => name.includes('mayfly'))"), "[]");
    // What a script makes of its stack is its own.
    let own = "const e = new Error('x'); e.stack = 'x\\n    mine'; try { await Promise.reject(e) } catch (e) { return e.stack }";
    assert_eq!(result(own), r#""x\n    mine""#);
    let frozen =
        "const e = Object.freeze(new Error('x')); try { await Promise.reject(e) } catch (e) { return e.message }";
    assert_eq!(result(frozen), r#""x""#);
    let broken = "String.prototype.split = RegExp.prototype.exec = () => { throw new Error('broken') };\n\
                  const load = async () => { await null; throw new TypeError('mine') };\n\
                  try { await load() } catch (e) { return e.message }";
    assert_eq!(result(broken), r#""mine""#);
}
