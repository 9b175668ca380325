//! In: a paused run. Out: it in the store, or as bytes.
//! May touch: the bridge, through the run's session.
//! Security boundary: no; the bridge seals what it keeps.

use super::{Desk, Otherwise, PARK_AGAIN, Pause};
use crate::bridge::{ParkedRun, Session};
use crate::isolate::{Ask, Engine, Isolate};
use crate::run::object::CallRecord;
use crate::run::parked::{Stand, now_ms};
use crate::run::shelf::DRAINING;
use mayfly_schemas::limits::{PARKED_IMAGE_BYTES_MAX, PARKED_RUN_BYTES_MAX};
use std::time::Instant;

impl Desk {
    /// Gives the paused run to the store. True: it is there, and here no more. An error says why it has to end instead.
    pub(in crate::run) async fn park(
        &self,
        pause: &mut Pause,
        engine: &Engine,
        isolate: &Isolate,
        asks: Vec<Ask>,
        calls: &[CallRecord],
        session: &Session,
    ) -> Result<bool, String> {
        if !self.handle.leaves() {
            // It has just been continued, or cancelled.
            pause.park_at = pause.until;
            return Ok(false);
        }
        let stand = self.stand(pause, asks, calls);
        let refused = match self.packed(pause, engine, isolate, &stand, session) {
            Ok(run) => {
                let kept = session.park(&run).await;
                self.unsure.set(kept.is_err());
                kept.map(|()| run.sequence).map_err(|error| error.to_string())
            }
            Err(why) => Err(why),
        };
        match refused {
            Ok(sequence) => {
                tracing::info!(run = self.handle.id, sequence, "parked");
                self.parked.set(sequence);
                self.left.set(true);
                self.handle.is_gone();
                self.runs.forget(&self.handle);
                Ok(true)
            }
            Err(why) => {
                self.handle.stays();
                tracing::warn!(run = self.handle.id, why, "a paused run could not be parked");
                pause.park_at = Instant::now() + PARK_AGAIN;
                match &pause.otherwise {
                    Otherwise::Waits => Ok(false),
                    Otherwise::Ends(reason) => Err(reason.clone()),
                }
            }
        }
    }

    /// Comes back when somebody wants a copy of the paused run.
    pub(in crate::run) async fn is_copied(&self) {
        self.handle.is_copied().await;
    }

    /// Gives one to everybody who wants one. The run stays as it is.
    pub(in crate::run) fn copy(
        &self,
        pause: &Pause,
        engine: &Engine,
        isolate: &Isolate,
        asks: Vec<Ask>,
        calls: &[CallRecord],
        session: &Session,
    ) {
        let stand = self.stand(pause, asks, calls);
        self.handle.copied(&self.packed(pause, engine, isolate, &stand, session));
    }

    /// The server is about to stop: the run is parked now or never.
    pub(in crate::run) fn now_or_never(pause: &mut Pause) {
        (pause.park_at, pause.otherwise) = (Instant::now(), Otherwise::Ends(DRAINING.to_owned()));
    }

    fn stand(&self, pause: &Pause, asks: Vec<Ask>, calls: &[CallRecord]) -> Stand {
        let this = pause.since.elapsed();
        let paused_ms = self.paused().saturating_sub(this).as_secs_f64() * 1_000.0;
        let since_ms = now_ms() - this.as_secs_f64() * 1_000.0;
        let tape = self.tape.as_ref().map(|tape| tape.reel());
        let held = asks.iter().filter_map(|ask| Some((ask.call, self.handle.held(ask.call)?))).collect();
        Stand { asks, held, calls: calls.to_vec(), usage: pause.usage, paused_ms, since_ms, tape }
    }

    fn packed(
        &self,
        pause: &Pause,
        engine: &Engine,
        isolate: &Isolate,
        stand: &Stand,
        session: &Session,
    ) -> Result<ParkedRun, String> {
        if !session.is_quiet() {
            return Err("the script has not read a reply to its end".to_owned());
        }
        let image = isolate.image(engine).map_err(|error| error.to_string())?.to_bytes();
        let head = self.handle.head(&self.standing(isolate, &stand.calls, pause.usage));
        let rest = self.belongings.borrow().with(stand);
        let bytes = image.len() + head.len() + rest.len();
        if image.len() > PARKED_IMAGE_BYTES_MAX || bytes > PARKED_RUN_BYTES_MAX {
            return Err(format!(
                "it has {bytes} bytes, {} of them memory; the limit is {PARKED_RUN_BYTES_MAX}",
                image.len()
            ));
        }
        let expires_at_ms = (stand.since_ms + self.runs.pause_max().as_secs_f64() * 1_000.0) as u64;
        let (run, engine) = (self.handle.id.clone(), engine.digest().to_owned());
        let (sequence, created_at_ms) = (self.parked.get() + 1, self.handle.created_at_ms);
        let script = self.handle.script.clone().unwrap_or_default();
        let durable = self.journal.is_some();
        Ok(ParkedRun { run, sequence, created_at_ms, expires_at_ms, engine, script, head, rest, image, durable })
    }
}
