//! In: the trace that a request belongs to. Out: the same, to whatever opens a session while that request is answered.
//! May touch: nothing.
//! Security boundary: no; `mayfly_schemas::trace` lets through what is valid.
//!
//! It goes along with the task, as a value of the task: it decides nothing, and a parameter of each function between the
//! connection and the bridge would be there for it alone.

use http::HeaderMap;
use mayfly_schemas::trace::Trace;

tokio::task_local! {
    static CURRENT: Option<Trace>;
}

/// Of a request's headers. Two `traceparent` are none.
pub fn of(headers: &HeaderMap) -> Option<Trace> {
    let mut parents = headers.get_all("traceparent").iter();
    let parent = parents.next().filter(|_| parents.next().is_none())?.to_str().ok()?;
    let states: Option<Vec<&str>> = headers.get_all("tracestate").iter().map(|value| value.to_str().ok()).collect();
    Trace::parse(parent, &states.unwrap_or_default().join(","))
}

/// Does `work` as a part of `trace`.
pub async fn within<T>(trace: Option<Trace>, work: impl Future<Output = T>) -> T {
    CURRENT.scope(trace, work).await
}

pub fn current() -> Option<Trace> {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}
