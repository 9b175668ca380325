//! In: one call of a tool of an MCP server. Out: its value, or why there is none.
//! May touch: the server, through rmcp.
//! Security boundary: yes; arguments are checked before they are sent, and what comes back is searched whatever way it came,
//! decoded, for a child's output passes no other room.

use super::content;
use super::server::Server;
use super::trail::Trail;
use crate::approvals::{Approvals, Held, Place};
use crate::failure::{Failure, Kind, Reason};
use crate::messages::ToolCall;
use crate::record::Call;
use crate::tenants::Tenant;
use crate::tool_call::Outcome;
use mayfly_catalogue::{Operation, check};
use mayfly_schemas::limits::REQUEST_BODY_BYTES_MAX;
use rmcp::model::{CallToolRequest, CallToolRequestParams, CancelledNotificationParam, ClientRequest, ErrorData};
use rmcp::model::{RequestId, ServerResult};
use rmcp::service::PeerRequestOptions;
use rmcp::{Peer, RoleClient, ServiceError};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Which call this is, where somebody may have to say yes to it.
pub struct Gate<'a> {
    pub approvals: &'a Approvals,
    pub place: Place,
}

/// Within its time, and for as long as the run lasts.
pub async fn call(
    tenant: &Tenant,
    server: &Server,
    asked: &ToolCall,
    call: &mut Call,
    gate: Gate<'_>,
    released: &CancellationToken,
) -> Result<Outcome, Failure> {
    call.of_server(&server.shown(), &server.rule());
    let trail = Trail::new(asked.response_bytes);
    let told = Told { trail: trail.clone(), call };
    let outcome = tokio::select! {
        outcome = timeout(Duration::from_millis(asked.call_ms), perform(tenant, server, asked, gate, &trail)) => {
            outcome.unwrap_or_else(|_| Err(late(server, asked.call_ms)))
        }
        () = released.cancelled() => {
            told.call.cancelled();
            Err(Failure::network("the run ended before its call did"))
        }
    };
    outcome.map_err(|failure| failure.at("MCP", &server.shown()))
}

/// Puts into a call what its trail knows, also when it is cut off.
struct Told<'a> {
    trail: Trail,
    call: &'a mut Call,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.trail.tell(self.call);
    }
}

fn late(server: &Server, call_ms: u64) -> Failure {
    let still = if server.is_up() { "" } else { ", which is still being connected," };
    let what = format!("no reply of the MCP server {}{still} within {call_ms} ms", server.shown());
    Failure::timeout(format!("{what}; ask for less or raise the limit call_ms"))
}

async fn perform(
    tenant: &Tenant,
    server: &Server,
    asked: &ToolCall,
    gate: Gate<'_>,
    trail: &Trail,
) -> Result<Outcome, Failure> {
    if !server.has_listed() {
        server.ready().await?;
    }
    let catalogue = tenant.toolbox.catalogue();
    let tool = catalogue.find(&asked.tool).map_err(|unknown| Failure::tool(unknown.to_string()))?;
    let args: Value = serde_json::from_str(&asked.args).map_err(|_| Failure::usage("the arguments are no JSON"))?;
    let args = if args.is_null() { Value::Object(serde_json::Map::new()) } else { args };
    check(tool, &args).map_err(|error| Failure::tool(error.to_string()))?;
    if asked.args.len() as u64 > REQUEST_BODY_BYTES_MAX {
        return Err(Failure::usage(format!("the arguments are above {REQUEST_BODY_BYTES_MAX} bytes")));
    }
    let (Operation::Mcp { tool: name }, Value::Object(args)) = (&tool.operation, args) else {
        return Err(Failure::tool(format!("{}: is no tool of an MCP server", asked.tool)));
    };
    if asked.again && !(tool.hints.idempotent || tool.hints.read_only) {
        return Err(Failure::outcome_unknown());
    }
    if tenant.toolbox.needs_approval(&tool.path) {
        let body = json!({ "name": name, "arguments": args }).to_string().into();
        let held = Held { method: "MCP".to_owned(), url: server.shown(), body };
        if !gate.approvals.may_go(&gate.place, &held, asked.approved)? {
            return Ok(Outcome::Held(held));
        }
    }
    let peer = server.ready().await?;
    if server.is_command() {
        // No room on the way counts what goes over a pipe.
        trail.note(|seen| seen.bytes_out = asked.args.len() as u64);
    }
    let params = CallToolRequestParams::new(name.to_string()).with_arguments(args);
    let result = match send(peer, params, trail).await {
        Ok(result) => result,
        Err(error) => return Err(failure(tenant, server, &asked.tool, error, trail)),
    };
    trail.note(|seen| seen.bytes_in = seen.bytes_in.max(result.to_string().len() as u64));
    if trail.seen().bytes_in > trail.response_bytes() {
        let text = format!("{}: the result is above {} bytes; ask for less of it", asked.tool, trail.response_bytes());
        return Err(Failure::limit(text));
    }
    search(tenant, &asked.tool, content::outcome(tool, &result))
}

async fn send(peer: Peer<RoleClient>, params: CallToolRequestParams, trail: &Trail) -> Result<Value, ServiceError> {
    let mut request = CallToolRequest::new(params);
    request.extensions.insert(trail.clone());
    let request = ClientRequest::CallToolRequest(request);
    let handle = peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await?;
    let mut abandoned = Abandoned { peer: peer.clone(), request: Some(handle.id.clone()) };
    let answer = tokio::select! {
        answer = handle.await_response() => answer,
        // The server goes on with something that nobody will see.
        () = trail.over() => return Err(ServiceError::UnexpectedResponse),
    };
    abandoned.request = None;
    match answer? {
        ServerResult::CallToolResult(result) => {
            serde_json::to_value(result).map_err(|_| ServiceError::UnexpectedResponse)
        }
        // A kind of content that rmcp does not know.
        ServerResult::CustomResult(result) => Ok(result.0),
        ServerResult::EmptyResult(_) | ServerResult::TaskAckResult(_) => Ok(Value::Object(serde_json::Map::new())),
        ServerResult::InputRequiredResult(_) => Err(ServiceError::McpError(ErrorData::invalid_request(
            "it asks for more input, which a script cannot give",
            None,
        ))),
        _ => Err(ServiceError::UnexpectedResponse),
    }
}

/// A call that nobody waits for any more. The server is told, so that it does not work for nobody.
struct Abandoned {
    peer: Peer<RoleClient>,
    request: Option<RequestId>,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the connection with it.
        let (Some(request), Ok(runtime)) = (self.request.take(), tokio::runtime::Handle::try_current()) else { return };
        let peer = self.peer.clone();
        let why = "the run that called it does not wait any more".to_owned();
        runtime.spawn(async move {
            let _ = peer.notify_cancelled(CancelledNotificationParam::new(Some(request), Some(why))).await;
        });
    }
}

fn failure(tenant: &Tenant, server: &Server, tool: &str, error: ServiceError, trail: &Trail) -> Failure {
    let failure = match (trail.seen().failure, error) {
        (Some(known), _) if known.kind == Kind::Network => server.failed(&known.text),
        (Some(known), _) => known,
        (None, ServiceError::McpError(said)) => {
            let body = said.data.as_ref().map_or_else(String::new, |data| content::as_json(&data.to_string()));
            let text = format!("{tool}: the MCP server refused the call ({}): {}", said.code.0, said.message);
            Failure { body, ..Failure::tool(text) }
        }
        (None, ServiceError::TransportClosed) => server.failed("the connection to it ended during this call"),
        (None, _) => server.failed("its answer was none to this call"),
    };
    match search(tenant, tool, Err(failure.at("MCP", &server.shown()))) {
        Err(failure) => failure,
        Ok(_) => server.failed("its answer was none to this call"),
    }
}

/// The second wall. The first, `scrub.rs`, has seen what came over HTTP, but not what a text is when its JSON is undone.
fn search(tenant: &Tenant, tool: &str, outcome: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
    let finds = |bytes: &[u8]| tenant.scrubber.finds(bytes);
    let found = match &outcome {
        Ok(Outcome::Json(text)) => finds(text.as_bytes()),
        Ok(Outcome::Bytes(bytes)) => finds(bytes),
        Ok(Outcome::Held(_)) => false,
        Err(failure) => finds(failure.text.as_bytes()) || finds(failure.body.as_bytes()),
    };
    if !found {
        return outcome;
    }
    let text = format!(
        "the reply of {tool} contained a credential of tenant \"{}\" and was withheld; call something that does not echo it",
        tenant.name
    );
    Err(Failure::policy(Reason::CredentialEchoed, "", text))
}
