//! Runs scripts on the isolate core alone, in virtual time: a timer fires when nothing earlier is left, a tool answers
//! with its own arguments, `fetch` is refused.

use mayfly::isolate::{
    Answer, Ask, AskKind, Engine, EngineOptions, ErrorKind, Isolate, Origin, Outcome, Rejection, RunError, Step,
};
use mayfly::limits::{DEFAULTS, Limits};
use mayfly::prepare::{ModuleText, Programs, Script};
use std::sync::{Arc, LazyLock};

pub struct Bench {
    pub engine: Arc<Engine>,
    pub programs: Programs,
}

pub static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let options = EngineOptions { isolates_max: 64, ..EngineOptions::default() };
    let engine = Arc::new(Engine::load(options).expect("the engine loads"));
    Bench { programs: Programs::new(engine.clone()), engine }
});

pub const ORIGIN: Origin = Origin { started_ms: 1_700_000_000_000.0, seed: [7; 32] };

pub fn run(source: &str) -> Outcome {
    run_with(source, "null", &DEFAULTS, ORIGIN)
}

pub fn run_with(source: &str, input: &str, limits: &Limits, origin: Origin) -> Outcome {
    run_script(&Script::single(source), input, limits, origin)
}

pub fn run_modules(modules: &[(&str, &str)]) -> Outcome {
    let text = |(name, source): &(&str, &str)| ModuleText { name: name.to_string(), source: source.to_string() };
    run_script(&Script::new(modules.iter().map(text).collect()), "null", &DEFAULTS, ORIGIN)
}

/// The result as JSON text; a failure fails the test and says what it was.
pub fn result(source: &str) -> String {
    json(run(source))
}

pub fn json(outcome: Outcome) -> String {
    match outcome.result {
        Ok(result) => result.get().to_owned(),
        Err(error) => panic!("the script failed: {error:?}\nlogs: {:?}", outcome.logs),
    }
}

pub fn error(source: &str) -> RunError {
    failed(run(source))
}

pub fn failed(outcome: Outcome) -> RunError {
    match outcome.result {
        Ok(result) => panic!("the script gave {result}"),
        Err(error) => error,
    }
}

pub fn logs(source: &str) -> Vec<String> {
    run(source).logs.lines.into_iter().map(|line| format!("{}: {}", line.level, line.text)).collect()
}

fn run_script(script: &Script, input: &str, limits: &Limits, origin: Origin) -> Outcome {
    futures::executor::block_on(async {
        let program = match BENCH.programs.prepare("tests", script, limits.source_bytes).await {
            Ok(program) => program,
            Err(error) => return failure(error),
        };
        let started = Isolate::start(&BENCH.engine, &program, input, limits, origin, None).await;
        match started {
            Ok((mut isolate, step)) => drive(&mut isolate, step).await,
            Err(stopped) => failure(RunError::new(ErrorKind::Internal, "InternalError", stopped.to_string())),
        }
    })
}

fn failure(error: RunError) -> Outcome {
    Outcome { result: Err(error), logs: Default::default(), usage: Default::default() }
}

/// Answers everything until the run is over.
pub async fn drive(isolate: &mut Isolate, mut step: Step) -> Outcome {
    let (mut now_ms, mut waiting) = (0.0, Vec::<(f64, Ask)>::new());
    loop {
        match step {
            Step::Done(outcome) => return outcome,
            Step::Waiting(turn) => {
                waiting.retain(|(_, ask)| !turn.cancelled.contains(&ask.number));
                waiting.extend(turn.asks.into_iter().map(|ask| (due(&ask, now_ms), ask)));
            }
        }
        let next = (0..waiting.len()).min_by(|a, b| waiting[*a].0.total_cmp(&waiting[*b].0));
        let (at, ask) = waiting.remove(next.expect("a waiting isolate waits for something"));
        now_ms = at;
        step = isolate.deliver(ask.number, &answer(&ask), now_ms).await;
    }
}

fn due(ask: &Ask, now_ms: f64) -> f64 {
    match ask.kind {
        AskKind::Timer { delay_ms } => now_ms + delay_ms,
        _ => now_ms + 1.0,
    }
}

pub fn answer(ask: &Ask) -> Answer {
    match &ask.kind {
        AskKind::Timer { .. } | AskKind::Write { .. } => Answer::nothing(),
        AskKind::Read { .. } => Answer::part(Vec::new(), true),
        AskKind::Call { args, .. } => Answer::json(args),
        AskKind::Fetch { url, method, .. } => Answer::Rejected(Rejection {
            name: "PolicyError",
            message: format!("no rule allows {method} {url}"),
            reason: Some("no_rule".into()),
            method: Some(method.clone()),
            url: Some(url.clone()),
            ..Rejection::default()
        }),
    }
}
