//! In: nothing. Out: what one isolate costs in process, without a socket.
//! May touch: the engine.
//! Security boundary: no.

use crate::Error;
use crate::table::Table;
use mayfly::isolate::{Answer, Engine, EngineOptions, Given, Isolate, Origin, Outcome, Program, Step};
use mayfly::limits::DEFAULTS;
use mayfly::prepare::{Programs, Script};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const ORIGIN: Origin = Origin { started_ms: 1_700_000_000_000.0, seed: [7; 32] };
pub const INPUT: &str = r#"{"name":"mayfly","items":[1,2,3],"nested":{"a":true,"b":null}}"#;

/// Turns its input into its result, as a small tool script does.
pub const SMALL: &str = "export default async function (input: { name: string; items: number[] }) {
  return { greeting: `hello ${input.name}`, sum: input.items.reduce((a, b) => a + b, 0), echo: input };
}";

/// Answers an HTTP request, as `figures trigger` asks it over a socket.
const HELLO: &str = "export default { fetch: () => new Response('hello') }";
const REQUEST: &str =
    r#"{"method":"GET","url":"http://bench/run/bench/hello/","headers":[["host","bench"],["x-request-id","1"]]}"#;

pub const CPU_BOUND: &str = "
const fib = (n: number): number => n < 2 ? n : fib(n - 1) + fib(n - 2);
export default () => {
  const objects = Array.from({ length: 10_000 }, (_, i) => ({ id: (i * 7919) % 10_007, name: `n${i}` }));
  objects.sort((a, b) => a.id - b.id);
  const text = JSON.stringify(objects.slice(0, 3_300));
  return [fib(25), objects[17].name, JSON.parse(text).length, text.length];
};";

const THIRTEEN: &str = "export default async () => {
  const all = await Promise.all(Array.from({ length: 13 }, (_, n) => tools.echo({ n })));
  return all.length;
};";

pub struct Bench {
    pub engine: Arc<Engine>,
    pub programs: Programs,
}

impl Bench {
    pub fn new() -> Result<Bench, Error> {
        let engine = Arc::new(Engine::load(EngineOptions::default())?);
        Ok(Bench { programs: Programs::new(engine.clone()), engine })
    }

    pub async fn program(&self, source: &str) -> Result<Arc<Program>, Error> {
        let prepared = self.programs.prepare("bench", &Script::single(source), DEFAULTS.source_bytes).await;
        prepared.map_err(|error| error.message.into())
    }

    /// Runs to the end; tools are answered at once with their arguments.
    pub async fn run(&self, program: &Arc<Program>, input: &str) -> Result<Outcome, Error> {
        let (mut isolate, mut step) = Isolate::start(&self.engine, program, input, &DEFAULTS, ORIGIN, None).await?;
        let mut asks = Vec::new();
        loop {
            match step {
                Step::Done(outcome) => return Ok(outcome),
                Step::Waiting(turn) => asks.extend(turn.asks),
            }
            let ask = asks.pop().ok_or("an isolate waits for nothing")?;
            step = isolate.deliver(ask.number, &Answer::json("{}"), 1.0).await;
        }
    }
}

impl Bench {
    /// Gives the status of the response.
    async fn answer(&self, program: &Arc<Program>) -> Result<u16, Error> {
        let given = Given::Request { head: REQUEST, body: b"" };
        let (mut isolate, _) = Isolate::start(&self.engine, program, given, &DEFAULTS, ORIGIN, None).await?;
        Ok(isolate.take_response().ok_or("no response")?.status)
    }
}

pub fn measure(table: &mut Table) -> Result<(), Error> {
    let bench = Bench::new()?;
    futures::executor::block_on(async {
        let smallest = bench.program("export default () => 1").await?;
        let samples = sample(3_000, async || drop(bench.run(&smallest, "null").await)).await;
        table.times("fresh isolate, smallest program", None, samples);
        let (starts, ends) = start_and_end(&bench, &smallest).await?;
        table.times("  of it: start and first turn", None, starts);
        table.times("  of it: its end", None, ends);

        let small = bench.program(SMALL).await?;
        let result = bench.run(&small, INPUT).await?.result.map_err(|error| error.message)?;
        assert!(result.get().contains("hello mayfly"), "{result}");
        let samples = sample(3_000, async || drop(bench.run(&small, INPUT).await)).await;
        table.times("fresh isolate, cached program, JSON in and out", Some(150.0), samples);

        let hello = bench.program(HELLO).await?;
        assert_eq!(bench.answer(&hello).await?, 200);
        let samples = sample(3_000, async || drop(bench.answer(&hello).await)).await;
        table.times("fresh isolate, cached program, answers an HTTP request", None, samples);

        let mut number = 0;
        let samples = sample(1_000, async || {
            number += 1;
            if let Ok(program) = bench.program(&format!("{SMALL}\n// {number}")).await {
                drop(bench.run(&program, INPUT).await);
            }
        })
        .await;
        table.times("the same with new source each time, transpile and compile included", Some(600.0), samples);

        let thirteen = bench.program(THIRTEEN).await?;
        let samples = sample(1_000, async || drop(bench.run(&thirteen, "null").await)).await;
        table.times("13 calls in flight, answered at once, whole run", None, samples);

        let heavy = bench.program(CPU_BOUND).await?;
        bench.run(&heavy, "null").await?.result.map_err(|error| error.message)?;
        let samples = sample(40, async || drop(bench.run(&heavy, "null").await)).await;
        table.times("CPU-bound: fib(25), sort 10,000 objects, 100 KB JSON there and back", Some(45_000.0), samples);
        Ok(())
    })
}

async fn start_and_end(bench: &Bench, program: &Arc<Program>) -> Result<(Vec<Duration>, Vec<Duration>), Error> {
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..3_000 {
        let began = Instant::now();
        let (isolate, _) = Isolate::start(&bench.engine, program, "null", &DEFAULTS, ORIGIN, None).await?;
        starts.push(began.elapsed());
        let ending = Instant::now();
        drop(isolate);
        ends.push(ending.elapsed());
    }
    Ok((starts, ends))
}

pub async fn sample(count: usize, mut once: impl AsyncFnMut()) -> Vec<Duration> {
    for _ in 0..count / 10 {
        once().await;
    }
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        once().await;
        samples.push(began.elapsed());
    }
    samples
}
