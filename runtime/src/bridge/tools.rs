//! In: what a client wants to know of its tenant's tools. Out: found tools, or declarations.
//! May touch: the connection to the bridge.
//! Security boundary: no; the bridge decides whose tools they are.

use super::translate::refusal;
use super::{Bridge, DoorError, RefusedKind, gone};
use mayfly_schemas::bridge_capnp::{tools_answer, tools_found};
use serde::Serialize;

/// One tool that fits a question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolHit {
    /// Without `tools.`.
    pub path: String,
    pub description: String,
    pub signature: String,
    pub score: f32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToolsFound {
    /// Best first.
    pub hits: Vec<ToolHit>,
    /// How many the tenant has.
    pub tools: u32,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    pub token: &'a [u8],
    pub request_id: &'a str,
}

impl Bridge {
    pub async fn search_tools(&self, asker: Asker<'_>, query: &str, limit: u32) -> Result<ToolsFound, DoorError> {
        let connection = self.connected().await?;
        let mut request = connection.client.tools_request();
        let mut ask = request.get().init_ask();
        ask.set_token(asker.token);
        ask.set_request_id(asker.request_id);
        let mut search = ask.init_search();
        search.set_query(query);
        search.set_limit(limit);
        let response = request.send().promise.await.map_err(gone)?;
        let answer = response.get().and_then(|results| results.get_answer()).map_err(gone)?;
        match answer.which().map_err(|unknown| gone(unknown.into()))? {
            tools_answer::Found(found) => found.and_then(read_found).map_err(gone),
            other => Err(refused(other)),
        }
    }

    /// TypeScript of these tools, groups of tools or shared types. What leads nowhere is `Invalid`.
    pub async fn describe_tools(&self, asker: Asker<'_>, paths: &[String], tokens: u32) -> Result<String, DoorError> {
        let connection = self.connected().await?;
        let mut request = connection.client.tools_request();
        let mut ask = request.get().init_ask();
        ask.set_token(asker.token);
        ask.set_request_id(asker.request_id);
        let mut describe = ask.init_describe();
        describe.set_paths(paths).map_err(gone)?;
        describe.set_tokens(tokens);
        let response = request.send().promise.await.map_err(gone)?;
        declarations(response.get().and_then(|results| results.get_answer()).map_err(gone)?)
    }

    /// TypeScript of all tools, or of those that a run was left.
    pub async fn tool_declarations(&self, asker: Asker<'_>, left: Option<&[String]>) -> Result<String, DoorError> {
        let connection = self.connected().await?;
        let mut request = connection.client.tools_request();
        let mut ask = request.get().init_ask();
        ask.set_token(asker.token);
        ask.set_request_id(asker.request_id);
        match left {
            None => ask.set_declarations(()),
            Some(paths) => ask.set_some(paths).map_err(gone)?,
        }
        let response = request.send().promise.await.map_err(gone)?;
        declarations(response.get().and_then(|results| results.get_answer()).map_err(gone)?)
    }
}

fn declarations(answer: tools_answer::Reader<'_>) -> Result<String, DoorError> {
    match answer.which().map_err(|unknown| gone(unknown.into()))? {
        tools_answer::Declarations(text) => text.and_then(|text| Ok(text.to_string()?)).map_err(gone),
        other => Err(refused(other)),
    }
}

fn refused(which: tools_answer::WhichReader<'_>) -> DoorError {
    match which {
        tools_answer::Refused(refused) => refused.and_then(refusal).unwrap_or_else(gone),
        tools_answer::Unknown(text) => match text.and_then(|text| Ok(text.to_string()?)) {
            Ok(detail) => DoorError::Refused { kind: RefusedKind::Invalid, detail, retry_after_ms: 0 },
            Err(error) => gone(error),
        },
        _ => DoorError::Unavailable("it answered what was not asked".into()),
    }
}

fn read_found(found: tools_found::Reader<'_>) -> capnp::Result<ToolsFound> {
    let mut hits = Vec::new();
    for hit in found.get_hits()? {
        hits.push(ToolHit {
            path: hit.get_path()?.to_string()?,
            description: hit.get_description()?.to_string()?,
            signature: hit.get_signature()?.to_string()?,
            score: hit.get_score(),
        });
    }
    Ok(ToolsFound { hits, tools: found.get_tools() })
}
