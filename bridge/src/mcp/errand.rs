//! In: one HTTP request that rmcp wants sent to a server. Out: its reply, after every room in its order.
//! May touch: what those rooms may.
//! Security boundary: yes; the tenant's rules of this moment decide, the credential is added here, addresses are checked, and
//! what comes back is searched, as for a fetch. A redirect is an answer: what the file names is one URL.

use super::server::Server;
use super::trail::Trail;
use crate::ask::{Ask, Body, Words};
use crate::body::Step;
use crate::budget::Held;
use crate::decide::decide;
use crate::dial::dial;
use crate::failure::Failure;
use crate::lane::Lane;
use crate::resolve::pin;
use crate::scrub::{CleanBody, CleanHead, scrub};
use crate::sign::sign;
use bytes::Bytes;
use mayfly_schemas::limits::TENANTS_POLL_MS;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Parts of a body on their way from one task to the other.
const PARTS_AHEAD: usize = 2;

/// One request, and where its reply goes. Whoever waits for that may be on any thread.
pub struct Errand {
    pub server: Arc<Server>,
    pub method: &'static str,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Bytes,
    pub trail: Trail,
    pub reply: oneshot::Sender<Result<Reply, Failure>>,
}

pub struct Reply {
    pub head: CleanHead,
    /// Ends with the body, or after a failure.
    pub parts: mpsc::Receiver<Result<Part, Failure>>,
}

pub struct Part {
    pub bytes: Bytes,
    /// Its share of the memory that bodies may take.
    pub held: Held,
}

/// Runs it. When nobody waits for the reply any more, or for the rest of it, the connection is closed.
pub async fn run(lane: Rc<Lane>, errand: Errand) {
    let Errand { server, method, headers, body, trail, mut reply } = errand;
    let words = Words { method: method.to_owned(), url: String::new(), headers, body: Body::Whole(body) };
    let sent = tokio::select! {
        sent = send(&lane, &server, words, &trail) => sent,
        () = reply.closed() => return,
    };
    let (head, body) = match sent {
        Ok(sent) => sent,
        Err(failure) => {
            let _ = reply.send(Err(failure));
            return;
        }
    };
    let (parts, received) = mpsc::channel(PARTS_AHEAD);
    if reply.send(Ok(Reply { head, parts: received })).is_ok() {
        carry(body, &parts, &trail).await;
    }
}

async fn send(
    lane: &Lane,
    server: &Arc<Server>,
    words: Words,
    trail: &Trail,
) -> Result<(CleanHead, CleanBody), Failure> {
    let gone = || server.failed("it is no longer in the tenant's file");
    let (url, rule) = server.reach().ok_or_else(gone)?;
    let tenant = lane.shared.directory.tenant(&server.tenant).ok_or_else(gone)?;
    if !tenant.toolbox.servers().any(|known| Arc::ptr_eq(known, server)) {
        return Err(gone());
    }
    let ask = Ask::parse(Words { url: url.to_owned(), ..words })?;
    let upstreams = lane.upstreams(&tenant);
    let permit = decide(&tenant, &ask, Some(rule))?;
    trail.note(|seen| seen.rule.clone_from(&permit.rule().name));
    let pinned = pin(permit, &upstreams.names, &lane.shared.lookup).await?;
    let signed = sign(pinned, rule.credential.as_deref(), None);
    trail.note(|seen| {
        seen.credential = signed.credential().map(str::to_owned);
        seen.bytes_out += ask.body.whole_bytes() as u64;
    });
    let raw = dial(signed, &upstreams, trail.response_bytes()).await?;
    let (head, body) = scrub(raw, &tenant, tenant.scrubber.clone(), &lane.shared)?;
    trail.note(|seen| seen.status = head.status);
    Ok((head, body))
}

/// A server may be silent for as long as somebody waits for it: the call has its own time.
async fn carry(mut body: CleanBody, parts: &mpsc::Sender<Result<Part, Failure>>, trail: &Trail) {
    loop {
        let until = Instant::now() + Duration::from_millis(TENANTS_POLL_MS);
        let step = tokio::select! {
            step = body.more(until) => step,
            () = parts.closed() => return,
        };
        trail.note(|seen| seen.bytes_in = body.bytes_in());
        if let Err(failure) = step {
            let _ = parts.send(Err(failure)).await;
            return;
        }
        let (bytes, held) = body.take(usize::MAX);
        if !bytes.is_empty() && parts.send(Ok(Part { bytes: bytes.freeze(), held })).await.is_err() {
            return;
        }
        if step == Ok(Step::End) {
            return;
        }
    }
}
