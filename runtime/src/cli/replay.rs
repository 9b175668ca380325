//! In: a tape. Out: whether its run does the same again; and which of its fetches other rules would refuse.
//! May touch: the tape's file, the configuration that is named, standard streams. Nothing is sent anywhere.
//! Security boundary: no; the isolate is, as for any run.

use super::failure::Failure;
use super::{executor, report, setup};
use mayfly::config::Config;
use mayfly::isolate::{AskKind, Engine, EngineOptions};
use mayfly::limits::TAPE_BYTES_MAX;
use mayfly::run::Host;
use mayfly::tape::{self, Compared, NotReplayed};
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Arguments {
    /// A tape, as `GET /v1/runs/ID/tape` gives it and `run --record` writes it; - for standard input
    tape: PathBuf,
    /// Look at the tape's fetches with the rules of this configuration, and tell which would be refused
    #[arg(long, value_name = "FILE", requires = "tenant")]
    config: Option<PathBuf>,
    /// Whose rules hold
    #[arg(long, value_name = "NAME", requires = "config")]
    tenant: Option<String>,
    /// Print what came of it as JSON
    #[arg(long)]
    json: bool,
}

/// One fetch that the rules refuse.
#[derive(serde::Serialize)]
struct Refused {
    call: u32,
    method: String,
    url: String,
    why: String,
}

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    super::log_to_stderr("error");
    let text = read(&arguments.tape)?;
    let name = arguments.tape.display();
    let refused = match (&arguments.config, &arguments.tenant) {
        (Some(config), Some(tenant)) => Some(refused(&text, config, tenant, &name.to_string())?),
        _ => None,
    };
    let engine = Engine::load(EngineOptions { isolates_max: 8, ..EngineOptions::default() })
        .map_err(|error| Failure::fault("engine", error))?;
    let compared = executor()?.block_on(tape::replay(&Host::new(engine), "", &text)).map_err(|why| match why {
        NotReplayed::NoIsolate(why) => Failure::fault("engine", why),
        other => Failure::usage(format!("{name}: {other}")),
    })?;
    match arguments.json {
        true => {
            let mut json = serde_json::to_value(&compared).map_err(|error| Failure::fault("replay", error))?;
            if let (Some(refused), Some(fields)) = (&refused, json.as_object_mut()) {
                fields.insert("refused".to_owned(), serde_json::json!(refused));
            }
            println!("{json}");
        }
        false => tell(&compared, refused.as_deref()),
    }
    let as_before = compared.equal && refused.is_none_or(|refused| refused.is_empty());
    Ok(ExitCode::from(u8::from(!as_before)))
}

fn read(path: &PathBuf) -> Result<String, Failure> {
    let mut text = String::new();
    let limit = TAPE_BYTES_MAX as u64 + 1;
    let read = match path.to_str() {
        Some("-") => std::io::stdin().take(limit).read_to_string(&mut text),
        _ => std::fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text)),
    };
    read.map_err(|error| Failure::usage(format!("{}: cannot be read: {error}", path.display())))?;
    Ok(text)
}

/// Tools are not looked at: what they reach stands in their documents.
fn refused(text: &str, config: &std::path::Path, tenant: &str, name: &str) -> Result<Vec<Refused>, Failure> {
    let settings = setup::settings(&Config::read(config)?);
    let asks = tape::asks(text).map_err(|why| Failure::usage(format!("{name}: {why}")))?;
    let mut found = Vec::new();
    for ask in asks {
        let AskKind::Fetch { method, url, .. } = ask.kind else { continue };
        let explained = mayfly_bridge::explain(&settings, tenant, &method, &url)?;
        if !explained.allowed {
            found.push(Refused { call: ask.call, method: explained.method, url: explained.url, why: explained.why });
        }
    }
    Ok(found)
}

fn tell(compared: &Compared, refused: Option<&[Refused]>) {
    let paint = report::paint_for_stdout();
    match (&compared.recorded, &compared.replayed, compared.at) {
        (Some(recorded), Some(replayed), Some(at)) => {
            println!("{} at entry {at} (line {} of the tape)", paint.red("different"), at + 1);
            println!("  recorded {recorded}\n  replayed {replayed}");
        }
        _ => println!("{}: the run did the same again", paint.green("equal")),
    }
    match refused {
        None => {}
        Some([]) => println!("these rules refuse none of its fetches"),
        Some(refused) => {
            println!("these rules refuse {} of its fetches:", refused.len());
            for Refused { call, method, url, why } in refused {
                println!("  {call:>3} {method} {url}\n      {why}");
            }
        }
    }
}
