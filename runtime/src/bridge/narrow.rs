//! In: what the caller of a run asks for it alone. Out: the sets of tools that are left.
//! May touch: the connection to the bridge, and the audit behind it.
//! Security boundary: no; the bridge holds it. Values of credentials go through here once and are not kept.

use super::{DoorError, Session, gone};
use mayfly_schemas::bridge_capnp::{narrow_answer, session};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Fewer tools than the tenant has, and credentials in the place of the tenant's.
#[derive(Clone, Copy, Debug)]
pub struct Narrow<'a> {
    /// `None`: all of them.
    pub tools: Option<&'a [String]>,
    pub credentials: &'a BTreeMap<String, String>,
}

/// Why a run has not got what it asked for.
#[derive(Debug)]
pub enum NotNarrowed {
    /// The field, and what is wrong with it.
    Invalid(String, String),
    Door(DoorError),
}

/// What became of a call that the run's caller was to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Value,
    Error,
    Refused,
    Abandoned,
}

impl Session {
    /// Before the first call. Names of the sets of which something is left, a blank between two.
    pub async fn narrow(&self, asked: Narrow<'_>) -> Result<Arc<str>, NotNarrowed> {
        match self.narrowed(asked).await {
            Err(NotNarrowed::Door(DoorError::Unavailable(reason))) => {
                // On a session that was refused, the refusal is the reason.
                self.admission().await.map_err(NotNarrowed::Door)?;
                Err(NotNarrowed::Door(DoorError::Unavailable(reason)))
            }
            done => done,
        }
    }

    async fn narrowed(&self, asked: Narrow<'_>) -> Result<Arc<str>, NotNarrowed> {
        let door = |error| NotNarrowed::Door(gone(error));
        let mut request = self.client.narrow_request();
        let mut ask = request.get().init_ask();
        if let Some(tools) = asked.tools {
            ask.set_narrow(true);
            ask.reborrow().set_tools(tools).map_err(door)?;
        }
        let count = u32::try_from(asked.credentials.len()).unwrap_or(u32::MAX);
        let mut credentials = ask.init_credentials(count);
        for (at, (name, value)) in (0..).zip(asked.credentials) {
            let mut own = credentials.reborrow().get(at);
            own.set_name(name.as_str());
            own.set_value(value.as_bytes());
        }
        let response = request.send().promise.await.map_err(door)?;
        let answer = response.get().and_then(|results| results.get_answer()).map_err(door)?;
        match answer.which().map_err(|unknown| door(unknown.into()))? {
            narrow_answer::ToolSets(sets) => {
                let sets = sets.map_err(door)?;
                let names: capnp::Result<Vec<&str>> = sets.iter().map(|name| Ok(name?.to_str()?)).collect();
                Ok(names.map_err(door)?.join(" ").into())
            }
            narrow_answer::Invalid(invalid) => {
                let text = |text: capnp::Result<capnp::text::Reader<'_>>| Ok(text?.to_string()?);
                let field = text(invalid.get_field()).map_err(door)?;
                Err(NotNarrowed::Invalid(field, text(invalid.get_why()).map_err(door)?))
            }
        }
    }

    /// For the audit: what became of a call that is not the bridge's. Nobody waits for it: the bridge records it when it comes.
    pub fn told(&self, call: u32, tool: &str, told: Told, took: Duration) {
        let mut request = self.client.told_request();
        let mut to = request.get();
        to.set_call(call);
        to.set_tool(tool);
        to.set_outcome(match told {
            Told::Value => session::Outcome::Value,
            Told::Error => session::Outcome::Error,
            Told::Refused => session::Outcome::Refused,
            Told::Abandoned => session::Outcome::Abandoned,
        });
        to.set_micros(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        drop(request.send());
    }
}
