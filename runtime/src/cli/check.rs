//! In: a script, a tenant. Out: what is wrong with it against what the tenant's scripts may call; nothing of it is run.
//! May touch: the files it is told, standard streams, a bridge and a checker of its own.
//! Security boundary: no; the compiler's confinement is, as in a server.

use super::failure::Failure;
use super::run::{read_script, settings};
use super::{checker, executor, findings, setup, types};
use mayfly::check::{Catalogue, ask};
use mayfly::isolate::{Engine, EngineOptions, RunError};
use mayfly::limits::CEILINGS;
use mayfly::prepare::{Programs, Script};
use mayfly::run::type_error;
use mayfly_checker::message::Answer;
use mayfly_checker::{Checker, Launch, Verdict};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(clap::Args)]
pub struct Arguments {
    /// TypeScript or JavaScript
    script: PathBuf,
    /// The server's configuration; otherwise mayfly.toml beside the script, otherwise there are no tools
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Whose tools; may be left out where there is one tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Print `{"checked": ..., "error": ...}` as in a run object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    super::log_to_stderr("error");
    let script = Script::single(read_script(&arguments.script)?);
    let folder = arguments.script.parent();
    let (settings, tenant, command) = settings(folder, arguments.config.as_deref(), arguments.tenant.as_deref())?;
    let installed = setup::checker(command.as_deref()).map_err(Failure::usage)?;
    let launch = checker::launch(installed, false).map_err(|error| Failure::fault("checker", error))?;
    let engine = std::thread::spawn(|| Engine::load(EngineOptions { isolates_max: 8, ..EngineOptions::default() }));
    let local = tokio::task::LocalSet::new();
    let verdict = local.block_on(&executor()?, async {
        let tools = types::tools(settings, &tenant).await?;
        let engine = engine.join().map_err(|_| Failure::Fault("the engine's thread broke down".into()))?;
        let engine = engine.map_err(|error| Failure::fault("engine", error))?;
        tokio::select! {
            found = find(engine, launch, &tenant, &script, tools) => Ok(found),
            () = setup::stop_signal() => Err(Failure::Usage(vec!["interrupted".into()])),
        }
    })?;
    Ok(tell(verdict, &arguments.script, arguments.json))
}

/// What came of it: what does not compile has no types.
enum Found {
    Unknown(String),
    Wrong { error: RunError, more: u32 },
    Clean,
}

async fn find(engine: Engine, launch: Launch, tenant: &str, script: &Script, tools: String) -> Found {
    let programs = Programs::new(Arc::new(engine));
    if let Err(error) = programs.prepare(tenant, script, CEILINGS.source_bytes).await {
        return Found::Wrong { error, more: 0 };
    }
    let catalogue = Catalogue::new(tools);
    let mut ask = ask(tenant, script, &catalogue);
    ask.declarations = Some(catalogue.declarations);
    match Checker::new(launch).check(&ask).await {
        Answer::Told(Verdict::Clean) => Found::Clean,
        Answer::Told(Verdict::Wrong { diagnostics, more }) => Found::Wrong { error: type_error(diagnostics), more },
        Answer::Told(Verdict::NotChecked(reason)) => Found::Unknown(reason),
        Answer::DeclarationsWanted => Found::Unknown("the type checker did not take the declarations".into()),
    }
}

/// CONTRACT section 1: 1 what is wrong with the script, 3 a limit of the check.
fn tell(found: Found, script: &Path, as_json: bool) -> ExitCode {
    if as_json {
        println!("{}", in_json(&found));
    } else {
        match &found {
            Found::Clean => findings::clean(script),
            Found::Unknown(reason) => findings::unknown(reason),
            Found::Wrong { error, more } => findings::wrong(script, error, *more),
        }
    }
    ExitCode::from(match found {
        Found::Clean => 0,
        Found::Wrong { .. } => 1,
        Found::Unknown(_) => 3,
    })
}

fn in_json(found: &Found) -> Value {
    match found {
        Found::Clean => json!({ "checked": true }),
        Found::Unknown(reason) => json!({ "checked": false, "not_checked": reason }),
        Found::Wrong { error, more: 0 } => json!({ "checked": true, "error": error }),
        Found::Wrong { error, .. } => json!({ "checked": true, "error": error, "truncated": ["error.diagnostics"] }),
    }
}
