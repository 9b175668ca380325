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
