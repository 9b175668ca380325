//! In: a process that has what it needs. Out: one that can get nothing else from the kernel, and the names of the layers.
//! May touch: this process's own rights, and those only downwards.
//! Security boundary: yes, the second one: what somebody who escapes the guest is left with.
//!
//! Two layers, neither of which needs a privilege. **Landlock** takes files, TCP and signals. It holds for the thread
//! that asks and for those it starts later, so it is asked for twice: before the first thread, leaving the cache of
//! native code, and before the workers, leaving nothing. (Kernels with ABI 8 take the second for all threads.)
//! **seccomp** holds for all threads at once and comes last: the list of what a serving runtime calls (`calls.rs`).
//! There is no `socket` and no `connect` on it: connections to the bridge are handed in by the supervisor.

mod calls;

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, PathBeneath, PathFd, RestrictSelfAttr, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What an operator asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// No server without every layer.
    Required,
    /// What this machine has; what it lacks is told.
    #[default]
    BestEffort,
    /// Nothing: for debuggers and profilers.
    Off,
}

/// The machine lacks a layer that its operator requires.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`lockdown = \"required\"`, but this machine gives no {layer}: {reason}")]
pub struct Missing {
    pub layer: &'static str,
    pub reason: String,
}

/// On the way down: `begin`, then threads that need the cache, `no_files`, then the other threads, `no_calls`.
#[derive(Debug)]
pub struct Lockdown {
    mode: Mode,
    landlock: Option<i32>,
}

impl Lockdown {
    /// To be called while this is the only thread. `cache` is the one folder that may still be used.
    pub fn begin(mode: Mode, cache: Option<&Path>) -> Result<Lockdown, Missing> {
        let landlock = layer(mode, "Landlock", || landlock(cache))?;
        Ok(Lockdown { mode, landlock })
    }

    /// From here on no file, for this thread and those that it starts.
    pub fn no_files(&mut self) -> Result<(), Missing> {
        // What `begin` did not get is told already.
        if self.landlock.is_some() {
            self.landlock = layer(self.mode, "Landlock", || landlock(None))?;
        }
        Ok(())
    }

    /// From here on only the calls of `calls.rs`, for every thread; no new one can be started. Gives the layers' names.
    pub fn no_calls(self) -> Result<String, Missing> {
        let seccomp = layer(self.mode, "seccomp", calls::filter)?;
        let landlock = self.landlock.map(|abi| format!("landlock {abi}"));
        let layers: Vec<String> = landlock.into_iter().chain(seccomp.map(|()| "seccomp".into())).collect();
        Ok(match (self.mode, layers.is_empty()) {
            (Mode::Off, _) => "off".into(),
            (_, true) => "none".into(),
            (_, false) => layers.join(", "),
        })
    }
}

fn layer<T>(mode: Mode, layer: &'static str, apply: impl FnOnce() -> Result<T, String>) -> Result<Option<T>, Missing> {
    if mode == Mode::Off {
        return Ok(None);
    }
    match apply() {
        Ok(applied) => Ok(Some(applied)),
        Err(reason) if mode == Mode::Required => Err(Missing { layer, reason }),
        Err(reason) => {
            tracing::warn!(layer, reason, "this machine gives no such layer: the runtime is less confined");
            Ok(None)
        }
    }
}

/// Gives the ABI that holds.
fn landlock(cache: Option<&Path>) -> Result<i32, String> {
    let status = restrict(cache).map_err(|error| chain(&error))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, status) => Err(format!("{status:?}")),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi as i32),
        (_, status) => Err(format!("{status:?}")),
    }
}

/// Everything that the newest ABI of the crate knows, as far as the kernel knows it too, is denied; `cache` excepted.
fn restrict(cache: Option<&Path>) -> Result<RestrictionStatus, RulesetError> {
    const ABI: ABI = ABI::V10;
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI))?
        .handle_access(AccessNet::from_all(ABI))?
        .scope(Scope::from_all(ABI))?
        .create()?;
    // A cache that is not there is none: the engine is compiled and stays in memory.
    if let Some(folder) = cache.and_then(|folder| PathFd::new(folder).ok()) {
        let files = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::ReadDir;
        ruleset = ruleset.add_rule(PathBeneath::new(folder, files | AccessFs::MakeReg | AccessFs::RemoveFile))?;
    }
    ruleset.all_threads(true)?.restrict_self()
}

/// The words of an error and of what is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {}", chain(source))).unwrap_or_default();
    format!("{error}{source}")
}
