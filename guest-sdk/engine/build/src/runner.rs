//! In: a JavaScript module. Out: the effects of its turns on standard output.
//! May touch: an isolate of its own. For people at work on the engine; the runtime has its own host.
//! Security boundary: no.

use crate::snapshot::own_error;
use anyhow::{Context, Result, bail};
use mayfly_abi::{Answer, Deliver, OutcomeKind, Source, Start, Stimulus, effects};
use std::fs;
use wasmtime::{Config, Engine, InstancePre, Linker, Memory, Module, Store, TypedFunc};

/// What QuickJS's own stack limit needs (`plugin/src/limits.rs`).
const WASM_STACK_BYTES: usize = 4 << 20;
const MIB: u32 = 1 << 20;

fn engine(wasm_stack_bytes: usize) -> Result<Engine> {
    let mut config = Config::new();
    config.async_stack_size(wasm_stack_bytes + (1 << 20)).max_wasm_stack(wasm_stack_bytes);
    Engine::new(&config).map_err(own_error)
}

type Entry = TypedFunc<(u32, u32), u32>;

struct Isolate {
    store: Store<()>,
    memory: Memory,
    realloc: TypedFunc<(u32, u32, u32, u32), u32>,
    start: Entry,
    deliver: Entry,
    compile: Entry,
}

impl Isolate {
    fn new(pre: &InstancePre<()>) -> Result<Self> {
        let mut store = Store::new(pre.module().engine(), ());
        let instance = pre.instantiate(&mut store).map_err(own_error)?;
        let memory = instance.get_memory(&mut store, "memory").context("memory")?;
        let realloc = instance.get_typed_func(&mut store, "cabi_realloc").map_err(own_error)?;
        let start = instance.get_typed_func(&mut store, "mayfly-start").map_err(own_error)?;
        let deliver = instance.get_typed_func(&mut store, "mayfly-deliver").map_err(own_error)?;
        let compile = instance.get_typed_func(&mut store, "mayfly-compile").map_err(own_error)?;
        Ok(Isolate { store, memory, realloc, start, deliver, compile })
    }

    fn call(&mut self, entry: Entry, frame: &[u8]) -> Result<Vec<u8>> {
        let length = frame.len() as u32;
        let at = self.realloc.call(&mut self.store, (0, 0, 8, length)).map_err(own_error)?;
        self.memory.write(&mut self.store, at as usize, frame)?;
        let pair = entry.call(&mut self.store, (at, length)).map_err(own_error)? as usize;
        let data = self.memory.data(&self.store);
        let number =
            |at: usize| -> Option<usize> { Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?) as usize) };
        let (from, count) = number(pair).zip(number(pair + 4)).context("the pair lies outside memory")?;
        Ok(data.get(from..from + count).context("the answer lies outside memory")?.to_vec())
    }
}

fn prepared(wasm: &[u8], wasm_stack_bytes: usize) -> Result<InstancePre<()>> {
    let engine = engine(wasm_stack_bytes)?;
    let module = Module::new(&engine, wasm).map_err(own_error)?;
    Linker::new(&engine).instantiate_pre(&module).map_err(own_error)
}

fn bytecode(pre: &InstancePre<()>, name: &str, source: &[u8]) -> Result<Vec<u8>> {
    let mut isolate = Isolate::new(pre)?;
    let mut frame = vec![];
    Source { name, source, map: b"" }.write(&mut frame);
    let bytes = isolate.call(isolate.compile.clone(), &frame)?;
    let answer = Answer::read(&bytes).map_err(|malformed| anyhow::anyhow!("{malformed:?}"))?;
    if !answer.ok {
        bail!("{}", String::from_utf8_lossy(answer.first));
    }
    Ok(answer.first.to_vec())
}

fn stimulus(turn: u32) -> Stimulus {
    let elapsed_ms = f64::from(turn) * 10.5;
    Stimulus { now_ms: 1_800_000_000_000.25 + elapsed_ms, elapsed_ms, seed: [turn as u8 + 1; 32] }
}

/// Runs a file. Timers are delivered by themselves, earliest first; calls and fetches take the next `--deliver`.
pub fn try_file(wasm: &[u8], arguments: &[&str]) -> Result<()> {
    let mut memory_mib = 64;
    let mut wasm_stack_bytes = WASM_STACK_BYTES;
    let mut input = "";
    let mut outcomes = vec![];
    let mut files = vec![];
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--memory" => memory_mib = arguments.next().context("--memory MIB")?.parse()?,
            "--stack" => wasm_stack_bytes = arguments.next().context("--stack KIB")?.parse::<usize>()? << 10,
            "--input" => input = arguments.next().context("--input JSON")?,
            "--deliver" => outcomes.push(*arguments.next().context("--deliver KIND META BODY")?),
            file => files.push(file),
        }
    }
    let pre = prepared(wasm, wasm_stack_bytes)?;
    let mut modules = vec![];
    for file in files {
        let name = file.rsplit('/').next().unwrap_or(file);
        modules.push((name, bytecode(&pre, name, &fs::read(file)?)?));
    }
    let modules = modules.iter().map(|(name, bytecode)| (*name, bytecode.as_slice())).collect();
    let mut frame = vec![];
    Start {
        tools: "",
        stimulus: stimulus(0),
        heap_bytes_max: memory_mib * MIB,
        is_request: false,
        input: input.as_bytes(),
        body: b"",
        modules,
    }
    .write(&mut frame);

    let mut isolate = Isolate::new(&pre)?;
    let mut answer = isolate.call(isolate.start.clone(), &frame)?;
    let mut outcomes = outcomes.into_iter();
    let mut waiting: Vec<(f64, u32)> = vec![];
    for turn in 1.. {
        let asked = print(turn, &answer, &mut waiting)?;
        let next =
            match asked.into_iter().map(|number| (number, outcomes.next())).find(|(_, outcome)| outcome.is_some()) {
                Some((number, outcome)) => (number, outcome.unwrap_or_default()),
                None if waiting.is_empty() => break,
                None => {
                    waiting.sort_by(|left, right| left.0.total_cmp(&right.0));
                    (waiting.remove(0).1, "ok||")
                }
            };
        let mut parts = next.1.splitn(3, '|');
        let kind = if parts.next() == Some("ok") { OutcomeKind::Fulfilled } else { OutcomeKind::Rejected };
        let (meta, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mut frame = vec![];
        let (meta, body) = (meta.as_bytes(), body.as_bytes());
        Deliver { stimulus: stimulus(turn), kind, number: next.0, meta, body }.write(&mut frame);
        answer = isolate.call(isolate.deliver.clone(), &frame)?;
    }
    println!("memory: {} KiB", isolate.memory.data_size(&isolate.store) >> 10);
    Ok(())
}

/// Prints the effects, keeps the timers, and gives the numbers of the calls and fetches.
fn print(turn: u32, answer: &[u8], waiting: &mut Vec<(f64, u32)>) -> Result<Vec<u32>> {
    let mut asked = vec![];
    for effect in effects(answer) {
        let effect = effect.map_err(|malformed| anyhow::anyhow!("{malformed:?}"))?;
        let (meta, body) = (String::from_utf8_lossy(effect.meta), String::from_utf8_lossy(effect.body));
        println!("{turn} {:?} {} {meta} {body}", effect.kind, effect.number);
        match effect.kind {
            mayfly_abi::EffectKind::Call | mayfly_abi::EffectKind::Fetch => asked.push(effect.number),
            mayfly_abi::EffectKind::Cancel => waiting.retain(|(_, number)| *number != effect.number),
            mayfly_abi::EffectKind::Timer => {
                let delay = meta.trim_start_matches("{\"delay_ms\":").trim_end_matches('}');
                waiting.push((stimulus(turn).elapsed_ms + delay.parse::<f64>()?, effect.number));
            }
            _ => {}
        }
    }
    Ok(asked)
}
