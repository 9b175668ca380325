//! In: a script, its input, a tenant. Out: its result, from an isolate and a bridge that live for this one run.
//! May touch: the files it is told, standard streams, the bridge's process.
//! Security boundary: no; isolate and bridge are, as in a server.

use super::child::BridgeChild;
use super::failure::Failure;
use super::{executor, modules, report, setup};
use mayfly::bridge::{Bridge, Door, DoorError};
use mayfly::config::Config;
use mayfly::isolate::{Engine, EngineOptions};
use mayfly::limits::{CEILINGS, DEFAULTS, HTTP_BODY_BYTES_MAX, TAPE_BYTES_MAX};
use mayfly::prepare::Script;
use mayfly::run::{Asked, Host, Job, RunObject, execute};
use mayfly::tape::Recorder;
use mayfly_bridge::{ExtraToken, Inline, Role, Settings};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

#[derive(clap::Args)]
pub struct Arguments {
    /// TypeScript or JavaScript, with what it imports by relative paths; or a folder with a main.ts
    script: PathBuf,
    /// What the script gets: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", default_value = "null", allow_hyphen_values = true)]
    input: String,
    /// The server's configuration; otherwise mayfly.toml beside the script, otherwise nothing may be reached
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Whose rules hold; may be left out where there is one tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Write a tape of the run here, for `mayfly replay`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Print the whole run object instead of the result
    #[arg(long)]
    json: bool,
}

/// The tenant of a script without configuration: it may reach nothing.
pub const NOBODY: &str = "tenant = \"local\"\n";

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    super::log_to_stderr("error");
    let loaded = modules::load(&arguments.script)?;
    let input = read_input(&arguments.input)?;
    let (settings, tenant, _) =
        settings(loaded.file.parent(), arguments.config.as_deref(), arguments.tenant.as_deref())?;
    let tape = arguments.record.as_ref().map(|_| Rc::<Recorder>::default());
    let object = run_once(settings, &tenant, loaded.script, input, &[], tape.clone())?;
    if let (Some(file), Some(tape)) = (&arguments.record, tape) {
        write_tape(file, &tape)?;
    }
    match arguments.json {
        true => println!("{}", serde_json::to_string(&object).map_err(|error| Failure::fault("run object", error))?),
        false => {
            let paint = report::paint_for_stderr();
            report::logs(&object, paint);
            report::error(&object, paint);
            report::usage(&object, paint);
            report::result(&object);
        }
    }
    Ok(report::status(&object))
}

/// Starts a bridge, runs one script through it, ends it. `environment` is the bridge's alone.
pub fn run_once(
    mut settings: Settings,
    tenant: &str,
    script: Script,
    input: String,
    environment: &[(&str, &str)],
    tape: Option<Rc<Recorder>>,
) -> Result<RunObject, Failure> {
    let (token, sha256) = mayfly_bridge::new_token();
    settings.tokens.push(ExtraToken { tenant: tenant.to_owned(), sha256, role: Role::Runner });
    let (bridge, engine) = std::thread::scope(|scope| {
        let engine = scope.spawn(|| Engine::load(EngineOptions { isolates_max: 8, ..EngineOptions::default() }));
        (BridgeChild::start_quietly(&settings, environment), engine.join())
    });
    let bridge = bridge?;
    let engine = engine
        .map_err(|_| Failure::Fault("the engine's thread broke down".into()))?
        .map_err(|error| Failure::fault("engine", error))?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&executor()?, async {
        tokio::select! {
            object = one_run(Host::new(engine), &bridge, &token, script, input, tape) => object,
            () = setup::stop_signal() => Err(Failure::Usage(vec!["interrupted".into()])),
        }
    })
}

async fn one_run(
    host: Host,
    bridge: &BridgeChild,
    token: &str,
    script: Script,
    input: String,
    tape: Option<Rc<Recorder>>,
) -> Result<RunObject, Failure> {
    let id = format!("run_{}", ulid::Ulid::new());
    let began = Instant::now();
    let unavailable = |error: DoorError| match error {
        DoorError::Refused { detail, .. } => Failure::Usage(vec![detail]),
        DoorError::Unavailable(reason) => Failure::fault("bridge", reason),
    };
    let session =
        Bridge::new(Door::Socket(bridge.socket())).open(token.as_bytes(), &id, "").await.map_err(unavailable)?;
    let admission = session.admission().await.map_err(unavailable)?;
    let limits = admission.defaults;
    if input.len() as u64 > limits.input_bytes {
        let (bytes, limit) = (input.len(), limits.input_bytes);
        return Err(Failure::usage(format!("--input: {bytes} bytes of JSON; the limit is {limit}")));
    }
    let asked = Asked::Input(input);
    let job =
        Job { id, tenant: admission.tenant, tools: admission.tools, script, asked, limits, began, tape, origin: None };
    Ok(execute(&host, job, &session).await)
}

/// Of a run that never began there is none.
fn write_tape(file: &Path, tape: &Recorder) -> Result<(), Failure> {
    let text = tape.text().ok_or_else(|| {
        Failure::usage(format!("--record: the run has more than {TAPE_BYTES_MAX} bytes of tape: nothing was written"))
    })?;
    std::fs::write(file, text).map_err(|error| Failure::usage(format!("--record: {}: {error}", file.display())))
}

/// Whose rules hold, and where the type checker is said to be: in the file named, or in one beside the script.
pub fn settings(
    folder: Option<&Path>,
    config: Option<&Path>,
    tenant: Option<&str>,
) -> Result<(Settings, String, Option<PathBuf>), Failure> {
    let beside = folder.unwrap_or(Path::new("")).join("mayfly.toml");
    let file = config.map(PathBuf::from).or_else(|| beside.is_file().then_some(beside));
    let Some(file) = file else {
        if let Some(tenant) = tenant {
            return Err(Failure::usage(format!(
                "--tenant {tenant}: there is no mayfly.toml to find it in; use --config"
            )));
        }
        return Ok((inline(NOBODY), "local".into(), None));
    };
    let config = Config::read(&file)?;
    let settings = setup::checked(setup::settings(&config))?;
    let tenant = match tenant {
        Some(tenant) => tenant.to_owned(),
        None => only_tenant(&settings)?,
    };
    Ok((settings, tenant, config.checker_command))
}

/// Settings of one tenant given as text, for runs without files.
pub fn inline(tenant_file: &str) -> Settings {
    let file = Inline { file: "built in".into(), text: tenant_file.into(), folder: PathBuf::new() };
    let (ceilings, defaults) = (CEILINGS, DEFAULTS);
    Settings {
        tenants: None,
        inline: vec![file],
        tokens: Vec::new(),
        state: None,
        database: None,
        host: None,
        master_key: None,
        trace_upstreams: false,
        guard: None,
        ceilings,
        defaults,
    }
}

fn only_tenant(settings: &Settings) -> Result<String, Failure> {
    let mut names = mayfly_bridge::tenant_names(settings);
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(name),
        (None, _) => Err(Failure::usage("there is no tenant file in the `tenants` folder")),
        (Some(last), false) => {
            names.push(last);
            Err(Failure::usage(format!("say whose rules hold with --tenant: {}", names.join(", "))))
        }
    }
}

fn read_input(argument: &str) -> Result<String, Failure> {
    let from = |what: &str, mut reader: Box<dyn Read>| {
        let mut text = String::new();
        let read = reader.by_ref().take(HTTP_BODY_BYTES_MAX).read_to_string(&mut text);
        read.map(|_| text).map_err(|error| Failure::usage(format!("--input {what}: {error}")))
    };
    let text = match argument.strip_prefix('@') {
        Some(file) => {
            let opened = std::fs::File::open(file);
            from(argument, Box::new(opened.map_err(|error| Failure::usage(format!("--input {argument}: {error}")))?))?
        }
        None if argument == "-" => from("-", Box::new(std::io::stdin()))?,
        None => argument.to_owned(),
    };
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .map_err(|error| Failure::usage(format!("--input is not JSON: {error}")))?;
    Ok(text)
}
