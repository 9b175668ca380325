//! In: a durable run that is about to begin. Out: it in the store, or no run.
//! May touch: the bridge, through the run's session.
//! Security boundary: no.

use super::worker::Local;
use crate::bridge::{ParkedRun, Session};
use crate::respond::{Problem, ProblemKind};
use crate::run::{self, Belongings, RunHandle};
use mayfly_schemas::limits::PAUSE_MS_MAX;
use serde_json::value::RawValue;
use std::rc::Rc;
use std::sync::Arc;

/// A run that is not in the store yet: where it does not come to that, there was none.
struct Unkept(Option<(Arc<run::Runs>, Arc<RunHandle>)>);

impl Unkept {
    fn keeps(mut self) {
        self.0 = None;
    }
}

impl Drop for Unkept {
    fn drop(&mut self) {
        self.0.take().iter().for_each(|(runs, handle)| runs.forget(handle));
    }
}

/// A durable run is kept before it does anything.
pub(super) async fn keep(
    local: &Rc<Local>,
    job: &mut run::Job,
    session: &Session,
    belongings: &Belongings,
    handle: &Arc<RunHandle>,
) -> Result<(), Problem> {
    let internal = |_| Problem::new(ProblemKind::Internal, "the machine gave no randomness");
    let origin = run::Entropy::origin().map_err(internal)?;
    job.origin = Some(origin);
    let input = match &job.asked {
        run::Asked::Input(input) => RawValue::from_string(input.clone()).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        run::Asked::Request { .. } => RawValue::NULL.to_owned(),
    };
    let begun = run::Begun { input, limits: job.limits, origin };
    let kept = ParkedRun {
        run: job.id.clone(),
        sequence: 1,
        created_at_ms: handle.created_at_ms,
        expires_at_ms: handle.created_at_ms + PAUSE_MS_MAX,
        engine: local.shared.host.engine.digest().to_owned(),
        script: handle.script.clone().unwrap_or_default(),
        head: handle.json().to_vec(),
        rest: belongings.beginning(&begun),
        image: Vec::new(),
        durable: true,
    };
    // Its client may go away while the store is asked.
    let unkept = Unkept(Some((local.shared.runs.clone(), handle.clone())));
    match session.begin(&kept).await {
        Ok(()) => {
            unkept.keeps();
            Ok(())
        }
        // On a session that was refused, the refusal is the reason.
        Err(error) => Err(session.admission().await.err().unwrap_or(error).into()),
    }
}
