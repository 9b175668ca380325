//! In: which runs are wanted. Out: lines about them, in columns on a terminal, between tabs otherwise.
//! May touch: the server, standard streams.
//! Security boundary: no.

use super::server::{Place, Server};
use super::told::{self, one_line};
use crate::cli::failure::Failure;
use crate::cli::paint::Paint;
use crate::cli::report;
use mayfly::run::RunStatus;
use mayfly_bridge::Wanted;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(clap::Args)]
pub struct Arguments {
    /// running, paused, completed, failed or cancelled
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Of this stored script
    #[arg(long, value_name = "NAME")]
    script: Option<String>,
    /// With this tag; several mean all of them
    #[arg(long, value_name = "KEY[:VALUE]")]
    tag: Vec<String>,
    /// Begun then or later: RFC 3339 or milliseconds since 1970
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Begun before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Where the list before ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Print what the server said
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Deserialize)]
struct List {
    runs: Vec<Line>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    status: RunStatus,
    created_at_ms: u64,
    script: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let server = Server::find(&arguments.place)?;
    let Arguments { status, script, tag, since, until, limit, cursor, json, .. } = arguments;
    let limit = limit.map(|limit| limit.to_string());
    let given = [("status", status), ("script", script), ("since", since), ("until", until), ("limit", limit)];
    let given = given.into_iter().chain([("cursor", cursor)]).chain(tag.into_iter().map(|tag| ("tag", Some(tag))));
    let query: Vec<(&str, String)> = given.filter_map(|(name, value)| Some((name, value?))).collect();
    let wanted = Wanted { path: &["v1", "runs"], query: &query, ..Wanted::default() };
    let answer = match server.ask(wanted).await? {
        Ok(answer) => answer,
        Err(refused) => return Ok(refused.report()),
    };
    if json {
        report::json(&String::from_utf8_lossy(&answer));
        return Ok(ExitCode::SUCCESS);
    }
    let list: List = serde_json::from_slice(&answer).map_err(|error| Failure::fault("server", error))?;
    match std::io::stdout().is_terminal() {
        true => table(&list.runs, report::paint_for_stdout()),
        false => list.runs.iter().for_each(Line::with_tabs),
    }
    if let Some(cursor) = list.cursor {
        eprintln!("there are more: --cursor {}", one_line(&cursor));
    }
    Ok(ExitCode::SUCCESS)
}

impl Line {
    fn script(&self) -> String {
        self.script.as_deref().map_or("-".to_owned(), one_line)
    }

    fn with_tabs(&self) {
        let status = serde_json::to_value(self.status).unwrap_or_default();
        let (id, status, at) = (one_line(&self.id), status.as_str().unwrap_or_default(), self.created_at_ms);
        // Nobody reads on: that is their business.
        let _ = writeln!(std::io::stdout(), "{id}\t{status}\t{at}\t{}\t{}", self.script(), told::tags(&self.tags));
    }
}

fn table(lines: &[Line], paint: Paint) {
    let scripts = lines.iter().map(|line| line.script().chars().count()).max().unwrap_or(0).clamp(6, 40);
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{}", paint.dim(&format!("{:30} status    begun   {:scripts$} tags", "id", "script")));
    for line in lines {
        let (id, script, tags) = (one_line(&line.id), line.script(), told::tags(&line.tags));
        let (status, age) = (told::word(line.status, paint), age(line.created_at_ms));
        let _ = writeln!(out, "{id:30} {status} {age:>7} {script:scripts$} {tags}");
    }
}

/// How long ago, in the largest unit that fits.
fn age(at_ms: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let seconds = now.saturating_sub(at_ms) / 1_000;
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}min", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
