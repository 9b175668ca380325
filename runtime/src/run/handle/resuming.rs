//! In: what is said to the calls that a paused run waits for. Out: the run, going on; or why that cannot be said.
//! May touch: nothing.
//! Security boundary: yes. What is said is taken once, whole, for calls that wait, and only while the run is paused.

use super::parking::Whereabouts;
use super::{RunHandle, State};
use crate::bridge::Held;
use crate::run::object::RunStatus;
use crate::run::told::{NotResumed, Said, Sayings, Stop};
use tokio::sync::oneshot;

impl RunHandle {
    /// Why these cannot be said to the run as it is now, if there is a reason. Looking at outcomes takes time: it is done here,
    /// and not by `resume`, under the lock.
    pub fn examine(&self, sayings: &Sayings) -> Result<(), NotResumed> {
        let tools: Vec<Option<String>> = {
            let state = self.state();
            self.accepts(&state, sayings)?;
            sayings.iter().map(|(call, _)| state.waiting.get(call).map(|waiting| waiting.tool.clone())).collect()
        };
        for (place, ((_, said), tool)) in sayings.iter().zip(tools).enumerate() {
            if let (Said::Value(value), Some(tool)) = (said, tool) {
                let fits = self.external.check_outcome(&tool, value.get());
                fits.map_err(|why| NotResumed::Unfit { place, why })?;
            }
        }
        Ok(())
    }

    /// The request that this call waits with, where somebody has to say yes to it.
    pub fn held(&self, call: u32) -> Option<Held> {
        self.state().waiting.get(&call)?.held.clone()
    }

    /// Takes what is said to calls that wait, all of it or nothing, and lets the run go on. Gives its next stop, and how many
    /// events there were before.
    pub fn resume(&self, sayings: &mut Sayings) -> Result<(oneshot::Receiver<Stop>, usize), NotResumed> {
        let mut state = self.state();
        self.accepts(&state, sayings)?;
        let (watcher, stop) = oneshot::channel();
        state.watchers.push(watcher);
        state.status = RunStatus::Running;
        state.json = None;
        drop(self.no_copies());
        for (call, said) in std::mem::take(sayings) {
            if let Some(waiting) = state.release(call) {
                // Nobody is there to take it when the run is being cancelled just now.
                let _ = waiting.answer.send(said);
            }
        }
        Ok((stop, state.events.len()))
    }

    fn accepts(&self, state: &State, sayings: &Sayings) -> Result<(), NotResumed> {
        if *self.whereabouts.borrow() != Whereabouts::Here {
            return Err(NotResumed::Leaving);
        }
        if state.status != RunStatus::Paused {
            return Err(NotResumed::Is(state.status));
        }
        if sayings.is_empty() {
            return Err(NotResumed::Nothing);
        }
        for (place, (call, said)) in sayings.iter().enumerate() {
            let call = *call;
            let bytes = if let Said::Value(value) = said { value.get().len() } else { 0 };
            if bytes as u64 > self.outcome_bytes_max {
                return Err(NotResumed::TooLarge { place, bytes, limit: self.outcome_bytes_max });
            }
            let Some(waiting) = state.waiting.get(&call) else { return Err(state.unknown(place, call)) };
            match (waiting.held.is_some(), said.decides()) {
                (true, false) => return Err(NotResumed::NoOutcome { place, call }),
                (false, true) => return Err(NotResumed::NoDecision { place, call }),
                _ => {}
            }
            if sayings.iter().take(place).any(|(before, _)| *before == call) {
                return Err(NotResumed::Twice { place, call });
            }
        }
        Ok(())
    }
}
