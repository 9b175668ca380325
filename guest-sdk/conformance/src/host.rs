//! In: modules in JavaScript and an input. Out: what the main module's default export returned, in virtual time.
//! May touch: isolates. A timer fires when nothing earlier is left, a fetch is answered by the caller's closure.
//! Security boundary: no; it drives the isolate core, which is one.

use crate::limits::{COMPILE_CPU_MS, COMPILE_MEMORY_MIB, TEST_LIMITS, TURNS_MAX};
use mayfly::isolate::{
    Answer, Ask, AskKind, Budget, Engine, EngineError, EngineOptions, Guest, Isolate, Module, Origin, Outcome, Program,
    Rejection, RunError, Step, Stopped,
};
use serde::Deserialize;
use std::sync::Arc;

/// The engine, without a server, a bridge or a transpiler: tests are plain JavaScript.
pub struct Host {
    engine: Engine,
}

/// What a fetch of a test is answered with; `None` is a failure of the network.
pub type Fetches<'a> = &'a dyn Fn(&Request<'_>) -> Option<Reply>;

pub struct Request<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

pub struct Reply {
    pub status: u16,
    pub text: &'static str,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why a module does not compile.
#[derive(Debug, Deserialize)]
pub struct Refused {
    pub name: String,
    pub message: String,
}

/// How a test's run ended: the JSON it returned, or why it did not.
pub enum Ended {
    Returned(String),
    Failed(RunError),
    Stopped(String),
}

/// Tests that look at the clock expect one of their own time.
const ORIGIN: Origin = Origin { started_ms: 1_790_000_000_000.0, seed: [7; 32] };

/// A driver calls this tool to be woken when nothing else is left to happen.
const IDLE_TOOL: &str = "idle";

impl Host {
    pub fn load() -> Result<Host, EngineError> {
        let options = EngineOptions { isolates_max: 64, ..EngineOptions::default() };
        Ok(Host { engine: Engine::load(options)? })
    }

    /// One module as `mayfly-compile` makes it of JavaScript; the transpiler, which every script passes through
    /// otherwise, would reshape the forms that tests are about.
    pub fn compile(&self, name: &str, source: &[u8]) -> Result<Module, Refused> {
        let broken = |what: String| Refused { name: "InternalError".into(), message: what };
        let mut frame = Vec::with_capacity(source.len() + 64);
        mayfly_abi::Source { name, source, map: b"" }.write(&mut frame);
        let called = Guest::engine(&self.engine, COMPILE_MEMORY_MIB).and_then(|mut guest| {
            let mut budget = Budget::cpu_ms(COMPILE_CPU_MS);
            futures::executor::block_on(guest.call("mayfly-compile", &frame, &mut budget))
        });
        let bytes = called.map_err(|stopped| broken(stopped.to_string()))?;
        let answer = mayfly_abi::Answer::read(&bytes).map_err(|malformed| broken(malformed.0.into()))?;
        if !answer.ok {
            return Err(serde_json::from_slice(answer.first).unwrap_or_else(|error| broken(error.to_string())));
        }
        let (bytecode, name) = (answer.first.to_vec(), name.to_owned());
        Ok(Module { name, bytecode, source: String::new() })
    }

    /// Runs a program in a fresh isolate until it has returned.
    pub fn run(&self, program: &Arc<Program>, input: &str, fetches: Fetches<'_>) -> Ended {
        let outcome = futures::executor::block_on(async {
            let (mut isolate, step) = Isolate::start(&self.engine, program, input, &TEST_LIMITS, ORIGIN, None).await?;
            drive(&mut isolate, step, fetches).await
        });
        match outcome {
            Ok(Outcome { result: Ok(json), .. }) => Ended::Returned(json.get().to_owned()),
            Ok(Outcome { result: Err(error), .. }) => Ended::Failed(error),
            Err(stopped) => Ended::Stopped(stopped.to_string()),
        }
    }
}

/// What waits, and when it is due: earliest first, in the order it was asked for. The idle call comes last of all.
async fn drive(isolate: &mut Isolate, mut step: Step, fetches: Fetches<'_>) -> Result<Outcome, Stopped> {
    let mut now_ms = 0.0;
    let mut waiting: Vec<(f64, Ask)> = Vec::new();
    for _ in 0..TURNS_MAX {
        match step {
            Step::Done(outcome) => return Ok(outcome),
            Step::Waiting(turn) => {
                waiting.retain(|(_, ask)| !turn.cancelled.contains(&ask.number));
                waiting.extend(turn.asks.into_iter().map(|ask| (due(&ask, now_ms), ask)));
            }
        }
        let earliest = (0..waiting.len()).min_by(|a, b| order(&waiting, *a).total_cmp(&order(&waiting, *b)));
        let Some(next) = earliest else { return Ok(isolate.cancel("nothing is left to wait for")) };
        let (at, ask) = waiting.remove(next);
        if at.is_finite() {
            now_ms = at;
        }
        step = isolate.deliver(ask.number, &answer(&ask, fetches), now_ms).await;
    }
    Ok(isolate.cancel("more turns than a test may take"))
}

fn order(waiting: &[(f64, Ask)], index: usize) -> f64 {
    waiting.get(index).map_or(f64::INFINITY, |(at, _)| *at)
}

fn due(ask: &Ask, now_ms: f64) -> f64 {
    match &ask.kind {
        AskKind::Timer { delay_ms } => now_ms + delay_ms,
        AskKind::Call { tool, .. } if tool == IDLE_TOOL => f64::INFINITY,
        _ => now_ms,
    }
}

fn answer(ask: &Ask, fetches: Fetches<'_>) -> Answer {
    let AskKind::Fetch { method, url, headers, body, .. } = &ask.kind else { return Answer::json("null") };
    match fetches(&Request { method, url, headers, body }) {
        Some(Reply { status, text, headers, body }) => {
            let meta = serde_json::json!({ "status": status, "status_text": text, "headers": headers });
            Answer::Fulfilled { meta: meta.to_string(), body }
        }
        None => Answer::Rejected(Rejection {
            name: "TypeError",
            message: format!("{url} is not in the suite's folder"),
            ..Rejection::default()
        }),
    }
}
