//! In: a request to `/metrics`. Out: the numbers of this server.
//! May touch: nothing; it asks no bridge, so that numbers come when nothing else does.
//! Security boundary: no; see `crate::metrics` for what is in them. Without a token, as health: on the operator's own listener
//! where there is one, and there only.

use super::Shared;
use crate::metrics::{Now, Style};
use crate::respond::{self, Reply};
use http::HeaderMap;
use std::sync::atomic::Ordering::Relaxed;

pub(super) async fn answer(shared: &Shared, headers: &HeaderMap) -> Reply {
    let style = Style::wanted(headers);
    let (paused, paused_bytes) = shared.runs.paused();
    let now = Now {
        isolates_max: shared.host.engine.isolates_max().into(),
        isolates_free: shared.permits.available_permits() as u64,
        paused,
        paused_bytes,
        connections: shared.connections.load(Relaxed) as u64,
        draining: shared.draining.load(Relaxed),
        programs: shared.host.programs.figures().await,
        engine: shared.host.engine.digest().to_owned(),
    };
    respond::numbers(style.content_type(), shared.host.metrics.page(&now, style))
}
