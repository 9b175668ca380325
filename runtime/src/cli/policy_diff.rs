//! In: two tenant files, two folders of them, or two `mayfly.toml`. Out: which reach was gained and which was lost.
//! May touch: those files and the documents that they name; no credential.
//! Security boundary: no; it asks the bridge's own code. What is said here of `mayfly.toml` itself errs on the side of gained.

use super::failure::Failure;
use super::paint::{self, Paint};
use super::setup;
use mayfly::config::Config;
use mayfly::lockdown::Mode;
use mayfly_bridge::{Change, Difference, Inline, Settings};
use mayfly_schemas::limits::{CEILINGS, DEFAULTS, TENANT_FILE_BYTES_MAX};
use std::io::{IsTerminal, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Arguments {
    /// A tenant file, a folder of them, or a mayfly.toml, as it was
    old: PathBuf,
    /// The same, as it will be
    new: PathBuf,
    /// Print JSON: {"gained": [...], "lost": [...]}
    #[arg(long)]
    json: bool,
}

/// One version of what is compared.
struct Version {
    kind: &'static str,
    settings: Settings,
    config: Option<Config>,
}

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let (old, new) = (version(&arguments.old)?, version(&arguments.new)?);
    if old.kind != new.kind {
        let what = format!("{} and {} cannot be compared; name two of one kind", old.kind, new.kind);
        return Err(Failure::usage(what));
    }
    let mut difference = mayfly_bridge::diff(&old.settings, &new.settings)?;
    if let (Some(old), Some(new)) = (&old.config, &new.config) {
        server(&mut difference, old, new);
    }
    match arguments.json {
        true => println!("{}", serde_json::to_string(&difference).map_err(|error| Failure::fault("JSON", error))?),
        false => print!("{}", painted(&difference.to_string())),
    }
    Ok(ExitCode::from(u8::from(!difference.gained.is_empty())))
}

fn painted(text: &str) -> String {
    let paint = Paint(paint::wanted(std::io::stdout().is_terminal()));
    let line = |line: &str| match line.trim_start().chars().next() {
        Some('+') => paint.red(line),
        Some('-') => paint.green(line),
        _ => line.to_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

fn version(path: &Path) -> Result<Version, Failure> {
    let shown = path.display().to_string();
    let cannot = |error: std::io::Error| Failure::usage(format!("{shown}: cannot be read: {error}"));
    let bare = Settings {
        tenants: None,
        inline: Vec::new(),
        tokens: Vec::new(),
        state: None,
        database: None,
        master_key: None,
        host: None,
        trace_upstreams: false,
        guard: None,
        ceilings: CEILINGS,
        defaults: DEFAULTS,
    };
    if std::fs::metadata(path).map_err(cannot)?.is_dir() {
        let settings = Settings { tenants: Some(path.to_owned()), ..bare };
        return Ok(Version { kind: "a folder of tenant files", settings, config: None });
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    let read = file.take(TENANT_FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(cannot)?;
    if read as u64 > TENANT_FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{shown}: is above {TENANT_FILE_BYTES_MAX} bytes")));
    }
    if path.file_name().is_some_and(|name| name == "mayfly.toml") || is_server(&text) {
        let config = Config::read(path)?;
        return Ok(Version { kind: "a mayfly.toml", settings: setup::settings(&config), config: Some(config) });
    }
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let settings = Settings { inline: vec![Inline { file: shown, text, folder }], ..bare };
    Ok(Version { kind: "a tenant file", settings, config: None })
}

/// Whether it is a server's configuration: without `tenant`, and with something that only those have.
fn is_server(text: &str) -> bool {
    let known = ["listen", "admin_listen", "host", "state", "tenants", "bridge", "checker", "runtime", "defaults"];
    let file: Result<toml::Table, _> = toml::from_str(text);
    file.is_ok_and(|file| !file.contains_key("tenant") && known.iter().any(|key| file.contains_key(*key)))
}

/// What the server's own file opens. Its limits have been compared for each tenant.
fn server(difference: &mut Difference, old: &Config, new: &Config) {
    let change = |kind, what: String, exact| Change {
        tenant: "mayfly.toml".to_owned(),
        kind,
        what,
        example: String::new(),
        exact,
    };
    let open = |address: Option<SocketAddr>| address.is_some_and(|address| !address.ip().is_loopback());
    let mut gained = Vec::new();
    for (key, before, after) in
        [("listen", Some(old.listen), Some(new.listen)), ("admin_listen", old.admin_listen, new.admin_listen)]
    {
        if let (Some(address), true) = (after, open(after) && before != after) {
            gained.push(change("file", format!("`{key}` is {address}, which other machines may reach"), open(before)));
        }
    }
    let strength = |mode: Mode| match mode {
        Mode::Off => 0,
        Mode::BestEffort => 1,
        Mode::Required => 2,
    };
    if strength(new.lockdown) < strength(old.lockdown) {
        gained.push(change("file", "`lockdown` of [runtime] is weaker".to_owned(), true));
    }
    for (key, differs) in [
        ("host", old.host != new.host),
        ("socket", old.bridge_socket.is_some() != new.bridge_socket.is_some()),
        ("command", old.checker_command.is_some() != new.checker_command.is_some()),
    ] {
        if differs {
            gained.push(change("file", format!("`{key}` is another"), false));
        }
    }
    difference.gained.extend(gained);
}
