//! In: what is said to calls that a paused run waits for. Out: the run, as it stops next.
//! May touch: the server, standard streams, the files it is told.
//! Security boundary: no.

use super::server::{Place, Server};
use super::told;
use crate::cli::failure::Failure;
use http::Method;
use mayfly::limits::OPERATOR_VALUE_BYTES_MAX;
use mayfly_bridge::Wanted;
use serde::Serialize;
use serde_json::value::RawValue;
use std::io::Read;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Continue {
    #[command(flatten)]
    to: To,
    /// The result of a call: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "CALL=JSON")]
    outcome: Vec<String>,
    /// What went wrong with a call, for the script
    #[arg(long, value_name = "CALL=TEXT")]
    error: Vec<String>,
}

#[derive(clap::Args)]
pub struct Approve {
    #[command(flatten)]
    to: To,
    /// The number of the call, as `pending` of the run says it
    #[arg(value_name = "CALL")]
    call: u32,
}

#[derive(clap::Args)]
pub struct Reject {
    #[command(flatten)]
    to: To,
    /// The number of the call, as `pending` of the run says it
    #[arg(value_name = "CALL")]
    call: u32,
    /// Why not, for the script
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(clap::Args)]
struct To {
    /// The run's id
    #[arg(value_name = "ID")]
    id: String,
    /// Print the whole run object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// The body of `POST /v1/runs/{id}/continue`.
#[derive(Default, Serialize)]
struct Said {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<Decision>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outcomes: Vec<Outcome>,
}

#[derive(Serialize)]
struct Decision {
    call: u32,
    approve: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Outcome {
    call: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub async fn continue_(arguments: Continue) -> Result<ExitCode, Failure> {
    let mut outcomes = Vec::new();
    for said in &arguments.outcome {
        let (call, value) = numbered("--outcome", said)?;
        outcomes.push(Outcome { call, value: Some(value_of(call, value)?), error: None });
    }
    for said in &arguments.error {
        let (call, text) = numbered("--error", said)?;
        outcomes.push(Outcome { call, value: None, error: Some(text.to_owned()) });
    }
    if outcomes.is_empty() {
        return Err(Failure::usage("say something to a call: --outcome CALL=JSON, or --error CALL=TEXT"));
    }
    say(arguments.to, Said { outcomes, ..Said::default() }).await
}

pub async fn approve(arguments: Approve) -> Result<ExitCode, Failure> {
    decide(arguments.to, Decision { call: arguments.call, approve: true, reason: None }).await
}

pub async fn reject(arguments: Reject) -> Result<ExitCode, Failure> {
    decide(arguments.to, Decision { call: arguments.call, approve: false, reason: arguments.reason }).await
}

async fn decide(to: To, decision: Decision) -> Result<ExitCode, Failure> {
    say(to, Said { decisions: vec![decision], ..Said::default() }).await
}

async fn say(to: To, said: Said) -> Result<ExitCode, Failure> {
    let server = Server::find(&to.place)?;
    let body = serde_json::to_string(&said).map_err(|error| Failure::fault("request", error))?;
    let path = ["v1", "runs", &to.id, "continue"];
    let wanted = Wanted { method: Method::POST, path: &path, body: Some(body), ..Wanted::default() };
    match server.ask(wanted).await? {
        Ok(object) => Ok(told::report(&object, to.json)?.exit()),
        Err(refused) => Ok(refused.report()),
    }
}

fn numbered<'a>(option: &str, said: &'a str) -> Result<(u32, &'a str), Failure> {
    let numbered = said.split_once('=').and_then(|(call, rest)| Some((call.parse().ok()?, rest)));
    numbered.ok_or_else(|| Failure::usage(format!("{option}: write the call's number, `=` and what is said to it")))
}

fn value_of(call: u32, text: &str) -> Result<Box<RawValue>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::usage(format!("--outcome {call}: {error}"));
    let from = |reader: &mut dyn Read| {
        let mut text = String::new();
        reader.take(OPERATOR_VALUE_BYTES_MAX).read_to_string(&mut text).map(|_| text).map_err(|error| failed(&error))
    };
    let text = match (text, text.strip_prefix('@')) {
        ("-", _) => from(&mut std::io::stdin())?,
        (_, Some(file)) => from(&mut std::fs::File::open(file).map_err(|error| failed(&format!("{file}: {error}")))?)?,
        (text, None) => text.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| failed(&format!("is not JSON: {error}")))
}
