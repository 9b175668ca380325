//! In: runs that leave memory, and those who ask for them again. Out: what the bridge keeps of them.
//! May touch: the connection to the bridge.
//! Security boundary: no; the bridge seals what it keeps, and says whose it is.

use super::stored::refusal;
use super::{Admission, Bridge, DoorError, Held, Session, gone, translate};
use crate::run::Marks;
use futures::FutureExt;
use mayfly_schemas::bridge_capnp::{
    looked_at, open_parked_answer, park_outcome, parked_head, parked_list, parked_run, parked_runs, taken_up,
    tape_answer,
};
use std::rc::Rc;

/// A tenant's parked runs, for one HTTP request.
pub struct Parked {
    client: parked_runs::Client,
}

/// All of a run that has left memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParkedRun {
    pub run: String,
    /// From 1; one more each time it is parked.
    pub sequence: u64,
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
    /// Digest of the engine that made the image.
    pub engine: String,
    pub script: String,
    /// What is told of it while it lies there.
    pub head: Vec<u8>,
    pub rest: Vec<u8>,
    /// Empty where a durable run begins.
    pub image: Vec<u8>,
    pub durable: bool,
}

/// What is told of a parked run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedHead {
    pub run: String,
    pub sequence: u64,
    pub created_at_ms: u64,
    pub script: Option<String>,
    /// The run object as JSON and the order of its events, as the run wrote them; of a list, nothing.
    pub head: Vec<u8>,
    pub state: ParkedState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParkedState {
    Parked,
    /// Somebody goes on with it.
    Taken,
    /// Who took it up went away without a word.
    Lost,
    Expired,
    /// Nobody has it, and somebody will: it is durable.
    Orphan,
    /// It was durable, and has ended so.
    Completed,
    Failed,
    Cancelled,
}

impl ParkedHead {
    /// The run object as JSON.
    pub fn object(&self) -> &[u8] {
        Marks::of_head(&self.head).0
    }
}

impl Bridge {
    /// `act`: whether runs are to be taken up or forgotten.
    pub async fn parked(&self, token: &[u8], request_id: &str, act: bool) -> Result<(Parked, Admission), DoorError> {
        let connection = self.connected().await?;
        let mut request = connection.client.open_parked_request();
        let mut ask = request.get().init_ask();
        ask.set_token(token);
        ask.set_request_id(request_id);
        ask.set_act(act);
        let response = request.send().promise.await.map_err(gone)?;
        let results = response.get().map_err(gone)?;
        match results.get_answer().and_then(|answer| Ok(answer.which()?)).map_err(gone)? {
            open_parked_answer::Admitted(admitted) => {
                let admission = admitted.and_then(translate::read_admission).map_err(gone)?;
                Ok((Parked { client: results.get_parked().map_err(gone)? }, admission))
            }
            open_parked_answer::Refused(refused) => Err(refusal(refused)),
        }
    }
}

impl Parked {
    pub async fn look(&self, run: &str) -> Result<ParkedHead, DoorError> {
        let mut request = self.client.look_request();
        request.get().set_run(run);
        let response = request.send().promise.await.map_err(gone)?;
        let answer = response.get().and_then(|results| results.get_answer()).map_err(gone)?;
        match answer.which().map_err(|unknown| gone(unknown.into()))? {
            looked_at::Parked(head) => head.and_then(read_head).map_err(gone),
            looked_at::Refused(refused) => Err(refusal(refused)),
        }
    }

    /// Takes a run up. Nobody else can then.
    pub async fn take(
        &self,
        run: &str,
        sequence: u64,
        admission: Admission,
    ) -> Result<(ParkedRun, Session), DoorError> {
        let mut request = self.client.take_request();
        request.get().set_run(run);
        request.get().set_sequence(sequence);
        let response = request.send().promise.await.map_err(gone)?;
        let results = response.get().map_err(gone)?;
        let answer = results.get_answer().map_err(gone)?;
        let run = match answer.which().map_err(|unknown| gone(unknown.into()))? {
            taken_up::Run(run) => run.and_then(read_run).map_err(gone)?,
            taken_up::Refused(refused) => return Err(refusal(refused)),
        };
        let client = results.get_session().map_err(gone)?;
        let answer = std::future::ready(Ok(admission)).boxed_local().shared();
        Ok((run, Session { client, answer, bodies: Rc::default(), trace: crate::trace::current() }))
    }

    /// Somebody has looked at a call that waits for a yes. `model`: the decision came by MCP.
    pub async fn decide(&self, run: &str, call: u32, held: &Held, approve: bool, model: bool) -> Result<(), DoorError> {
        let mut request = self.client.decide_request();
        let mut to = request.get();
        to.set_run(run);
        to.set_call(call);
        to.set_digest(&held.digest_bytes());
        to.set_approve(approve);
        to.set_model(model);
        let response = request.send().promise.await.map_err(gone)?;
        kept(response.get().and_then(|results| results.get_outcome()))
    }

    /// The tape of a durable run that has ended.
    pub async fn tape(&self, run: &str) -> Result<Vec<u8>, DoorError> {
        let mut request = self.client.tape_request();
        request.get().set_run(run);
        let response = request.send().promise.await.map_err(gone)?;
        let answer = response.get().and_then(|results| results.get_answer()).map_err(gone)?;
        match answer.which().map_err(|unknown| gone(unknown.into()))? {
            tape_answer::Tape(tape) => Ok(tape.map_err(gone)?.to_vec()),
            tape_answer::Refused(refused) => Err(refusal(refused)),
        }
    }

    /// It was cancelled where it lay.
    pub async fn forget(&self, run: &str, sequence: u64) -> Result<(), DoorError> {
        let mut request = self.client.forget_request();
        request.get().set_run(run);
        request.get().set_sequence(sequence);
        let response = request.send().promise.await.map_err(gone)?;
        kept(response.get().and_then(|results| results.get_outcome()))
    }

    /// Newest first, one more than `limit` when there are more.
    pub async fn list(&self, before: &str, limit: u32) -> Result<Vec<ParkedHead>, DoorError> {
        let mut request = self.client.list_request();
        request.get().set_before(before);
        request.get().set_limit(limit);
        let response = request.send().promise.await.map_err(gone)?;
        let answer = response.get().and_then(|results| results.get_answer()).map_err(gone)?;
        match answer.which().map_err(|unknown| gone(unknown.into()))? {
            parked_list::Runs(runs) => runs.map_err(gone)?.iter().map(|head| read_head(head).map_err(gone)).collect(),
            parked_list::Refused(refused) => Err(refusal(refused)),
        }
    }
}

impl Session {
    /// Keeps this session's run. It is durable when this is answered.
    pub async fn park(&self, run: &ParkedRun) -> Result<(), DoorError> {
        let mut request = self.client.park_request();
        write_run(request.get().init_run(), run);
        let response = request.send().promise.await.map_err(gone)?;
        kept(response.get().and_then(|results| results.get_outcome()))
    }

    /// This session's run has ended: what was kept of it is forgotten.
    pub async fn ended(&self) -> Result<(), DoorError> {
        let response = self.client.ended_request().send().promise.await.map_err(gone)?;
        kept(response.get().and_then(|results| results.get_outcome()))
    }

    /// Whether no body is on its way: neither of a reply that the script has not read to its end, nor one that it sends.
    pub fn is_quiet(&self) -> bool {
        self.bodies.replies.borrow().is_empty() && self.bodies.uploads.borrow().is_empty()
    }
}

pub(super) fn write_run(mut to: parked_run::Builder<'_>, run: &ParkedRun) {
    to.set_run(&run.run);
    to.set_sequence(run.sequence);
    to.set_created_at_ms(run.created_at_ms);
    to.set_expires_at_ms(run.expires_at_ms);
    to.set_engine(&run.engine);
    to.set_script(&run.script);
    to.set_head(&run.head);
    to.set_rest(&run.rest);
    to.set_image(&run.image);
    to.set_durable(run.durable);
}

pub(super) fn kept(outcome: capnp::Result<park_outcome::Reader<'_>>) -> Result<(), DoorError> {
    match outcome.map_err(gone)?.which().map_err(|unknown| gone(unknown.into()))? {
        park_outcome::Kept(()) => Ok(()),
        park_outcome::Refused(refused) => Err(refusal(refused)),
    }
}

fn read_head(head: parked_head::Reader<'_>) -> capnp::Result<ParkedHead> {
    let script = head.get_script()?.to_string()?;
    Ok(ParkedHead {
        run: head.get_run()?.to_string()?,
        sequence: head.get_sequence(),
        created_at_ms: head.get_created_at_ms(),
        script: Some(script).filter(|script| !script.is_empty()),
        head: head.get_head()?.to_vec(),
        state: match head.get_state()? {
            parked_head::State::Parked => ParkedState::Parked,
            parked_head::State::Taken => ParkedState::Taken,
            parked_head::State::Lost => ParkedState::Lost,
            parked_head::State::Expired => ParkedState::Expired,
            parked_head::State::Orphan => ParkedState::Orphan,
            parked_head::State::Completed => ParkedState::Completed,
            parked_head::State::Failed => ParkedState::Failed,
            parked_head::State::Cancelled => ParkedState::Cancelled,
        },
    })
}

pub(super) fn read_run(run: parked_run::Reader<'_>) -> capnp::Result<ParkedRun> {
    Ok(ParkedRun {
        run: run.get_run()?.to_string()?,
        sequence: run.get_sequence(),
        created_at_ms: run.get_created_at_ms(),
        expires_at_ms: run.get_expires_at_ms(),
        engine: run.get_engine()?.to_string()?,
        script: run.get_script()?.to_string()?,
        head: run.get_head()?.to_vec(),
        rest: run.get_rest()?.to_vec(),
        image: run.get_image()?.to_vec(),
        durable: run.get_durable(),
    })
}
