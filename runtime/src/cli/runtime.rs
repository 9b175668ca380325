//! In: listening sockets and connections to the bridge, handed in by the supervisor. Out: a server behind the lock-down.
//! May touch: before the lock-down the cache of native code; after it nothing but the descriptors that it holds.
//! Security boundary: yes; here is the order in which rights are given up.

use super::channel::{Channel, ToRuntime, ToSupervisor};
use super::failure::Failure;
use super::{executor, setup};
use mayfly::bridge::{Door, Wanted};
use mayfly::check::Access;
use mayfly::config::{Keeping, Pauses};
use mayfly::isolate::{Engine, EngineOptions, cache_folder};
use mayfly::limits::RUNTIME_ASKS_MAX;
use mayfly::lockdown::{Lockdown, Mode};
use mayfly::run::Host;
use mayfly::serve::{Options, Server};
use rustix::process::Signal;
use std::collections::VecDeque;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use tokio::sync::{mpsc, oneshot};

pub fn run() -> Result<ExitCode, Failure> {
    // The kernel sees to it, whatever becomes of this process: it does not outlive its supervisor.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    super::log_to_stderr("warn,mayfly=info");
    let executor = executor()?;
    let Started { channel, mode, pauses, keeping, listener, admin_listener, no_checker } = executor.block_on(start())?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut lockdown = begin(mode)?;
    let engine = Engine::load(EngineOptions::default()).map_err(|error| Failure::fault("engine", error))?;
    lockdown.no_files().map_err(Failure::usage)?;
    executor.block_on(async {
        let _ignored = setup::leave_signals_to_parent();
        let (asks, asked) = mpsc::channel(RUNTIME_ASKS_MAX);
        let (checks, checks_asked) = mpsc::channel(mayfly_checker::limits::ASKS_MAX);
        let checker = no_checker.map_or(Access::HandedIn(checks), Access::Absent);
        let options =
            Options { listener, admin_listener, door: Door::HandedIn(asks), checker, workers, pauses, keeping };
        let fault = |error| Failure::fault("serve", error);
        let server = Server::start(Host::new(engine), options).map_err(fault)?;
        let layers = lockdown.no_calls().map_err(Failure::usage)?;
        let ready = ToSupervisor::Ready { workers, lockdown: layers };
        channel.send(&ready, &[]).map_err(|error| Failure::fault("supervisor", error))?;
        let (told, drain) = oneshot::channel();
        let drain = async { drop(drain.await) };
        tokio::select! {
            served = server.run(drain) => served.map(|()| ExitCode::SUCCESS).map_err(fault),
            failure = attend(&channel, asked, checks_asked, told) => Err(failure),
        }
    })
}

/// What the supervisor gave.
struct Started {
    channel: Channel,
    mode: Mode,
    pauses: Pauses,
    keeping: Keeping,
    listener: TcpListener,
    admin_listener: Option<TcpListener>,
    no_checker: Option<String>,
}

/// The first message. By hand there is none.
async fn start() -> Result<Started, Failure> {
    let by_hand = |error: std::io::Error| Failure::usage(format!("`mayfly serve` starts the runtime ({error})"));
    let channel = Channel::to_parent().map_err(by_hand)?;
    let message = channel.receive_with_descriptors().await.map_err(by_hand)?;
    let Some((ToRuntime::Start { lockdown: mode, admin, pauses, keeping, no_checker }, descriptors)) = message else {
        return Err(Failure::Fault("the supervisor did not say how to start".into()));
    };
    let mut listeners = descriptors.into_iter().map(TcpListener::from);
    match (listeners.next(), listeners.next()) {
        (Some(listener), admin_listener) if admin == admin_listener.is_some() => {
            Ok(Started { channel, mode, pauses, keeping, listener, admin_listener, no_checker })
        }
        _ => Err(Failure::Fault("the supervisor gave other sockets than it said".into())),
    }
}

/// What must still be opened is opened here, while this is the only thread.
fn begin(mode: Mode) -> Result<Lockdown, Failure> {
    let cache = cache_folder();
    mayfly::metrics::open_memory();
    // Looks for the kernel's fast clock at its first use, and would not find it any more.
    let _ = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    if mode != Mode::Off {
        // Opens a file of /proc that belongs to others as soon as this process cannot be traced, and keeps it.
        let _ = wasmtime::PoolingAllocationConfig::is_pagemap_scan_available();
        mayfly_bridge::harden_process();
    }
    Lockdown::begin(mode, cache.as_deref()).map_err(Failure::usage)
}

/// Passes on what workers ask for and what the supervisor says, until that is gone. Answers come in the order of asks,
/// and one connection to the same place is as good as the other.
async fn attend(
    channel: &Channel,
    mut asked: mpsc::Receiver<Wanted>,
    mut checks_asked: mpsc::Receiver<Wanted>,
    told: oneshot::Sender<()>,
) -> Failure {
    let (mut waiting, mut told) = (VecDeque::<Wanted>::new(), Some(told));
    loop {
        tokio::select! {
            Some(wanted) = asked.recv(), if waiting.len() < RUNTIME_ASKS_MAX => {
                pass_on(channel, ToSupervisor::Connect, wanted, &mut waiting);
            }
            Some(wanted) = checks_asked.recv(), if waiting.len() < RUNTIME_ASKS_MAX => {
                pass_on(channel, ToSupervisor::ConnectChecker, wanted, &mut waiting);
            }
            message = channel.receive_with_descriptors() => match message {
                Ok(Some((ToRuntime::Drain, _))) => drop(told.take()),
                Ok(Some((message, descriptors))) => {
                    let stream = descriptors.into_iter().next().map(UnixStream::from);
                    let given = stream.ok_or_else(|| std::io::Error::other(reason(message)));
                    waiting.pop_front().map(|wanted| wanted.send(given));
                }
                Ok(None) => return Failure::Fault("the supervisor is gone".into()),
                Err(error) => return Failure::fault("supervisor", error),
            }
        }
    }
}

fn pass_on(channel: &Channel, ask: ToSupervisor, wanted: Wanted, waiting: &mut VecDeque<Wanted>) {
    match channel.send(&ask, &[]) {
        Ok(()) => waiting.push_back(wanted),
        Err(error) => drop(wanted.send(Err(error))),
    }
}

fn reason(message: ToRuntime) -> String {
    match message {
        ToRuntime::NoConnection { reason } => reason,
        _ => "no connection came with the supervisor's answer".into(),
    }
}
