//! In: turns that begin and end. Out: the epoch of the process, one step every `limits::TICK_MS` while a turn runs.
//! May touch: one thread of its own.
//! Security boundary: yes. Without it an endless loop would keep its thread.

use mayfly_schemas::limits::TICK_MS;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::Thread;
use std::time::Duration;

/// Sleeps while nothing runs, so that an idle server costs no wake-ups.
pub struct Ticker {
    turns: AtomicUsize,
    thread: OnceLock<Thread>,
}

/// A turn under way; ticks come as long as one exists.
pub struct Ticking(Arc<Ticker>);

impl Ticker {
    pub fn start(engine: wasmtime::Engine) -> Arc<Ticker> {
        let ticker = Arc::new(Ticker { turns: AtomicUsize::new(0), thread: OnceLock::new() });
        let weak = Arc::downgrade(&ticker);
        let spawned = std::thread::Builder::new().name("epoch".into()).spawn(move || tick(&engine, &weak));
        match spawned {
            Ok(handle) => drop(ticker.thread.set(handle.thread().clone())),
            // Without ticks no limit holds: better no process at all.
            Err(reason) => {
                tracing::error!(%reason, "no thread for the epoch");
                std::process::abort()
            }
        }
        ticker
    }

    pub fn turn(self: &Arc<Self>) -> Ticking {
        if self.turns.fetch_add(1, Ordering::SeqCst) == 0 {
            self.wake();
        }
        Ticking(self.clone())
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.turns.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.wake();
    }
}

fn tick(engine: &wasmtime::Engine, ticker: &Weak<Ticker>) {
    loop {
        let Some(turns) = ticker.upgrade().map(|ticker| ticker.turns.load(Ordering::SeqCst)) else { return };
        match turns {
            // A token left by an `unpark` in between makes this return at once: no turn is missed.
            0 => std::thread::park(),
            _ => {
                std::thread::sleep(Duration::from_millis(TICK_MS));
                engine.increment_epoch();
            }
        }
    }
}
