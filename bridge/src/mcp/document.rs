//! In: an OpenAPI document at a URL. Out: its operations as a set of tools, read again from time to time.
//! May touch: the queue of errands, whose rooms send the request.
//! Security boundary: yes; a document says what there is to call. Where calls go, and with which credential, the file says.
//!
//! A document that cannot be read any more leaves what was read of it before: its operations do not need it.

use super::client::{Client, named};
use super::keeper::Common;
use super::server::{Life, Server};
use super::trail::Trail;
use crate::failure::Failure;
use http::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use mayfly_catalogue::Source;
use mayfly_schemas::limits::{MCP_RELIST_GAP_MS, MCP_RELIST_MS, MCP_START_MS, TOOL_DOCUMENT_BYTES_MAX};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const TYPES: &str = "application/json, application/yaml;q=0.9, text/yaml;q=0.9, */*;q=0.5";

/// Waits for a document that was never read, for as long as the call may take that needs it.
pub async fn read_before(document: &Server, within: Duration, released: &CancellationToken) -> Result<(), Failure> {
    if document.has_listed() {
        return Ok(());
    }
    tokio::select! {
        there = timeout(within, document.there()) => match there {
            Ok(there) => there.map(drop),
            Err(_) => Err(document.failed("it is still being read")),
        },
        () = released.cancelled() => Err(Failure::network("the run ended before its call did")),
    }
}

/// Reads it whenever it may have changed. Why that failed; `None` when it is not to be read any more.
pub async fn follow(common: &Common, server: &Arc<Server>, base: &Arc<str>, end: &CancellationToken) -> Option<String> {
    let client = Client::new(server.clone(), common.errands.clone());
    let mut tag = None;
    loop {
        let read = timeout(Duration::from_millis(MCP_START_MS), read(common, &client, base, tag.as_deref()));
        let read = tokio::select! {
            read = read => read.unwrap_or_else(|_| Err(format!("it was not read within {MCP_START_MS} ms"))),
            () = end.cancelled() => return None,
        };
        match read {
            Ok(read) => tag = read,
            Err(why) => return Some(why),
        }
        server.is(Life::Read);
        tokio::select! {
            () = server.wanted.notified() => sleep(Duration::from_millis(MCP_RELIST_GAP_MS)).await,
            () = sleep(Duration::from_millis(MCP_RELIST_MS)) => {}
            () = end.cancelled() => return None,
        }
    }
}

/// Gives the tag by which the server knows what was read now.
async fn read(
    common: &Common,
    client: &Client,
    base: &Arc<str>,
    tag: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, String> {
    let trail = Trail::new(TOOL_DOCUMENT_BYTES_MAX);
    let known = || client.take_trouble().map_or_else(|| "the bridge is ending".to_owned(), |failure| failure.text);
    let mut headers = vec![(ACCEPT.as_str().to_owned(), TYPES.into())];
    headers.extend(tag.map(|tag| (IF_NONE_MATCH.as_str().to_owned(), tag.to_vec())));
    let mut reply = client.send("GET", headers, bytes::Bytes::new(), &trail).await.map_err(|_| known())?;
    match reply.head.status {
        200 => {}
        304 => return Ok(tag.map(<[u8]>::to_vec)),
        status => return Err(named(status)),
    }
    let tag = reply.head.headers.get(ETAG).map(|tag| tag.as_bytes().to_vec());
    let text = client.whole(&mut reply, &trail).await.map_err(|_| known())?;
    let text = String::from_utf8(text).map_err(|_| "it is no text in UTF-8".to_owned())?;
    let (server, base) = (client.server.clone(), base.clone());
    // A large one takes its time, in which other servers are to be heard.
    let parsed = tokio::task::spawn_blocking(move || Source::openapi(&server.name, &text, Some(&base)));
    let tools = parsed.await.map_err(|_| "it could not be read".to_owned())?.map_err(|error| error.to_string())?;
    let (server, operations) = (&client.server, tools.tools().len());
    common.tell(|| tracing::info!(tenant = server.tenant, tools = server.name, operations, "a document was read"));
    super::keeper::replace(common, server, tools).await?;
    Ok(tag)
}
