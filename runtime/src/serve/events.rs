//! In: a run under way. Out: what happens in it, as server-sent events.
//! May touch: the run's handle.
//! Security boundary: no. A client that does not read delays nothing but its own stream.

use super::going::Going;
use crate::limits::EVENTS_QUIET_MS;
use crate::respond::{self, Reply};
use crate::run::{Event, ResponsePart, RunStatus, Stop};
use bytes::Bytes;
use serde::Serialize;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::oneshot::error::TryRecvError;

/// Parts of a stream that wait for the connection.
pub(super) const PARTS_WAITING_MAX: usize = 4;
pub(super) const QUIET: &[u8] = b": still here\n\n";

/// The stream ends with the run's next stop. A client that goes away before abandons the run.
pub(super) fn stream(going: Going) -> Reply {
    let (sender, parts) = mpsc::channel(PARTS_WAITING_MAX);
    let reply = respond::run_events(&going.handle.id, parts);
    tokio::task::spawn_local(async move {
        // Dropped with the run's `Going` when the client goes away.
        tokio::select! {
            _ = tell(&sender, going) => {}
            () = sender.closed() => {}
        }
    });
    reply
}

pub(super) type Gone = mpsc::error::SendError<ResponsePart>;

async fn tell(sender: &mpsc::Sender<ResponsePart>, mut going: Going) -> Result<(), Gone> {
    let (mut news, mut seen) = (going.handle.news(), going.seen);
    loop {
        match going.stop.try_recv() {
            Ok(stop) => {
                going.let_go();
                return finish(sender, &stop, seen).await;
            }
            Err(TryRecvError::Closed) => {
                going.let_go();
                return Ok(());
            }
            Err(TryRecvError::Empty) => {}
        }
        news.mark_unchanged();
        for event in going.handle.events_after(seen) {
            seen += 1;
            if let Some(part) = written(seen, &event) {
                sender.send(part).await?;
            }
        }
        let quiet = tokio::time::sleep(Duration::from_millis(EVENTS_QUIET_MS));
        tokio::select! {
            biased;
            stop = &mut going.stop => {
                going.let_go();
                let Ok(stop) = stop else { return Ok(()) };
                return finish(sender, &stop, seen).await;
            }
            _ = news.changed() => {}
            () = quiet => sender.send(ResponsePart::Bytes(Bytes::from_static(QUIET))).await?,
        }
    }
}

async fn finish(sender: &mpsc::Sender<ResponsePart>, stop: &Stop, seen: usize) -> Result<(), Gone> {
    for (at, event) in (seen + 1..).zip(stop.events.get(seen..).unwrap_or_default()) {
        if let Some(part) = written(at, event) {
            sender.send(part).await?;
        }
    }
    let name = if stop.object.status == RunStatus::Paused { "paused" } else { "result" };
    sender.send(framed(stop.events.len(), name, &stop.json)).await?;
    sender.send(ResponsePart::End).await
}

pub(super) fn written(id: usize, event: &Event) -> Option<ResponsePart> {
    match event {
        Event::Log(line) => Some(framed(id, "log", &json(line))),
        Event::Call(record) => Some(framed(id, "call", &json(record))),
        Event::Stop => None,
    }
}

/// JSON has no line break in it, so one `data` line carries it.
pub(super) fn framed(id: usize, name: &str, data: &[u8]) -> ResponsePart {
    ResponsePart::Bytes([format!("id: {id}\nevent: {name}\ndata: ").as_bytes(), data, b"\n\n"].concat().into())
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Plain records: nothing of it can fail.
    serde_json::to_vec(value).unwrap_or_default()
}
