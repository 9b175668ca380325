//! In: nothing. Out: what single things cost inside the guest, and what a computing script costs without epoch checks.
//! May touch: the engine; a wasmtime engine of its own for the settings that the runtime does not have.
//! Security boundary: no.

use crate::Error;
use crate::isolate::{Bench, CPU_BOUND};
use crate::table::{Promise, Table};
use mayfly::isolate::Program;
use mayfly_abi::{EffectKind, Start, Stimulus, effects};
use std::time::{Duration, Instant};
use wasmtime::{Config, Engine, Instance, Linker, Module, Store};

const ENGINE: &[u8] = include_bytes!("../../guest-sdk/engine/artifacts/engine.wasm.zst");
/// Each operation so often in one run, and so many runs, of which the fastest counts: what is left is the work itself.
const TIMES: usize = 2_000;
const RUNS: usize = 9;

/// A reply's description as the guest used to get it, 140 bytes.
const REPLY: &str = r#"'{"status":200,"status_text":"OK","headers":[["content-type","application/json"]],"url":"http://a/","redirected":false,"padding":"xxxxxxxxxxxx"}'"#;

pub fn measure(table: &mut Table) -> Result<(), Error> {
    let bench = Bench::new()?;
    futures::executor::block_on(async {
        let parse = format!("JSON.parse({REPLY})");
        let empty = cpu(&bench, "i").await?;
        for (what, code) in [
            ("JSON.parse of 140 bytes", parse.as_str()),
            (
                "JSON.stringify of four fields",
                "JSON.stringify({ method: 'GET', url: 'http://a/b', n: i, redirect: 'follow' })",
            ),
            ("a regular expression, 5 characters", "/^[a-z]+$/i.test('hello')"),
            ("new Error()", "new Error()"),
            ("new URL()", "new URL('http://127.0.0.1:80/item/1')"),
            ("new Request()", "new Request('http://127.0.0.1:80/item/1')"),
            ("new Response() with a header", "new Response('{}', { headers: { 'content-type': 'application/json' } })"),
        ] {
            let each = (cpu(&bench, code).await? - empty) / TIMES as f64;
            table.line(&format!("in the guest: {what}"), Promise::Nothing, each, "ns", &format!("CPU, of {TIMES}"));
        }
        let program = bench.program(CPU_BOUND).await?;
        let wasm = zstd::decode_all(ENGINE)?;
        for (what, epochs) in [("CPU-bound, as it is", true), ("CPU-bound, if nothing could end a loop", false)] {
            table.times(what, None, times(&wasm, &program, epochs)?);
        }
        Ok(())
    })
}

/// Nanoseconds of CPU that the fastest run takes.
async fn cpu(bench: &Bench, code: &str) -> Result<f64, Error> {
    let source = format!("export default () => {{ for (let i = 0; i < {TIMES}; i++) {{ {code}; }} }}");
    let program = bench.program(&source).await?;
    let mut fastest = u64::MAX;
    for _ in 0..RUNS {
        fastest = fastest.min(bench.run(&program, "null").await?.usage.cpu_us);
    }
    Ok(fastest as f64 * 1_000.0)
}

/// The program's runs, with and without the checks that the runtime cannot do without.
fn times(wasm: &[u8], program: &Program, epochs: bool) -> Result<Vec<Duration>, Error> {
    let mut config = Config::new();
    config.epoch_interruption(epochs);
    config.async_stack_size(mayfly::limits::FIBER_STACK_BYTES).max_wasm_stack(mayfly::limits::WASM_STACK_BYTES);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, wasm)?;
    let prepared = Linker::new(&engine).instantiate_pre(&module)?;
    let modules = program.modules.iter().map(|module| (module.name.as_str(), module.bytecode.as_slice())).collect();
    let stimulus = Stimulus { now_ms: 0.0, elapsed_ms: 0.0, seed: [7; 32] };
    let mut frame = Vec::new();
    Start { stimulus, tools: "", heap_bytes_max: 60 << 20, is_request: false, input: b"null", body: b"", modules }
        .write(&mut frame);
    let mut samples = Vec::new();
    for _ in 0..RUNS * 3 {
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(1);
        let instance = prepared.instantiate(&mut store)?;
        let began = Instant::now();
        start(&mut store, &instance, &frame)?;
        samples.push(began.elapsed());
    }
    Ok(samples)
}

/// One turn that must end with a result.
fn start(store: &mut Store<()>, instance: &Instance, frame: &[u8]) -> Result<(), Error> {
    let memory = instance.get_memory(&mut *store, "memory").ok_or("no memory")?;
    let realloc = instance.get_typed_func::<(u32, u32, u32, u32), u32>(&mut *store, "cabi_realloc")?;
    let entry = instance.get_typed_func::<(u32, u32), u32>(&mut *store, "mayfly-start")?;
    let length = u32::try_from(frame.len())?;
    let at = realloc.call(&mut *store, (0, 0, 8, length))?;
    memory.write(&mut *store, at as usize, frame)?;
    let pair = entry.call(&mut *store, (at, length))? as usize;
    let data = memory.data(&*store);
    let number = |at: usize| Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?) as usize);
    let answer = number(pair).zip(number(pair + 4)).and_then(|(from, length)| data.get(from..from + length));
    let last = effects(answer.ok_or("no answer")?).last().ok_or("no effect")?;
    match last.map_err(|malformed| malformed.0)?.kind {
        EffectKind::Result => Ok(()),
        other => Err(format!("the script ended with {other:?}").into()),
    }
}
