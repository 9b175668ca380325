//! In: what a caller says to the calls that a paused run waits for. Out: the run, going on.
//! May touch: the run's handle.
//! Security boundary: no; `run/handle.rs` takes what is said once, or not at all.

use super::going::Going;
use super::parked::Found;
use super::runs::{Caller, Power};
use crate::respond::{self, Problem};
use crate::run::{NotResumed, RunHandle, Said as Answer, Sayings};
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
    approve: bool,
    /// Why not, for the script.
    reason: Option<String>,
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
        let resumed = match handle.examine(&said.sayings) {
            Ok(()) => {
                decide(caller, &handle, &said.sayings).await?;
                handle.resume(&mut said.sayings)
            }
            Err(why) => Err(why),
        };
        match resumed {
            Ok((stop, seen)) => return Ok(Going::new(handle, stop, seen)),
            // It is on its way to the store: it is found there, or here again.
            Err(NotResumed::Leaving) => handle = caller.here(id).await?,
            Err(why) => return Err(respond::not_resumed(why, &said.places)),
        }
    }
}

/// The bridge is told who has decided what: it lets nothing go that nobody has said yes to.
async fn decide(caller: &Caller<'_>, handle: &RunHandle, sayings: &Sayings) -> Result<(), Problem> {
    for (call, said) in sayings.iter().filter(|(_, said)| said.decides()) {
        // None: somebody else was quicker, which is told when nothing is left to say.
        let Some(held) = handle.held(*call) else { continue };
        let (parked, _) = caller.tenant(Power::Act).await?;
        parked.decide(&handle.id, *call, &held, matches!(said, Answer::Approved), caller.by_model).await?;
    }
    Ok(())
}

/// What is said, and the fields of the request where each of it stands.
struct Read {
    sayings: Sayings,
    places: Vec<String>,
}

impl Said {
    fn read(self) -> Result<Read, Problem> {
        let cut = |mut text: String| {
            text.truncate(text.floor_char_boundary(EXTERNAL_ERROR_BYTES_MAX));
            text
        };
        let (mut sayings, mut places) = (Sayings::new(), Vec::new());
        for (at, Decision { call, approve, reason }) in self.decisions.into_iter().enumerate() {
            let said = if approve { Answer::Approved } else { Answer::Rejected(reason.map(cut)) };
            places.push(format!("decisions[{at}]"));
            sayings.push((call, said));
        }
        for (at, Answered { call, value, error }) in self.outcomes.into_iter().enumerate() {
            let said = match (value, error) {
                (Some(value), None) => Answer::Value(value),
                (None, Some(error)) => Answer::Error(cut(error)),
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
            sayings.push((call, said));
        }
        Ok(Read { sayings, places })
    }
}
