//! In: what a caller says to the calls that a paused run waits for. Out: the run, going on.
//! May touch: the run's handle.
//! Security boundary: no; `run/handle.rs` takes what is said once, or not at all.

use super::parked::Found;
use super::runs::{Caller, Going, Power};
use crate::respond::{self, Problem};
use crate::run::{NotResumed, Outcomes};
use mayfly_schemas::limits::EXTERNAL_ERROR_BYTES_MAX;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The body of `POST /v1/runs/{id}/continue`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    #[serde(default)]
    outcomes: Vec<Answered>,
    #[serde(default)]
    decisions: Vec<Decision>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    call: u32,
    #[serde(default, deserialize_with = "present")]
    value: Option<Box<RawValue>>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    call: u32,
    #[allow(dead_code)] // Read where calls wait for approval; so far none does.
    approve: bool,
}

/// `null` is a value, and not the same as none.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(value).map(Some)
}

/// Lets a paused run go on, wherever it waits. What is said is read only once it is known whose run it is.
pub(super) async fn go_on(
    caller: &Caller<'_>,
    id: &str,
    said: impl FnOnce() -> Result<Said, Problem>,
) -> Result<Going, Problem> {
    let found = caller.find(id, Power::Act).await?;
    let mut said = said()?.read()?;
    let mut handle = match found {
        Found::Here(handle) => handle,
        Found::Parked(_) => caller.here(id).await?,
    };
    loop {
        match handle.resume(&said.decisions, &mut said.outcomes) {
            Ok((stop, seen)) => return Ok(Going::new(handle, stop, seen)),
            // It is on its way to the store: it is found there, or here again.
            Err(NotResumed::Leaving) => handle = caller.here(id).await?,
            Err(why) => return Err(respond::not_resumed(why, &said.places)),
        }
    }
}

/// What is said, and the fields of the request where each of it stands.
struct Read {
    decisions: Vec<u32>,
    outcomes: Outcomes,
    places: Vec<String>,
}

impl Said {
    fn read(self) -> Result<Read, Problem> {
        let decisions: Vec<u32> = self.decisions.iter().map(|decision| decision.call).collect();
        let mut places: Vec<String> = (0..decisions.len()).map(|at| format!("decisions[{at}]")).collect();
        let mut outcomes: Outcomes = Vec::new();
        for (at, Answered { call, value, error }) in self.outcomes.into_iter().enumerate() {
            let said = match (value, error) {
                (Some(value), None) => Ok(value),
                (None, Some(mut error)) => {
                    error.truncate(error.floor_char_boundary(EXTERNAL_ERROR_BYTES_MAX));
                    Err(error)
                }
                (Some(_), Some(_)) => {
                    return Err(Problem::bad_request(format!(
                        "`outcomes[{at}]`: give `value` or `error`, and not both"
                    )));
                }
                (None, None) => {
                    return Err(Problem::bad_request(format!("`outcomes[{at}]`: has neither `value` nor `error`")));
                }
            };
            places.push(format!("outcomes[{at}]"));
            outcomes.push((call, said));
        }
        Ok(Read { decisions, outcomes, places })
    }
}
