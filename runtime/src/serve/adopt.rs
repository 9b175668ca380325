//! In: durable runs whose process is gone. Out: them, going on here.
//! May touch: the bridge; isolates; the runs of this server.
//! Security boundary: no; the bridge says which they are, and gives each to one taker.

use super::ending::Ending;
use super::http::{permit, still_serving};
use super::parked::end;
use super::worker::Local;
use crate::bridge::{Adopted, DoorError, Orphan, RefusedKind};
use crate::isolate::{ErrorKind, RunError};
use crate::run::{self, Life, New, Tags};
use mayfly_schemas::limits::{ORPHANS_LOOK_MS, ORPHANS_MAX};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Looks for them as long as the server serves.
pub(super) async fn look(local: Rc<Local>) {
    let mut strangers = HashSet::new();
    loop {
        if still_serving(&local).is_err() {
            return;
        }
        // A bridge that is away is asked again; that it is away others say.
        if let Ok(orphans) = local.bridge.orphans(ORPHANS_MAX).await {
            for orphan in orphans {
                if orphan.engine != local.shared.host.engine.digest() {
                    if strangers.insert(orphan.run.clone()) {
                        let Orphan { run, engine, .. } = &orphan;
                        tracing::warn!(
                            run,
                            engine,
                            "a durable run waits for a server with the engine that it began with"
                        );
                    }
                    continue;
                }
                if let Err(error) = adopt(&local, &orphan).await {
                    tracing::debug!(run = orphan.run, %error, "a durable run was not taken up");
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(ORPHANS_LOOK_MS)).await;
    }
}

async fn adopt(local: &Rc<Local>, orphan: &Orphan) -> Result<(), DoorError> {
    let Ok(permit) = permit(local).await else { return Ok(()) };
    let Adopted { run, entries, admission, session } = match local.bridge.adopt(orphan).await {
        Err(DoorError::Refused { kind: RefusedKind::Changed | RefusedKind::NotFound, .. }) => return Ok(()),
        adopted => adopted?,
    };
    let (tenant, runs) = (admission.tenant, local.shared.runs.clone());
    tracing::info!(run = orphan.run, entries = entries.len(), "a durable run goes on here");
    let read = Life::read(run, &entries).and_then(|life| {
        let why = |why| RunError::new(ErrorKind::Internal, "InternalError", why);
        Ok((Arc::new(life.externals().map_err(why)?), life))
    });
    let (externals, mut life) = match read {
        Ok(read) => read,
        Err(error) => {
            let id = orphan.run.as_str();
            let new = New {
                id,
                tenant: &tenant,
                script: None,
                tags: Tags::default(),
                detached: true,
                outcome_bytes_max: 0,
                external: Arc::default(),
            };
            drop(Ending::failed(runs.clone(), runs.begin(new), error));
            return Ok(());
        }
    };
    let (handle, desk) = life.desk(&runs, &tenant, externals, &session);
    let (own, desk, mut ending) = (local.clone(), Rc::new(desk), Ending::new(runs, handle));
    let under_way = local.under_way();
    tokio::task::spawn_local(async move {
        let _under_way = under_way;
        let left = run::execute_adopted(&own.shared.host, &tenant, life, &session, desk.clone()).await;
        drop(permit);
        end(&mut ending, &desk, session, left).await;
    });
    Ok(())
}
