//! In: a run's task, however it ends. Out: the run's end, told to those who wait for it.
//! May touch: the runs of this server.
//! Security boundary: no.

use crate::isolate::{ErrorKind, Logs, Outcome, RunError, Usage};
use crate::run::{RunHandle, RunObject, RunUsage, Runs};
use bytes::Bytes;
use std::sync::Arc;

/// Tells how a run ended when it is dropped, however its task does.
pub(super) struct Ending {
    runs: Arc<Runs>,
    handle: Arc<RunHandle>,
    left: Option<Option<RunObject>>,
}

impl Ending {
    pub fn new(runs: Arc<Runs>, handle: Arc<RunHandle>) -> Ending {
        Ending { runs, handle, left: None }
    }

    /// Of a run that cannot even begin.
    pub fn failed(runs: Arc<Runs>, handle: Arc<RunHandle>, error: RunError) -> Ending {
        let object = failed(&handle, error);
        Ending { runs, handle, left: Some(Some(object)) }
    }

    pub fn id(&self) -> &str {
        &self.handle.id
    }

    pub fn recorded(&self, tape: Option<Bytes>) {
        self.handle.keep_tape(tape);
    }

    /// How it ended; `None`: it was parked.
    pub fn left(&mut self, left: Option<RunObject>) {
        self.left = Some(left);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let broke_down =
            || failed(&self.handle, RunError::new(ErrorKind::Internal, "InternalError", "the run broke down"));
        match self.left.take() {
            Some(None) => {}
            Some(Some(object)) => self.runs.end(&self.handle, object),
            None => self.runs.end(&self.handle, broke_down()),
        }
    }
}

fn failed(handle: &RunHandle, error: RunError) -> RunObject {
    let outcome = Outcome { result: Err(error), logs: Logs::default(), usage: Usage::default() };
    RunObject::new(handle.id.clone(), outcome, Vec::new(), RunUsage::default())
}
