//! In: a call that is under way, or a body that arrives. Out: the same, or that it took too long.
//! May touch: nothing.
//! Security boundary: no.

use crate::body::Step;
use crate::failure::Failure;
use crate::outgoing::Progress;
use crate::scrub::CleanBody;
use mayfly_schemas::limits::{BODY_GATHER_MS, BODY_INLINE_BYTES_MAX, BODY_PART_BYTES_MAX};
use std::time::Duration;
use tokio::time::Instant;

/// `None`: too late. The time of an upload starts anew with each part of it that the upstream takes; what is wrong with it
/// ends the call.
pub async fn in_time<T>(
    call_ms: u64,
    upload: Option<&Progress>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Option<Result<T, Failure>> {
    let Some(upload) = upload else {
        return tokio::time::timeout(Duration::from_millis(call_ms), work).await.ok();
    };
    tokio::select! {
        biased;
        failure = upload.trouble() => Some(Err(failure)),
        outcome = work => Some(outcome),
        () = upload.stalled(call_ms) => None,
    }
}

/// Waits for the body: for all of it, or in parts for as much of it as comes within a moment.
pub async fn gather(body: &mut CleanBody, in_parts: bool) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_millis(BODY_GATHER_MS);
    let mut at_once = 0;
    while !body.has_ended() {
        if !in_parts {
            let before = body.ready();
            body.more_in_time().await?;
            at_once += body.ready().saturating_sub(before);
        } else if body.ready() >= BODY_INLINE_BYTES_MAX || body.more(until).await? == Step::Nothing {
            return Ok(());
        }
        if at_once > BODY_PART_BYTES_MAX {
            // Decompressing and searching need no waiting: others have their turn.
            at_once = 0;
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
