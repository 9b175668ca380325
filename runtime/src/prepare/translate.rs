//! In: a script. Out: its bytecode, which tells places in the TypeScript, or a syntax error with its place there.
//! May touch: two short-lived isolates for each module.
//! Security boundary: yes. Parser and compiler run on hostile text: what overflows or loops there ends as a trap.

use super::{ModuleText, Script};
use crate::isolate::{Budget, Engine, ErrorKind, Guest, Module, Program, RunError, Stopped, source_line};
use mayfly_abi::{Answer, Source};
use mayfly_schemas::limits::{PREPARE_CPU_MS, PREPARE_MEMORY_MIB};
use serde::Deserialize;

pub(super) async fn translate(engine: &Engine, script: &Script) -> Result<Program, RunError> {
    let mut modules = Vec::with_capacity(script.modules.len());
    for module in script.modules.iter() {
        modules.push(translate_module(engine, module).await?);
    }
    Ok(Program { modules })
}

/// What transpiler and compiler say about source they refuse.
#[derive(Deserialize)]
struct Refused {
    name: String,
    message: String,
    #[serde(default)]
    line: u32,
    #[serde(default)]
    column: u32,
}

async fn translate_module(engine: &Engine, module: &ModuleText) -> Result<Module, RunError> {
    let mut budget = Budget::cpu_ms(PREPARE_CPU_MS);
    let guest = Guest::transpiler(engine, PREPARE_MEMORY_MIB).await.map_err(|stopped| explain(&stopped, module))?;
    let typescript = Source { name: &module.name, source: module.source.as_bytes(), map: b"" };
    let (javascript, map) = match step(guest, "mayfly-transpile", module, typescript, &mut budget).await? {
        Ok(both) => both,
        Err(refused) => return Err(refused.located(module)),
    };
    let guest = Guest::engine(engine, PREPARE_MEMORY_MIB).map_err(|stopped| explain(&stopped, module))?;
    let javascript = Source { name: &module.name, source: &javascript, map: &map };
    match step(guest, "mayfly-compile", module, javascript, &mut budget).await? {
        Ok((bytecode, _)) => Ok(Module { name: module.name.clone(), bytecode, source: module.source.clone() }),
        Err(refused) => Err(refused.located(module)),
    }
}

type Both = (Vec<u8>, Vec<u8>);

async fn step(
    mut guest: Guest,
    export: &str,
    module: &ModuleText,
    source: Source<'_>,
    budget: &mut Budget,
) -> Result<Result<Both, Refused>, RunError> {
    let mut frame = Vec::with_capacity(source.source.len() + source.map.len() + 64);
    source.write(&mut frame);
    let bytes = guest.call(export, &frame, budget).await.map_err(|stopped| explain(&stopped, module))?;
    let answer = Answer::read(&bytes).map_err(|_| broken())?;
    if answer.ok {
        return Ok(Ok((answer.first.to_vec(), answer.second.to_vec())));
    }
    serde_json::from_slice(answer.first).map(Err).map_err(|_| broken())
}

impl Refused {
    fn located(&self, module: &ModuleText) -> RunError {
        let mut error = RunError::new(ErrorKind::Syntax, &self.name, self.message.clone());
        error.module = Some(module.name.clone());
        if self.line > 0 {
            let (line, column) = visible(&module.source, self.line, self.column);
            (error.line, error.column) = (Some(line), Some(column));
            error.source = source_line(&module.source, line);
        }
        error
    }
}

/// What is missing at the end of the text is shown behind the last thing that stands there.
fn visible(source: &str, line: u32, column: u32) -> (u32, u32) {
    let rest = source.lines().skip(line.saturating_sub(1) as usize);
    if rest.into_iter().any(|line| !line.trim().is_empty()) {
        return (line, column.max(1));
    }
    let last = (1..).zip(source.lines()).filter(|(_, text)| !text.trim().is_empty()).last();
    last.map_or((line, column.max(1)), |(at, text)| (at, text.trim_end().encode_utf16().count() as u32 + 1))
}

fn explain(stopped: &Stopped, module: &ModuleText) -> RunError {
    let limit =
        |kind, message: String| RunError { module: Some(module.name.clone()), ..RunError::limit(kind, message) };
    match stopped {
        Stopped::Cpu | Stopped::Wall => {
            limit(ErrorKind::CpuLimit, format!("compiling the script took more than {PREPARE_CPU_MS} ms of CPU"))
        }
        Stopped::Memory => {
            limit(ErrorKind::MemoryLimit, format!("compiling the script needs more than {PREPARE_MEMORY_MIB} MiB"))
        }
        Stopped::NoSlot => RunError::new(ErrorKind::Internal, "InternalError", "no isolate was free"),
        // The parsers descend by recursion: the way to break one is to nest deeper than its stack.
        Stopped::Stack | Stopped::Trap(_) | Stopped::Malformed(_) => Refused {
            name: "SyntaxError".into(),
            message: "the source is nested too deeply".into(),
            line: deepest_line(&module.source),
            column: 1,
        }
        .located(module),
    }
}

/// The line where brackets are open deepest, counted plainly: strings and comments are not told apart, which is good
/// enough to show the author of a bracket tower where it stands.
fn deepest_line(source: &str) -> u32 {
    let (mut line, mut depth, mut deepest, mut deepest_at) = (1, 0i64, 0, 1);
    for byte in source.bytes() {
        match byte {
            b'\n' => line += 1,
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b')' | b']' | b'}' | b'>' => depth -= 1,
            _ => {}
        }
        if depth > deepest {
            (deepest, deepest_at) = (depth, line);
        }
    }
    deepest_at
}

fn broken() -> RunError {
    RunError::new(ErrorKind::Internal, "InternalError", "the compiler's isolate answered what is no answer")
}
