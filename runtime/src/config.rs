//! In: the text of `mayfly.toml`. Out: what it means, or a mistake with file, line, key and a hint.
//! May touch: the file it is told to read.
//! Security boundary: no; operators write it.

mod state;

use crate::lockdown::Mode;
use mayfly_schemas::database::Database;
use mayfly_schemas::limits::{
    CEILINGS, DEFAULTS, Limits, LimitsAsked, PARK_AFTER_MS, PAUSE_DEFAULT_MS, PAUSE_IN_MEMORY_MS, PAUSE_MS_MAX,
    RUNS_KEEP_MAX, RUNS_KEEP_MS_MAX, RUNS_KEPT_MAX, RUNS_KEPT_MS,
};
use mayfly_schemas::strict::{self, Mistake};
use serde::{Deserialize, Serialize};
use state::State;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// A server's configuration, checked; paths are absolute or relative to the process.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub listen: SocketAddr,
    /// Where `/healthz`, `/readyz` are answered too, away from tenants.
    pub admin_listen: Option<SocketAddr>,
    /// Host name of the server itself, where its own paths win over tenants' routes.
    pub host: Option<String>,
    /// Folder of durable state; with a database, of what this machine alone has.
    pub state: PathBuf,
    /// Where durable state is that several machines share.
    pub database: Option<Database>,
    /// Folder of tenant files.
    pub tenants: PathBuf,
    /// A bridge that somebody else runs; without it `serve` starts its own.
    pub bridge_socket: Option<PathBuf>,
    /// Where the bridge finds its master key; without it in the state folder.
    pub master_key: Option<String>,
    /// Whether requests to upstreams carry the trace of the request that began their run.
    pub trace_upstreams: bool,
    /// The TypeScript compiler; without it `MAYFLY_TSC`, then `tsc` on the PATH.
    pub checker_command: Option<PathBuf>,
    /// What happens where the machine lacks a layer of the lock-down.
    pub lockdown: Mode,
    pub pauses: Pauses,
    pub keeping: Keeping,
    pub ceilings: Limits,
    pub defaults: Limits,
}

/// Runs that wait for their caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses {
    /// How long one waits before it is parked.
    pub park_after_ms: u64,
    /// How long it waits in all before it is cancelled.
    pub pause_ms: u64,
}

/// Runs that have ended, and can still be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeping {
    /// Of a tenant.
    pub runs: u64,
    /// For how long after its end.
    pub keep_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<Spanned<String>>,
    admin_listen: Option<Spanned<String>>,
    host: Option<Spanned<String>>,
    state: Option<Spanned<String>>,
    folder: Option<Spanned<String>>,
    objects: Option<Spanned<String>>,
    tenants: Option<String>,
    bridge: Option<BridgeTable>,
    checker: Option<CheckerTable>,
    runtime: Option<RuntimeTable>,
    runs: Option<RunsTable>,
    limits: Option<Spanned<LimitsAsked>>,
    defaults: Option<Spanned<LimitsAsked>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BridgeTable {
    socket: Option<String>,
    master_key: Option<Spanned<String>>,
    trace_upstreams: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckerTable {
    command: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeTable {
    lockdown: Option<Mode>,
    park_after_ms: Option<Spanned<u64>>,
    pause_ms: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunsTable {
    keep: Option<Spanned<u64>>,
    keep_ms: Option<Spanned<u64>>,
}

impl Config {
    pub fn read(path: &Path) -> Result<Config, Mistake> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let mistake = Mistake::new(&name, 0, format!("cannot be read: {error}"));
            match error.kind() {
                std::io::ErrorKind::NotFound => mistake.hint("name the file with --config FILE"),
                _ => mistake,
            }
        })?;
        Config::parse(&name, &text, path.parent().unwrap_or(Path::new("")))
    }

    fn parse(name: &str, text: &str, folder: &Path) -> Result<Config, Mistake> {
        let file: File = strict::read(name, text)?;
        let line = |start: usize| strict::line_of(text, start);
        let address = |key: &str, spanned: &Spanned<String>| {
            spanned.get_ref().parse::<SocketAddr>().map_err(|_| {
                Mistake::new(
                    name,
                    line(spanned.span().start),
                    format!("`{key}` is no address: {:?}", spanned.get_ref()),
                )
                .hint("write IP:PORT, as in \"127.0.0.1:8787\"")
            })
        };
        let limits = |asked: &Option<Spanned<LimitsAsked>>, base: Limits, ceilings: &Limits| match asked {
            None => Ok(base.at_most(ceilings)),
            Some(spanned) => base.at_most(ceilings).with(spanned.get_ref(), ceilings).map_err(|refused| {
                let at = key_line(text, spanned.span().start, refused.name);
                Mistake::new(name, at, refused.to_string())
            }),
        };
        let state = State::read(name, &file, line)?;
        let ceilings = limits(&file.limits, CEILINGS, &CEILINGS)?;
        Ok(Config {
            listen: file.listen.as_ref().map_or(Ok(default_listen()), |listen| address("listen", listen))?,
            admin_listen: file.admin_listen.as_ref().map(|listen| address("admin_listen", listen)).transpose()?,
            host: file.host.as_ref().map(|host| host_name(name, host, line)).transpose()?,
            state: folder.join(state.folder),
            database: state.database,
            tenants: folder.join(file.tenants.as_deref().unwrap_or("tenants")),
            master_key: master_key(name, folder, file.bridge.as_ref(), line)?,
            trace_upstreams: file.bridge.as_ref().and_then(|bridge| bridge.trace_upstreams).unwrap_or(false),
            bridge_socket: file.bridge.and_then(|bridge| bridge.socket).map(|socket| folder.join(socket)),
            checker_command: file.checker.and_then(|checker| checker.command).map(|command| folder.join(command)),
            lockdown: file.runtime.as_ref().and_then(|runtime| runtime.lockdown).unwrap_or_default(),
            pauses: Pauses {
                park_after_ms: within(
                    name,
                    "park_after_ms",
                    file.runtime.as_ref().and_then(|runtime| runtime.park_after_ms.as_ref()),
                    0..=PAUSE_IN_MEMORY_MS,
                    PARK_AFTER_MS,
                    line,
                )?,
                pause_ms: within(
                    name,
                    "pause_ms",
                    file.runtime.as_ref().and_then(|runtime| runtime.pause_ms.as_ref()),
                    1..=PAUSE_MS_MAX,
                    PAUSE_DEFAULT_MS,
                    line,
                )?,
            },
            keeping: keeping(name, file.runs.as_ref(), line)?,
            defaults: limits(&file.defaults, DEFAULTS, &ceilings)?,
            ceilings,
        })
    }
}

fn keeping(name: &str, runs: Option<&RunsTable>, line: impl Fn(usize) -> usize) -> Result<Keeping, Mistake> {
    let (keep, keep_ms) = (runs.and_then(|runs| runs.keep.as_ref()), runs.and_then(|runs| runs.keep_ms.as_ref()));
    Ok(Keeping {
        runs: within(name, "keep", keep, 0..=RUNS_KEEP_MAX, RUNS_KEPT_MAX as u64, &line)?,
        keep_ms: within(name, "keep_ms", keep_ms, 0..=RUNS_KEEP_MS_MAX, RUNS_KEPT_MS, &line)?,
    })
}

fn within(
    name: &str,
    key: &str,
    asked: Option<&Spanned<u64>>,
    range: RangeInclusive<u64>,
    default: u64,
    line: impl Fn(usize) -> usize,
) -> Result<u64, Mistake> {
    let Some(asked) = asked else { return Ok(default) };
    let wanted = *asked.get_ref();
    if range.contains(&wanted) {
        return Ok(wanted);
    }
    let mistake = Mistake::new(name, line(asked.span().start), format!("`{key}`: {wanted} is out of range"));
    Err(mistake.hint(format!("use {} to {}", range.start(), range.end())))
}

/// With its path, if it has one, relative to the configuration's folder.
fn master_key(
    name: &str,
    folder: &Path,
    bridge: Option<&BridgeTable>,
    line: impl Fn(usize) -> usize,
) -> Result<Option<String>, Mistake> {
    let Some(key) = bridge.and_then(|bridge| bridge.master_key.as_ref()) else { return Ok(None) };
    match key.get_ref().split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok(Some(format!("file:{}", folder.join(path).display()))),
        Some(("env" | "credential", place)) if !place.is_empty() => Ok(Some(key.get_ref().clone())),
        // Without the text: it may be the key itself.
        _ => Err(Mistake::new(name, line(key.span().start), "`master_key` names no source".to_owned())
            .hint("write file:PATH, env:NAME, or credential:NAME for one of systemd's")),
    }
}

pub fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8787))
}

fn host_name(name: &str, host: &Spanned<String>, line: impl Fn(usize) -> usize) -> Result<String, Mistake> {
    let text = host.get_ref();
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match text.split('.').all(label) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(Mistake::new(name, line(host.span().start), format!("`host` is no host name: {text:?}"))
            .hint("write the name alone, as in \"mayfly.example.com\"")),
    }
}

/// The line of a key inside the table that starts at `start`.
fn key_line(text: &str, start: usize, key: &str) -> usize {
    let first = strict::line_of(text, start);
    let inside = text.lines().skip(first - 1).position(|line| line.trim_start().starts_with(key));
    first + inside.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        Config::parse("mayfly.toml", text, Path::new("")).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        let config = Config::parse("mayfly.toml", "", Path::new("/etc/mayfly")).unwrap();
        assert_eq!(config.listen, default_listen());
        assert_eq!(config.tenants, Path::new("/etc/mayfly/tenants"));
        assert_eq!((config.ceilings, config.defaults), (CEILINGS, DEFAULTS));
        assert_eq!((config.lockdown, config.checker_command), (Mode::BestEffort, None));
    }

    #[test]
    fn a_lower_ceiling_lowers_the_default() {
        let config = Config::parse("mayfly.toml", "[limits]\ncpu_ms = 500\n", Path::new("")).unwrap();
        assert_eq!(config.defaults.cpu_ms, 500);
    }

    #[test]
    fn how_many_ended_runs_are_kept_and_for_how_long() {
        let keeping = |text: &str| Config::parse("mayfly.toml", text, Path::new("")).unwrap().keeping;
        assert_eq!(keeping(""), Keeping { runs: 1_000, keep_ms: 900_000 });
        assert_eq!(keeping("[runs]\nkeep = 0\n"), Keeping { runs: 0, keep_ms: 900_000 });
        assert_eq!(keeping("[runs]\nkeep = 5\nkeep_ms = 60000\n"), Keeping { runs: 5, keep_ms: 60_000 });
        let many = mistake("[runs]\nkeep = 16385\n");
        assert_eq!(many, "mayfly.toml:2: `keep`: 16385 is out of range\n  hint: use 0 to 16384");
        assert!(
            mistake("[runs]\n\nkeep_ms = 86400001\n").starts_with("mayfly.toml:3: `keep_ms`: 86400001 is out of range")
        );
        assert!(mistake("[runs]\nkep = 1\n").contains(":2: unknown key `kep`\n  hint: did you mean `keep`?"));
    }

    #[test]
    fn every_mistake_names_its_line_and_says_what_to_write() {
        assert!(
            mistake("lisen = \"x\"").contains("mayfly.toml:1: unknown key `lisen`\n  hint: did you mean `listen`?")
        );
        assert!(mistake("\nlisten = \"localhost\"").contains("mayfly.toml:2: `listen` is no address: \"localhost\""));
        assert_eq!(
            mistake("[limits]\nwall_ms = 5\ncpu_ms = 30001\n"),
            "mayfly.toml:3: cpu_ms = 30001 is above the limit 30000"
        );
        assert!(
            mistake("[limits]\ncpu_ms = 10\n[defaults]\ncpu_ms = 11").contains(":4: cpu_ms = 11 is above the limit 10")
        );
        assert!(
            mistake("\nhost = \"https://a.test\"")
                .contains(":2: `host` is no host name: \"https://a.test\"\n  hint: write")
        );
        assert_eq!(
            mistake("[runtime]\nlockdown = \"on\"\n"),
            "mayfly.toml:2: `lockdown`: unknown variant `on`, expected one of `required`, `best-effort`, `off`"
        );
        let wrong = mistake("[bridge]\nmaster_key = \"00ff\"\n");
        assert!(wrong.contains(":2: `master_key` names no source") && !wrong.contains("00ff"), "{wrong}");
        assert!(mistake("[checker]\ncomand = \"tsc\"\n").contains(":2: unknown key `comand`\n  hint: did you mean"));
        assert!(mistake("[runtime]\nlokdown = \"off\"\n").contains(":2: unknown key `lokdown`\n  hint: did you mean"));
        let missing = Config::read(Path::new("/nowhere/mayfly.toml")).unwrap_err().to_string();
        assert!(missing.contains("/nowhere/mayfly.toml: cannot be read") && missing.contains("--config"), "{missing}");
    }
}
