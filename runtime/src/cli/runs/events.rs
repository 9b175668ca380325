//! In: a run. Out: what happens in it, told as it happens; the run's exit status.
//! May touch: the server, standard streams.
//! Security boundary: no.

use super::server::{Place, Server, not_reached};
use super::told::{Line, Told};
use crate::cli::failure::Failure;
use crate::cli::report::{paint_for_stderr, plain};
use http::header::{ACCEPT, HeaderName, HeaderValue};
use mayfly::limits::OPERATOR_ANSWER_BYTES_MAX;
use mayfly_bridge::Wanted;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::io::Write;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Arguments {
    /// The run's id
    #[arg(value_name = "ID")]
    id: String,
    /// Leave out this event and those before it
    #[arg(long, value_name = "NUMBER")]
    after: Option<u32>,
    /// Print a line of JSON for each event
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// One event, as `--json` prints it.
#[derive(Serialize)]
struct Event<'a> {
    id: u64,
    event: &'a str,
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Call {
    call: u32,
    tool: Option<String>,
    method: String,
    url: String,
    verdict: String,
    status: Option<u16>,
    ms: f64,
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let server = Server::find(&arguments.place)?;
    let mut headers = vec![(ACCEPT, HeaderValue::from_static("text/event-stream"))];
    headers.extend(arguments.after.map(|after| (LAST_EVENT_ID, HeaderValue::from(after))));
    let path = ["v1", "runs", &arguments.id, "events"];
    let mut stream = match server.open(Wanted { path: &path, headers: &headers, ..Wanted::default() }).await? {
        Ok(stream) => stream,
        Err(refused) => return Ok(refused.report()),
    };
    let (mut rest, mut last) = (Vec::new(), ExitCode::SUCCESS);
    while let Some(part) = stream.part().await.map_err(not_reached)? {
        rest.extend_from_slice(&part);
        while let Some(end) = rest.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = rest.drain(..end + 2).collect();
            if let Some(exit) = tell(&String::from_utf8_lossy(&block), arguments.json)? {
                last = exit;
            }
        }
        if rest.len() > OPERATOR_ANSWER_BYTES_MAX {
            return Err(Failure::Fault(format!("server: an event has more than {OPERATOR_ANSWER_BYTES_MAX} bytes")));
        }
    }
    Ok(last)
}

/// Gives the exit status of a run that stopped.
fn tell(block: &str, json: bool) -> Result<Option<ExitCode>, Failure> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let (Some(id), Some(event), Some(data)) = (field("id"), field("event"), field("data")) else { return Ok(None) };
    let unreadable = |error: serde_json::Error| Failure::Fault(format!("server: event {id} cannot be read: {error}"));
    let stopped: Option<Told> = match event {
        "paused" | "result" => Some(serde_json::from_str(data).map_err(unreadable)?),
        _ => None,
    };
    if json {
        let data = serde_json::from_str(data).map_err(unreadable)?;
        let line = serde_json::to_string(&Event { id: id.parse().unwrap_or(0), event, data }).map_err(unreadable)?;
        line_out(&line);
    } else {
        let paint = paint_for_stderr();
        match event {
            "log" => eprintln!("{}", serde_json::from_str::<Line>(data).map_err(unreadable)?.shown(paint)),
            "call" => eprintln!("{} {}", paint.dim("call "), call(&serde_json::from_str(data).map_err(unreadable)?)),
            _ => stopped.iter().for_each(|told| told.rest(paint)),
        }
    }
    Ok(stopped.map(|told| told.exit()))
}

fn line_out(line: &str) {
    let mut out = std::io::stdout();
    // Nobody reads on: that is their business.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn call(call: &Call) -> String {
    let Call { call: number, tool, method, url, verdict, status, ms } = call;
    let what = tool.clone().unwrap_or_else(|| format!("{method} {url}"));
    let status = status.map_or(String::new(), |status| format!(", {status}"));
    plain(&format!("{number}: {what}: {verdict}{status}, {ms:.1} ms"))
}
