//! In: `GET /v1/runs/{id}/events`. Out: all that happened in a run, and what happens from now on, as server-sent events.
//! May touch: the run's handle; what the store tells of one that is parked.
//! Security boundary: no. Whose run it is was asked before; a client that does not read delays nothing but its own stream.
//!
//! A number is an event's for good: in the stream of the request that began the run, in this one, after a pause in the store
//! and after the end. A pause that is over is not told again, and leaves its number out.

use super::events::{Gone, PARTS_WAITING_MAX, QUIET, framed, written};
use super::going::Going;
use super::parked::{Found, Lying};
use super::runs::{Caller, Power};
use crate::limits::{EVENTS_QUIET_MS, RUN_FOLLOWERS_MAX};
use crate::respond::{self, Problem, ProblemKind, Reply};
use crate::run::{Event, Marks, Piece, ResponsePart, Retold, RunHandle, Stands, View};
use bytes::Bytes;
use http::HeaderMap;
use http::header::HeaderName;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A client that comes back by itself need not ask the store for the same again every three seconds.
const LIES: &[u8] = b"retry: 15000\n: in the store\n\n";

pub(super) enum Until {
    /// The next pause, or the end: the client waits for it.
    Stop(Going),
    End,
}

impl Until {
    /// At a stop: whether it is all that was waited for.
    fn is_met(&mut self) -> bool {
        match self {
            Until::Stop(going) => {
                going.let_go();
                true
            }
            Until::End => false,
        }
    }
}

pub(super) async fn answer(caller: &Caller<'_>, id: &str, headers: &HeaderMap) -> Result<Reply, Problem> {
    let found = caller.find(id, Power::Look).await?;
    let seen = seen(headers)?;
    match found {
        Found::Here(handle) => follow(handle, seen, Until::End),
        Found::Parked(run) => lying(&run, seen),
    }
}

fn seen(headers: &HeaderMap) -> Result<usize, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(0) };
    let number = value.to_str().ok().and_then(|text| text.parse::<u32>().ok());
    number.map(|number| number as usize).ok_or_else(|| Problem::bad_request("`last-event-id`: is no event's number"))
}

/// What comes after the first `seen` events of a run in memory.
pub(super) fn follow(handle: Arc<RunHandle>, seen: usize, until: Until) -> Result<Reply, Problem> {
    let View { count, stands, .. } = handle.view(seen);
    if matches!(stands, Stands::Ended(..)) && count <= seen {
        return Ok(respond::no_more_events());
    }
    // Nobody has seen what has not happened.
    let seen = seen.min(count);
    let Some(news) = handle.follow() else {
        let detail = format!("{RUN_FOLLOWERS_MAX} streams follow this run already");
        return Err(Problem::new(ProblemKind::Quota, detail).retry_after_ms(1_000));
    };
    let id = handle.id.clone();
    Ok(streamed(&id, |sender| async move {
        let _ = tell(&sender, &handle, news, seen, until).await;
    }))
}

/// The same of a run in the store. The stream ends there: nothing happens until somebody continues it.
pub(super) fn lying(run: &Lying, seen: usize) -> Result<Reply, Problem> {
    let (object, told) = (run.object()?, run.told());
    // What ended where it lay has no event of its end: that is one more.
    let (stands, last_word, over) = (run.stands(), run.has_last_word(), run.has_ended() && !run.has_last_word());
    let count = told.last().map_or(0, |(number, _)| *number);
    if (over && seen > count) || (last_word && seen >= count) {
        return Ok(respond::no_more_events());
    }
    Ok(streamed(run.id(), |sender| async move {
        let work = async {
            let name = if last_word { "result" } else { "paused" };
            retell(&sender, told, seen, (stands || last_word).then_some((name, &object))).await?;
            if over {
                sender.send(framed(count + 1, "result", &object)).await?;
            } else if !last_word {
                sender.send(ResponsePart::Bytes(Bytes::from_static(LIES))).await?;
            }
            sender.send(ResponsePart::End).await
        };
        let _: Result<(), Gone> = work.await;
    }))
}

fn streamed<W: Future<Output = ()> + 'static>(id: &str, work: impl FnOnce(mpsc::Sender<ResponsePart>) -> W) -> Reply {
    let (sender, parts) = mpsc::channel(PARTS_WAITING_MAX);
    let (reply, closed) = (respond::run_events(id, parts), sender.clone());
    let work = work(sender);
    tokio::task::spawn_local(async move {
        tokio::select! {
            () = work => {}
            () = closed.closed() => {}
        }
    });
    reply
}

async fn tell(
    sender: &mpsc::Sender<ResponsePart>,
    handle: &RunHandle,
    mut changes: watch::Receiver<()>,
    mut seen: usize,
    mut until: Until,
) -> Result<(), Gone> {
    loop {
        changes.mark_unchanged();
        let View { news, stands, .. } = handle.view(seen);
        let paused = match &stands {
            Stands::Ended(object, marks) => {
                until.is_met();
                retell(sender, marks.retold(object), seen, Some(("result", object))).await?;
                return sender.send(ResponsePart::End).await;
            }
            Stands::Running => None,
            Stands::Paused(object) => Some(object),
            Stands::Gone(object) => object.as_ref(),
        };
        let count = news.len();
        for (at, event) in (1..).zip(&news) {
            seen += 1;
            let part = match (event, paused) {
                (Event::Stop, Some(object)) if at == count => Some(framed(seen, "paused", object)),
                _ => written(seen, event),
            };
            if let Some(part) = part {
                sender.send(part).await?;
            }
        }
        match stands {
            Stands::Gone(Some(object)) if count == 0 => {
                sender.send(framed(seen, "paused", &object)).await?;
                return sender.send(ResponsePart::End).await;
            }
            Stands::Gone(_) => return sender.send(ResponsePart::End).await,
            Stands::Paused(_) if until.is_met() => return sender.send(ResponsePart::End).await,
            _ => {}
        }
        let quiet = tokio::time::sleep(Duration::from_millis(EVENTS_QUIET_MS));
        tokio::select! {
            biased;
            _ = changes.changed() => {}
            () = quiet => sender.send(ResponsePart::Bytes(Bytes::from_static(QUIET))).await?,
        }
    }
}

/// Events from before; of the stops among them only the last, under the name that is given, with the run object.
async fn retell(
    sender: &mpsc::Sender<ResponsePart>,
    told: Vec<(usize, Retold)>,
    seen: usize,
    last: Option<(&str, &Bytes)>,
) -> Result<(), Gone> {
    let count = told.last().map_or(0, |(number, _)| *number);
    for (number, piece) in told.into_iter().filter(|(number, _)| *number > seen) {
        let part = match (piece, last) {
            (Piece::Log(line), _) => framed(number, "log", line.get().as_bytes()),
            (Piece::Call(record), _) => framed(number, "call", record.get().as_bytes()),
            (Piece::Stop, Some((name, object))) if number == count => framed(number, name, object),
            (Piece::Stop, _) => continue,
        };
        sender.send(part).await?;
    }
    Ok(())
}

impl Lying {
    /// Its events up to its pause.
    fn told(&self) -> Vec<(usize, Retold)> {
        let (object, marks) = Marks::of_head(self.head());
        marks.retold(object)
    }
}
