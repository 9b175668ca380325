//! In: requests about runs that have left memory. Out: what is told of them, and the runs again.
//! May touch: the bridge, which keeps them; isolates.
//! Security boundary: no; whose runs they are, the bridge says.

use super::ending::Ending;
use super::http::permit;
use super::runs::{Caller, Power};
use crate::bridge::{Admission, DoorError, Parked, ParkedHead, ParkedState, RefusedKind, Session};
use crate::isolate::{ErrorKind, RunError};
use crate::respond::{Problem, ProblemKind};
use crate::run::{self, Desk, Kept, New, RunHandle, RunObject, RunStatus, Tags};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// Where a run is.
pub(super) enum Found {
    Here(Arc<RunHandle>),
    Parked(Box<Lying>),
}

/// A run that lies in the store.
pub(super) struct Lying {
    parked: Parked,
    head: ParkedHead,
    admission: Admission,
}

/// How often a run is looked for that is in no place for long enough to be found there.
const LOOKS_MAX: usize = 5;

impl Caller<'_> {
    /// A run of the token's own tenant. There is no other one, whoever's it is.
    pub async fn find(&self, id: &str, power: Power) -> Result<Found, Problem> {
        let (parked, admission) = self.tenant(power).await?;
        if let Some(handle) = self.local.shared.runs.find(&admission.tenant, id)
            && handle.is_here().await
        {
            return Ok(Found::Here(handle));
        }
        let missing =
            || Problem::new(ProblemKind::NotFound, "there is no such run; runs that have ended are kept for a while");
        if !looks_like_a_run(id) {
            return Err(missing());
        }
        match parked.look(id).await {
            Ok(head) => Ok(Found::Parked(Box::new(Lying { parked, head, admission }))),
            Err(DoorError::Refused { kind: RefusedKind::NotFound, .. }) => Err(missing()),
            Err(other) => Err(other.into()),
        }
    }

    /// The same in memory, wherever it was; to be continued or cancelled.
    pub async fn here(&self, id: &str) -> Result<Arc<RunHandle>, Problem> {
        for _ in 0..LOOKS_MAX {
            let lying = match self.find(id, Power::Act).await? {
                Found::Here(handle) => return Ok(handle),
                Found::Parked(lying) => lying,
            };
            match lying.head.state {
                ParkedState::Parked => {}
                ParkedState::Taken | ParkedState::Orphan => break,
                _ => return Err(lying.is_over()),
            }
            if let Some(handle) = lying.take(self).await? {
                return Ok(handle);
            }
        }
        Err(Problem::new(ProblemKind::Conflict, "somebody else continues the run just now").retry_after_ms(1_000))
    }
}

/// What we make begins so; nothing else is looked for in the store.
fn looks_like_a_run(id: &str) -> bool {
    id.strip_prefix("run_")
        .is_some_and(|ulid| ulid.len() == 26 && ulid.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

impl Lying {
    pub fn id(&self) -> &str {
        &self.head.run
    }

    /// As it was written when the run was parked.
    pub fn head(&self) -> &[u8] {
        &self.head.head
    }

    /// Whether it waits there, and is neither over nor somebody's.
    pub fn stands(&self) -> bool {
        self.head.state == ParkedState::Parked
    }

    fn status(&self) -> RunStatus {
        match self.head.state {
            ParkedState::Parked => RunStatus::Paused,
            ParkedState::Taken | ParkedState::Orphan => RunStatus::Running,
            ParkedState::Completed => RunStatus::Completed,
            ParkedState::Lost | ParkedState::Failed => RunStatus::Failed,
            ParkedState::Expired | ParkedState::Cancelled => RunStatus::Cancelled,
        }
    }

    fn error(&self) -> Option<RunError> {
        match self.head.state {
            ParkedState::Parked | ParkedState::Taken | ParkedState::Orphan => None,
            ParkedState::Completed | ParkedState::Failed | ParkedState::Cancelled => None,
            ParkedState::Lost => {
                let message = "the server that continued the run went away before its end";
                Some(RunError::new(ErrorKind::Internal, "InternalError", message))
            }
            ParkedState::Expired => {
                let message = "the run was paused for as long as it may be, and nobody continued it";
                Some(RunError::new(ErrorKind::Cancelled, "CancelledError", message))
            }
        }
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.head.state, ParkedState::Lost | ParkedState::Expired) || self.has_last_word()
    }

    /// It was durable, and what is kept is how it ended.
    pub fn has_last_word(&self) -> bool {
        matches!(self.head.state, ParkedState::Completed | ParkedState::Failed | ParkedState::Cancelled)
    }

    /// Of one that has ended.
    pub async fn tape(&self) -> Result<bytes::Bytes, Problem> {
        match self.has_last_word() {
            true => Ok(self.parked.tape(&self.head.run).await?.into()),
            false => Err(Problem::new(ProblemKind::Conflict, "the run has not ended; its tape is whole when it has")),
        }
    }

    fn is_over(&self) -> Problem {
        let message = self.error().map_or_else(|| "it has ended".to_owned(), |error| error.message);
        Problem::new(ProblemKind::Conflict, format!("only a paused run can be continued: {message}"))
    }

    /// The run object, as it is to be told now.
    pub fn object(&self) -> Result<bytes::Bytes, Problem> {
        let damaged = |error: serde_json::Error| {
            tracing::error!(run = self.head.run, %error, "a parked run cannot be read");
            Problem::new(ProblemKind::Internal, "what was kept of the run cannot be read")
        };
        if self.head.state == ParkedState::Parked || self.has_last_word() {
            return Ok(self.head.object().to_vec().into());
        }
        let mut object: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(self.head.object()).map_err(damaged)?;
        object.remove("pending");
        object.insert("status".to_owned(), to_raw_value(&json!(self.status())).map_err(damaged)?);
        if let Some(error) = self.error() {
            object.insert("error".to_owned(), to_raw_value(&error).map_err(damaged)?);
        }
        Ok(serde_json::to_vec(&object).map_err(damaged)?.into())
    }

    /// Takes the run up and brings it to where it waits. `None`: somebody else was first.
    async fn take(self, caller: &Caller<'_>) -> Result<Option<Arc<RunHandle>>, Problem> {
        let Lying { parked, head, admission } = self;
        let permit = permit(caller.local).await?;
        let tenant = admission.tenant.clone();
        let (run, session) = match parked.take(&head.run, head.sequence, admission).await {
            Ok(taken) => taken,
            Err(DoorError::Refused { kind: RefusedKind::Changed | RefusedKind::NotFound, .. }) => return Ok(None),
            Err(other) => return Err(other.into()),
        };
        let runs = caller.local.shared.runs.clone();
        let read = Kept::read(run).and_then(|kept| {
            let externals = kept.belongings.externals();
            let why = |why| RunError::new(ErrorKind::Internal, "InternalError", why);
            Ok((Arc::new(externals.map_err(why)?), kept))
        });
        let (externals, mut kept) = match read {
            Ok(read) => read,
            Err(error) => {
                let (id, script) = (head.run.as_str(), head.script.clone());
                let (tags, external) = (Tags::default(), Arc::default());
                let new = New { id, tenant: &tenant, script, tags, detached: true, outcome_bytes_max: 0, external };
                let handle = runs.begin(new);
                drop(Ending::failed(runs, handle.clone(), error));
                forget(&session, id).await;
                return Ok(Some(handle));
            }
        };
        let began = kept.began();
        let handle = kept.handle(&runs, &tenant, externals.clone(), began);
        let desk = Desk::new(handle.clone(), runs.clone(), externals, kept.belongings.clone());
        let durable = kept.belongings.durable;
        let desk = desk.back_again(&mut kept);
        let desk = Rc::new(if durable { desk.durable(&session, 0) } else { desk });
        let (own, paused) = (caller.local.clone(), handle.next_stop());
        let mut ending = Ending::new(runs, handle.clone());
        let under_way = caller.local.under_way();
        tokio::task::spawn_local(async move {
            let _under_way = under_way;
            let host = &own.shared.host;
            let id = ending.id().to_owned();
            let left = run::execute_parked(host, id.clone(), &tenant, kept, began, &session, desk.clone()).await;
            drop(permit);
            end(&mut ending, &desk, session, left).await;
        });
        // It pauses where it stood, or fails.
        let _ = paused.await;
        Ok(Some(handle))
    }
}

/// A run has ended, or left: what is kept of it is kept or goes before anybody is told, and who is told finds its place free.
pub(super) async fn end(ending: &mut Ending, desk: &Desk, session: Session, left: Option<RunObject>) {
    ending.recorded(desk.recorded());
    let left = match left {
        Some(object) => desk.finish(object).await,
        None => None,
    };
    if left.is_some() && desk.was_parked() {
        forget(&session, ending.id()).await;
    }
    drop(session);
    ending.left(left);
}

/// The run has ended: what was kept of it when it was parked goes.
pub(super) async fn forget(session: &Session, run: &str) {
    if let Err(error) = session.ended().await {
        // It is told as lost until it expires.
        tracing::warn!(run, %error, "what was kept of an ended run could not be removed");
    }
}
