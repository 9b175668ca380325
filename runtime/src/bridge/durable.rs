//! In: a run that is to outlive its process, and what happens in it. Out: it kept; and runs that nobody has any more.
//! May touch: the connection to the bridge.
//! Security boundary: no; the bridge seals what it keeps, and says whose it is.

use super::parked::{kept, read_run, write_run};
use super::stored::refusal;
use super::{Admission, Bridge, DoorError, ParkedRun, Session, gone, translate};
use crate::run::RunStatus;
use futures::FutureExt;
use mayfly_schemas::bridge_capnp::{adopted_answer, session};
use std::rc::Rc;

/// A durable run that nobody has any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    pub tenant: String,
    pub run: String,
    pub sequence: u64,
    pub engine: String,
}

/// All of one, taken up.
pub struct Adopted {
    pub run: ParkedRun,
    /// What happened since it began or was parked, in its order.
    pub entries: Vec<Vec<u8>>,
    pub admission: Admission,
    pub session: Session,
}

impl Bridge {
    pub async fn orphans(&self, limit: u32) -> Result<Vec<Orphan>, DoorError> {
        let connection = self.connected().await?;
        let mut request = connection.client.orphans_request();
        request.get().set_limit(limit);
        let response = request.send().promise.await.map_err(gone)?;
        let runs = response.get().and_then(|results| results.get_runs()).map_err(gone)?;
        let read = runs.iter().map(|orphan| {
            let (tenant, run) = (orphan.get_tenant()?.to_string()?, orphan.get_run()?.to_string()?);
            Ok(Orphan { tenant, run, sequence: orphan.get_sequence(), engine: orphan.get_engine()?.to_string()? })
        });
        read.collect::<capnp::Result<_>>().map_err(gone)
    }

    /// Nobody else can then.
    pub async fn adopt(&self, orphan: &Orphan) -> Result<Adopted, DoorError> {
        let connection = self.connected().await?;
        let mut request = connection.client.adopt_request();
        let mut to = request.get().init_orphan();
        to.set_tenant(&orphan.tenant);
        to.set_run(&orphan.run);
        to.set_sequence(orphan.sequence);
        to.set_engine(&orphan.engine);
        let response = request.send().promise.await.map_err(gone)?;
        let results = response.get().map_err(gone)?;
        let answer = results.get_answer().map_err(gone)?;
        let adopted = match answer.which().map_err(|unknown| gone(unknown.into()))? {
            adopted_answer::Adopted(adopted) => adopted.map_err(gone)?,
            adopted_answer::Refused(refused) => return Err(refusal(refused)),
        };
        let run = adopted.get_run().and_then(read_run).map_err(gone)?;
        let entries = adopted.get_entries().map_err(gone)?.iter();
        let entries = entries.map(|entry| Ok(entry?.to_vec())).collect::<capnp::Result<_>>().map_err(gone)?;
        let admission = adopted.get_admission().and_then(translate::read_admission).map_err(gone)?;
        let client = results.get_session().map_err(gone)?;
        let answer = std::future::ready(Ok(admission.clone())).boxed_local().shared();
        let session = Session { client, answer, bodies: Rc::default(), trace: None };
        Ok(Adopted { run, entries, admission, session })
    }
}

impl Session {
    /// Keeps a run that is about to begin.
    pub async fn begin(&self, run: &ParkedRun) -> Result<(), DoorError> {
        let mut request = self.client.begin_request();
        write_run(request.get().init_run(), run);
        let response = request.send().promise.await.map_err(gone)?;
        kept(response.get().and_then(|results| results.get_outcome()))
    }

    /// Keeps what happened. `Changed`: the run is somebody else's by now.
    pub async fn log(&self, number: u64, entry: &[u8]) -> Result<(), DoorError> {
        let mut request = self.client.log_request();
        request.get().set_number(number);
        request.get().set_entry(entry);
        let response = request.send().promise.await.map_err(gone)?;
        kept(response.get().and_then(|results| results.get_outcome()))
    }

    /// Keeps how it ended.
    pub async fn finish(&self, status: RunStatus, head: &[u8], tape: &[u8]) -> Result<(), DoorError> {
        let mut request = self.client.finish_request();
        let mut to = request.get();
        to.set_status(match status {
            RunStatus::Completed => session::FinalStatus::Completed,
            RunStatus::Cancelled => session::FinalStatus::Cancelled,
            RunStatus::Failed | RunStatus::Running | RunStatus::Paused => session::FinalStatus::Failed,
        });
        to.set_head(head);
        to.set_tape(tape);
        let response = request.send().promise.await.map_err(gone)?;
        kept(response.get().and_then(|results| results.get_outcome()))
    }
}
