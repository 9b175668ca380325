//! Scripts that try to keep what they were lent: time, memory, stack, and the executor's thread.

use crate::harness::script::{ORIGIN, error, failed, result, run_with};
use mayfly::isolate::ErrorKind;
use mayfly::limits::{DEFAULTS, Limits, TICK_MS};
use std::time::{Duration, Instant};

/// A loop must end at its limit and one tick. The rest is for a busy machine, and far from "never".
const SLACK: Duration = Duration::from_millis(250);

fn ends_at_its_cpu_limit(source: &str) {
    let limits = Limits { cpu_ms: 100, ..DEFAULTS };
    run_with("return 1", "null", &limits, ORIGIN); // the engine is loaded before the clock starts
    let began = Instant::now();
    let outcome = run_with(source, "null", &limits, ORIGIN);
    let (wall, cpu_us) = (began.elapsed(), outcome.usage.cpu_us);
    assert_eq!(failed(outcome).kind, ErrorKind::CpuLimit, "{source}");
    assert!(cpu_us <= (100 + 2 * TICK_MS) * 1_000, "{source}: {cpu_us} us of CPU");
    assert!(wall < Duration::from_millis(1_000) + SLACK, "{source}: {wall:?}");
}

#[test]
fn an_endless_loop_anywhere_ends_at_the_cpu_limit() {
    for source in [
        "for (;;);",
        "while (true) { try { throw 1 } catch {} finally { continue } }",
        "const o = { get x() { for (;;); } }; return o.x",
        "return [3, 1, 2].sort(() => { for (;;); })",
        "await Promise.resolve().then(() => { for (;;); })",
        "return { toJSON() { for (;;); } }",
        "const again = () => Promise.resolve().then(again); await again()",
        "function* forever() { for (;;) yield 1 } for (const _ of forever());",
        "export default { get run() { for (;;); } }",
        "return 'x'.repeat(5e6).split('').map((c) => c + c).sort().reverse().join('').match(/(x+)+$/)",
    ] {
        ends_at_its_cpu_limit(source);
    }
}

#[test]
fn a_regular_expression_that_never_comes_back_ends_at_the_cpu_limit() {
    ends_at_its_cpu_limit("return /^(a+)+$/.test('a'.repeat(40) + 'b')");
}

#[test]
fn a_million_microtasks_are_work_not_a_hang() {
    let limits = Limits { cpu_ms: 5_000, ..DEFAULTS };
    let outcome =
        run_with("let n = 0; for (let i = 0; i < 1e6; i++) { await null; n++ } return n", "null", &limits, ORIGIN);
    assert_eq!(outcome.result.map(|result| result.get().to_owned()).ok().as_deref(), Some("1000000"));
}

#[test]
fn memory_ends_at_its_limit_however_it_is_taken() {
    for source in [
        "const a = []; for (;;) a.push(new Array(1000).fill(1.5))",
        "let s = 'x'; const all = []; for (;;) { s = s + s.slice(0, 1 << 20) + 'y'; all.push(s.split('').join('')) }",
        "let b = 3n; for (;;) b = b * b",
        "const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1))",
        "return new Uint8Array(1e9).length",
        "return 'x'.repeat(2 ** 29).length",
        "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i })",
        "for (const a = [];;) a.push(() => a)",
        "return new Array(1e8).fill(0).length",
    ] {
        let limits = Limits { cpu_ms: 20_000, memory_mib: 32, ..DEFAULTS };
        let outcome = run_with(source, "null", &limits, ORIGIN);
        let peak = outcome.usage.memory_peak_bytes;
        let error = failed(outcome);
        assert!(
            error.kind == ErrorKind::MemoryLimit
                // QuickJS refuses these sizes for their own sake, before asking for memory.
                || (error.kind == ErrorKind::Exception && error.name == "RangeError"),
            "{source}: {error:?}"
        );
        assert!(peak <= 32 << 20, "{source}: {peak}");
    }
}

/// Which allocation is the one that fails decides what QuickJS makes of it, up to breaking down.
#[test]
fn whichever_allocation_fails_it_is_told_as_the_memory_limit() {
    for source in [
        "const a = []; for (;;) a.push(new Array(1000).fill(1))",
        "const a = []; for (let i = 0; ; i++) a.push({ ['k' + i]: { i } })",
        "let a = null; for (;;) a = { a, f() { return a }, [Symbol()]: [a] }",
    ] {
        for memory_mib in (12..=64).step_by(4) {
            let limits = Limits { cpu_ms: 20_000, memory_mib, ..DEFAULTS };
            let error = failed(run_with(source, "null", &limits, ORIGIN));
            assert_eq!(error.kind, ErrorKind::MemoryLimit, "{source} in {memory_mib} MiB: {error:?}");
        }
    }
}

#[test]
fn a_script_that_gives_memory_back_goes_on() {
    let source = "try { const a = []; for (;;) a.push(new Uint8Array(1 << 20)) } catch (e) { return e.message }";
    let limits = Limits { cpu_ms: 20_000, ..DEFAULTS };
    let outcome = run_with(source, "null", &limits, ORIGIN);
    assert_eq!(outcome.result.map(|result| result.get().to_owned()).ok().as_deref(), Some("\"out of memory\""));
}

/// QuickJS looks for cycles at every level of JSON: thousands of them take it a second.
const PATIENT: Limits = Limits { cpu_ms: 20_000, ..DEFAULTS };

#[test]
fn recursion_ends_as_a_range_error() {
    for source in [
        "const f = () => f() + 1; return f()",
        "class A { get x() { return this.x } } return new A().x",
        "const o = { toString() { return `${o}` } }; return `${o}`",
        "const f = (n) => [n].map(f)[0]; return f(1)",
        "const p = new Proxy({}, { get: (t, k, r) => r[k] }); return p.x",
        "return JSON.parse('['.repeat(100000))",
        "let o = {}; for (let i = 0; i < 200000; i++) o = { o }; return JSON.stringify(o).length",
        "return new RegExp('('.repeat(50000) + ')'.repeat(50000)).test('')",
        "return [2, 1].sort(function f(a, b) { return [2, 1].sort(f)[0] })",
        "return eval('['.repeat(50000))",
    ] {
        let error = failed(run_with(source, "null", &PATIENT, ORIGIN));
        assert_eq!(error.kind, ErrorKind::Exception, "{source}: {error:?}");
        assert!(["RangeError", "SyntaxError", "InternalError"].contains(&error.name.as_str()), "{source}: {error:?}");
    }
    assert_eq!(error("const f = () => f() + 1; return f()").name, "RangeError");
    // Which a script can catch, and not too early.
    let depth =
        result("let depth = 0; const f = () => { depth++; return f() + 1 }; try { f() } catch { return depth }");
    assert!(depth.parse::<u32>().unwrap() > 2_000, "{depth}");
}

#[test]
fn deep_results_and_deep_inputs_do_not_break_the_host() {
    let source = "let o = 1; for (let i = 0; i < 100000; i++) o = [o]; return o";
    let error = failed(run_with(source, "null", &PATIENT, ORIGIN));
    assert!(matches!(error.kind, ErrorKind::Exception | ErrorKind::NotSerializable), "{error:?}");
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(crate::harness::script::json(run_with("return input", &deep, &DEFAULTS, ORIGIN)), deep);
}

#[test]
fn wall_clock_ends_a_turn_that_is_within_its_cpu_limit() {
    use crate::harness::script::BENCH;
    use mayfly::isolate::Isolate;
    use mayfly::prepare::Script;
    // The first turn, or the second, would compute for 2 s; its owner gives it 50 ms of wall clock.
    let compute = "for (let i = 0; i < 1e9; i++);";
    let limits = Limits { cpu_ms: 30_000, wall_ms: 50, ..DEFAULTS };
    for source in [compute.to_owned(), format!("await new Promise((done) => setTimeout(done, 1)); {compute}")] {
        let outcome = futures::executor::block_on(async {
            let program = BENCH.programs.prepare("tests", &Script::single(source), limits.source_bytes).await.unwrap();
            let until = Some(Instant::now() + Duration::from_millis(50));
            let started = Isolate::start(&BENCH.engine, &program, "null", &limits, ORIGIN, until).await;
            let (mut isolate, step) = started.unwrap();
            crate::harness::script::drive(&mut isolate, step).await
        });
        assert_eq!(failed(outcome).kind, ErrorKind::WallLimit);
    }
}

#[test]
fn a_long_turn_yields_to_its_neighbours() {
    use crate::harness::script::BENCH;
    use mayfly::isolate::Isolate;
    use mayfly::prepare::Script;
    let limits = Limits { cpu_ms: 400, ..DEFAULTS };
    let run = |source: &'static str| async move {
        let program = BENCH.programs.prepare("tests", &Script::single(source), limits.source_bytes).await.unwrap();
        let (mut isolate, step) = Isolate::start(&BENCH.engine, &program, "null", &limits, ORIGIN, None).await.unwrap();
        drop(crate::harness::script::drive(&mut isolate, step).await);
        Instant::now()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let began = Instant::now();
    let (long, short) = tokio::task::LocalSet::new().block_on(&runtime, async {
        let long = tokio::task::spawn_local(run("for (;;);"));
        let short = tokio::task::spawn_local(run("return 1"));
        (long.await.unwrap(), short.await.unwrap())
    });
    // On one thread the short run must not wait for the long one's 400 ms of CPU.
    assert!(short < long && short - began < Duration::from_millis(200), "{:?}", short - began);
}

#[test]
fn prototype_pollution_does_not_reach_the_next_event() {
    let source = r#"
        Object.defineProperty(Object.prototype, "then", { get() { return undefined }, configurable: true });
        Array.prototype.push = () => { throw new Error("mine") };
        JSON.parse = JSON.stringify = Map.prototype.get = Map.prototype.delete = Promise.prototype.then =
            Function.prototype.call = Function.prototype.apply = Reflect.apply = () => { throw new Error("mine") };
        return await tools.echo({ n: 1 });
    "#;
    // A script can break itself; it must end, with its own error or its own result, and break nothing else.
    let outcome = run_with(source, "null", &DEFAULTS, ORIGIN);
    if let Err(error) = outcome.result {
        assert!(!matches!(error.kind, ErrorKind::Internal), "{error:?}");
    }
    assert_eq!(result("return await tools.echo({ n: 1 })"), r#"{"n":1}"#);
}
