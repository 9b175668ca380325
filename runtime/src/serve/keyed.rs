//! In: `POST /v1/runs` with an `Idempotency-Key`. Out: its run; the same one whenever the request comes again.
//! May touch: what `runs.rs` may.
//! Security boundary: yes: whose key it is, the bridge says, before anything is told about it.
//!
//! draft-ietf-httpapi-idempotency-key-header, but for the status of a key that comes with another body: our problems have
//! no 422, and it is a conflict.

use super::follow::{self, Until};
use super::going::Going;
use super::keys::{Claimed, Digest, Run};
use super::parked::Found;
use super::runs::{Caller, Power, begin_with_grace};
use crate::limits::{IDEMPOTENCY_GRACE_MS, IDEMPOTENCY_KEY_BYTES_MAX};
use crate::respond::{self, Problem, ProblemKind, Reply};
use crate::run::RunStatus;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

const GRACE: Duration = Duration::from_millis(IDEMPOTENCY_GRACE_MS);
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

pub(super) fn has_key(headers: &HeaderMap) -> bool {
    headers.contains_key(KEY)
}

/// A run that is begun once. When its client goes away it goes on for a while: who sends a key may come back.
pub(super) async fn begin_once(
    caller: &Caller<'_>,
    headers: &HeaderMap,
    body: &[u8],
    streams: bool,
) -> Result<Reply, Problem> {
    let (_, admission) = caller.tenant(Power::Act).await?;
    let (key, digest): (Digest, Digest) = (Sha256::digest(key(headers)?).into(), Sha256::digest(body).into());
    let keys = &caller.local.shared.keys;
    loop {
        match keys.claim(&admission.tenant, key, digest) {
            Claimed::First(claim) => {
                let begun = begin_with_grace(caller, body, GRACE).await?;
                claim.begun(begun.id(), begun.waits());
                return begun.answer(caller, streams).await;
            }
            Claimed::Beginning(mut done) => {
                // Either way it is known now.
                let _ = done.changed().await;
            }
            Claimed::Again(run) => return Ok(respond::replayed(again(caller, &run, streams).await?)),
            Claimed::Taken => {
                let detail = "`idempotency-key`: this key came with another body before; use a new one";
                return Err(Problem::new(ProblemKind::Conflict, detail));
            }
        }
    }
}

/// The key of a request. Structured fields have it in quotes, most clients do not: both mean the same.
fn key(headers: &HeaderMap) -> Result<&[u8], Problem> {
    let mistake = |why: &str| Problem::bad_request(format!("`idempotency-key`: {why}"));
    let mut values = headers.get_all(KEY).iter().map(HeaderValue::as_bytes);
    let (Some(value), None) = (values.next(), values.next()) else { return Err(mistake("is there twice")) };
    let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    if value.is_empty() || value.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        let (bytes, max) = (value.len(), IDEMPOTENCY_KEY_BYTES_MAX);
        return Err(mistake(&format!("has {bytes} bytes; use 1 to {max}")));
    }
    match value.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        true => Ok(value),
        false => Err(mistake("use printable ASCII characters")),
    }
}

/// The run as the first request was told it, or would be now.
async fn again(caller: &Caller<'_>, run: &Run, streams: bool) -> Result<Reply, Problem> {
    let told = |object| match run.waits {
        true => respond::run(object),
        false => respond::begun(&run.id, object),
    };
    loop {
        let handle = match caller.find(&run.id, Power::Act).await {
            Ok(Found::Here(handle)) => handle,
            Ok(Found::Parked(lying)) if streams => return follow::lying(&lying, 0),
            Ok(Found::Parked(lying)) => return Ok(told(lying.object()?)),
            Err(problem) if problem.is(ProblemKind::NotFound) => {
                let detail =
                    format!("`idempotency-key`: it began {}, which is not kept any more; use a new one", run.id);
                return Err(Problem::new(ProblemKind::Conflict, detail));
            }
            Err(other) => return Err(other),
        };
        let mut going = Going::new(handle.clone(), handle.next_stop(), 0).with_grace(GRACE);
        let runs = handle.status() == RunStatus::Running;
        if !runs {
            going.let_go();
        }
        if streams {
            return follow::follow(handle, 0, Until::Stop(going));
        }
        if !run.waits || !runs {
            going.let_go();
            return Ok(told(handle.json()));
        }
        let stop = (&mut going.stop).await;
        going.let_go();
        match stop {
            Ok(stop) => return Ok(told(stop.json)),
            Err(_) if handle.is_here().await => return Ok(told(handle.json())),
            // It left for the store meanwhile, and is found there.
            Err(_) => {}
        }
    }
}
