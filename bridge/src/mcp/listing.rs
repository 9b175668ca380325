//! In: a server that is connected. Out: the tools that it lists, as a source of the catalogue.
//! May touch: nothing but that connection.
//! Security boundary: yes; pages, tools, bytes and time are bounded, and no text with a credential in it gets into a catalogue.

use super::server::Server;
use super::trail::Trail;
use crate::scrub::Scrubber;
use mayfly_catalogue::{McpTool, Source};
use mayfly_schemas::limits::{MCP_LIST_BYTES_MAX, MCP_LIST_MS, MCP_LIST_PAGES_MAX, MCP_LIST_TOOLS_MAX};
use rmcp::model::{ClientRequest, ListToolsRequest, PaginatedRequestParams, ServerResult};
use rmcp::service::PeerRequestOptions;
use rmcp::{Peer, RoleClient, ServiceError};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The error says why there is no list, in our words.
pub async fn list(peer: &Peer<RoleClient>, server: &Server, scrubber: &Scrubber) -> Result<Source, String> {
    let pages = tokio::time::timeout(Duration::from_millis(MCP_LIST_MS), pages(peer, scrubber));
    let tools = pages.await.map_err(|_| format!("its list of tools did not end within {MCP_LIST_MS} ms"))??;
    Source::mcp(&server.name, &tools).map_err(|error| error.to_string())
}

async fn pages(peer: &Peer<RoleClient>, scrubber: &Scrubber) -> Result<Vec<McpTool>, String> {
    let (mut tools, mut bytes_left, mut cursor) = (Vec::new(), MCP_LIST_BYTES_MAX, None);
    for _ in 0..MCP_LIST_PAGES_MAX {
        let page = page(peer, cursor.take(), bytes_left).await?;
        let text = page.to_string();
        let above = || format!("its list of tools is above {MCP_LIST_BYTES_MAX} bytes");
        bytes_left = bytes_left.checked_sub(text.len() as u64).filter(|left| *left > 0).ok_or_else(above)?;
        if scrubber.finds(text.as_bytes()) {
            return Err("its list of tools contains a credential of the tenant and was withheld".to_owned());
        }
        let entries = page.get("tools").and_then(Value::as_array).ok_or("its list of tools is none")?;
        tools.extend(entries.iter().map(entry));
        if tools.len() > MCP_LIST_TOOLS_MAX {
            return Err(format!("it lists more than {MCP_LIST_TOOLS_MAX} tools"));
        }
        cursor = page.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            return Ok(tools);
        }
    }
    Err(format!("its list of tools has more than {MCP_LIST_PAGES_MAX} pages"))
}

async fn page(peer: &Peer<RoleClient>, cursor: Option<String>, bytes_max: u64) -> Result<Value, String> {
    let mut request = ListToolsRequest::with_param(PaginatedRequestParams::default().with_cursor(cursor));
    let trail = Trail::new(bytes_max);
    request.extensions.insert(trail.clone());
    let request = ClientRequest::ListToolsRequest(request);
    let sent = peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await;
    let answer = match sent {
        Ok(handle) => handle.await_response().await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(ServerResult::ListToolsResult(page)) => serde_json::to_value(page).map_err(|error| error.to_string()),
        // What rmcp does not take for a list because of one odd entry is looked into entry by entry.
        Ok(ServerResult::CustomResult(page)) => Ok(page.0),
        Ok(_) => Err("its list of tools is none".to_owned()),
        Err(error) => {
            let known = trail.seen().failure.map(|failure| failure.text);
            Err(known.unwrap_or_else(|| match error {
                ServiceError::McpError(said) => format!("it answered tools/list with an error ({})", said.code.0),
                _ => "the connection to it ended before it listed its tools".to_owned(),
            }))
        }
    }
}

/// One that cannot be read keeps its name, under which the catalogue says that it was left out.
fn entry(raw: &Value) -> McpTool {
    McpTool::deserialize(raw).unwrap_or_else(|_| {
        let name = raw.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        McpTool { name, ..McpTool::default() }
    })
}
