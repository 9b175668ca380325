//! In: a paused run, and how many of it are wanted. Out: as many runs that wait where it waits, each with its own randomness.
//! May touch: the bridge; the run, which stays as it is.
//! Security boundary: yes. Each child is a run of the same token's tenant, admitted like any other.

use super::runs::Caller;
use crate::bridge::ParkedRun;
use crate::isolate::Image;
use crate::respond::{Problem, ProblemKind};
use crate::run::{Belongings, Stand};
use mayfly_schemas::limits::FORKS_MAX;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

/// The body of `POST /v1/runs/{id}/fork`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default = "one")]
    n: u32,
}

fn one() -> u32 {
    1
}

/// Identifiers of the children. They are in the store when they are told.
pub(super) async fn fork(
    caller: &Caller<'_>,
    id: &str,
    wanted: impl FnOnce() -> Result<Wanted, Problem>,
) -> Result<Vec<String>, Problem> {
    let conflict = |detail: &str| Problem::new(ProblemKind::Conflict, detail);
    let handle = caller.here(id).await?;
    let Wanted { n } = wanted()?;
    if n == 0 || n > FORKS_MAX {
        return Err(Problem::bad_request(format!("`n`: is {n}; a run is forked into 1 to {FORKS_MAX}")));
    }
    let not_paused = || conflict("only a paused run can be forked");
    let copy = handle.copy().await.ok_or_else(not_paused)?.map_err(|why| conflict(&why))?;
    let mut children = Vec::with_capacity(n as usize);
    for _ in 0..n {
        let child = child(&copy)?;
        let session = caller.local.bridge.open(caller.token.as_bytes(), &child.run, caller.request_id).await?;
        match session.park(&child).await {
            Ok(()) => children.push(child.run),
            // On a session that was refused, the refusal is the reason. Children that are there already are told in it.
            Err(error) => {
                let why: Problem = session.admission().await.err().unwrap_or(error).into();
                return Err(match children.is_empty() {
                    true => why,
                    false => why.after(&format!("{} of {n} were made: {}", children.len(), children.join(", "))),
                });
            }
        }
    }
    Ok(children)
}

/// The same moment under another name, from which chance goes another way.
fn child(of: &ParkedRun) -> Result<ParkedRun, Problem> {
    let broken = |what: &str| {
        tracing::error!(run = of.run, what, "a run cannot be forked");
        Problem::new(ProblemKind::Internal, "the run cannot be forked; the server's log says why")
    };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| broken(&error.to_string()))?;
    let image = Image::from_bytes(&of.image).map_err(|error| broken(&error.to_string()))?.with_seed(seed);
    let run = format!("run_{}", ulid::Ulid::new());
    // Behind the run object stands what else is told of it, which is the same.
    let line = of.head.iter().position(|byte| *byte == b'\n').unwrap_or(of.head.len());
    let (object, more) = of.head.split_at_checked(line).unwrap_or((&of.head, &[]));
    let mut object: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(object).map_err(|error| broken(&error.to_string()))?;
    object.insert("id".to_owned(), to_raw_value(&run).map_err(|error| broken(&error.to_string()))?);
    let mut head = serde_json::to_vec(&object).map_err(|error| broken(&error.to_string()))?;
    head.extend(more);
    let (belongings, stand) = Belongings::apart(&of.rest).ok_or_else(|| broken("its record"))?;
    // What a tape would have after this moment is not what its seed says.
    let rest = belongings.with(&Stand { tape: None, ..stand });
    let created_at_ms = crate::run::now_ms() as u64;
    Ok(ParkedRun { run, sequence: 1, created_at_ms, head, rest, image: image.to_bytes(), ..of.clone() })
}
