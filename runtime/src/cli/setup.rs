//! In: a configuration. Out: settings of a bridge, checked, and the signals that end a server.
//! May touch: tenant files, to check them before anything starts.
//! Security boundary: no.

use super::failure::Failure;
use mayfly::config::Config;
use mayfly_bridge::Settings;
use mayfly_checker::{Absent, Installed};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub fn settings(config: &Config) -> Settings {
    Settings {
        tenants: Some(config.tenants.clone()),
        inline: Vec::new(),
        tokens: Vec::new(),
        state: Some(config.state.clone()),
        database: config.database.clone(),
        master_key: config.master_key.clone(),
        host: config.host.clone(),
        trace_upstreams: config.trace_upstreams,
        guard: None,
        ceilings: config.ceilings,
        defaults: config.defaults,
    }
}

/// The type checker that is installed here: `MAYFLY_TSC` first, then what the configuration names, then the PATH.
pub fn checker(named: Option<&Path>) -> Result<Installed, Absent> {
    let variable = std::env::var_os("MAYFLY_TSC").filter(|value| !value.is_empty()).map(PathBuf::from);
    mayfly_checker::discover(variable.as_deref().or(named), std::env::var_os("PATH").as_deref())
}

/// Everything that is wrong in tenant files, before a process is started for them.
pub fn checked(settings: Settings) -> Result<Settings, Failure> {
    match mayfly_bridge::check_tenants(&settings) {
        mistakes if mistakes.is_empty() => Ok(settings),
        mistakes => Err(mistakes.into()),
    }
}

/// Ctrl-C, or the TERM of a service manager.
pub async fn stop_signal() {
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

/// A file that may not grow any more (`ulimit -f`) fails the write to it, and does not end this process.
pub fn leave_file_sizes_to_writers() -> std::io::Result<Signal> {
    signal(SignalKind::from_raw(libc::SIGXFSZ))
}

/// Nothing happens at either signal, from now on: once handled, a signal never ends this process again.
pub fn leave_signals_to_parent() -> [std::io::Result<Signal>; 2] {
    [signal(SignalKind::interrupt()), signal(SignalKind::terminate())]
}
