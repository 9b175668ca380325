//! In: scripts, a tenant. Out: what is wrong with each against what the tenant's scripts may call; nothing of it is run.
//! May touch: the files it is told, standard streams, a bridge and a checker of its own.
//! Security boundary: no; the compiler's confinement is, as in a server.

use super::failure::Failure;
use super::modules::{self, Loaded};
use super::run::settings;
use super::{checker, executor, findings, setup, types};
use mayfly::check::{Catalogue, ask};
use mayfly::isolate::{Engine, EngineOptions, RunError};
use mayfly::limits::CEILINGS;
use mayfly::prepare::{Programs, Script};
use mayfly::run::type_error;
use mayfly_checker::message::Answer;
use mayfly_checker::{Checker, Verdict};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(clap::Args)]
pub struct Arguments {
    /// TypeScript or JavaScript, each with what it imports by relative paths; a folder is its main.ts, or each file in it
    #[arg(required = true, value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// The server's configuration; otherwise mayfly.toml beside the script, otherwise there are no tools
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Whose tools; may be left out where there is one tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Print `{"checked": ..., "error": ...}` as in a run object; of several scripts a line each, with `script`
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    super::log_to_stderr("error");
    let mut scripts = Vec::new();
    for path in &arguments.scripts {
        scripts.extend(modules::load_all(path)?);
    }
    let folder = scripts.first().and_then(|loaded| loaded.file.parent());
    let (settings, tenant, command) = settings(folder, arguments.config.as_deref(), arguments.tenant.as_deref())?;
    let installed = setup::checker(command.as_deref()).map_err(Failure::usage)?;
    let launch = checker::launch(installed, false).map_err(|error| Failure::fault("checker", error))?;
    let engine = std::thread::spawn(|| Engine::load(EngineOptions { isolates_max: 8, ..EngineOptions::default() }));
    let local = tokio::task::LocalSet::new();
    let worst = local.block_on(&executor()?, async {
        let tools = types::tools(settings, &tenant).await?;
        let engine = engine.join().map_err(|_| Failure::Fault("the engine's thread broke down".into()))?;
        let engine = engine.map_err(|error| Failure::fault("engine", error))?;
        let (programs, checker) = (Programs::new(Arc::new(engine)), Checker::new(launch));
        let catalogue = Catalogue::new(tools);
        let each = async {
            let mut worst = 0;
            for loaded in &scripts {
                let found = find(&programs, &checker, &tenant, &loaded.script, &catalogue).await;
                tell(&found, loaded, arguments.json, scripts.len() > 1);
                worst = worst.max(found.status());
            }
            worst
        };
        tokio::select! {
            worst = each => Ok(worst),
            () = setup::stop_signal() => Err(Failure::Usage(vec!["interrupted".into()])),
        }
    })?;
    Ok(ExitCode::from(worst))
}

/// What came of it: what does not compile has no types.
enum Found {
    Unknown(String),
    Wrong { error: RunError, more: u32 },
    Clean,
}

impl Found {
    /// CONTRACT section 1: 1 what is wrong with the script, 3 a limit of the check.
    fn status(&self) -> u8 {
        match self {
            Found::Clean => 0,
            Found::Wrong { .. } => 1,
            Found::Unknown(_) => 3,
        }
    }
}

async fn find(programs: &Programs, checker: &Checker, tenant: &str, script: &Script, catalogue: &Catalogue) -> Found {
    if let Err(error) = programs.prepare(tenant, script, CEILINGS.source_bytes).await {
        return Found::Wrong { error, more: 0 };
    }
    let mut ask = ask(tenant, script, catalogue);
    ask.declarations = Some(catalogue.declarations.clone());
    match checker.check(&ask).await {
        Answer::Told(Verdict::Clean) => Found::Clean,
        Answer::Told(Verdict::Wrong { diagnostics, more }) => Found::Wrong { error: type_error(diagnostics), more },
        Answer::Told(Verdict::NotChecked(reason)) => Found::Unknown(reason),
        Answer::DeclarationsWanted => Found::Unknown("the type checker did not take the declarations".into()),
    }
}

fn tell(found: &Found, loaded: &Loaded, as_json: bool, of_many: bool) {
    if as_json {
        let mut object = in_json(found);
        if let (true, Some(object)) = (of_many, object.as_object_mut()) {
            object.insert("script".into(), loaded.file.display().to_string().into());
        }
        println!("{object}");
        return;
    }
    match found {
        Found::Clean => findings::clean(&loaded.file),
        Found::Unknown(reason) => findings::unknown(&loaded.file, reason),
        Found::Wrong { error, more } => findings::wrong(loaded, error, *more),
    }
}

fn in_json(found: &Found) -> Value {
    match found {
        Found::Clean => json!({ "checked": true }),
        Found::Unknown(reason) => json!({ "checked": false, "not_checked": reason }),
        Found::Wrong { error, more: 0 } => json!({ "checked": true, "error": error }),
        Found::Wrong { error, .. } => json!({ "checked": true, "error": error, "truncated": ["error.diagnostics"] }),
    }
}
