//! In: bytes for an export of the guest. Out: the bytes it answered, or what stopped it.
//! May touch: guest memory; it is the only file that does.
//! Security boundary: yes. Every address and length that comes from the guest is checked here, and copied out before use.

use super::engine::{Engine, GuestState};
use super::ticker::Ticker;
use mayfly_schemas::limits::MIB;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use wasmtime::{Instance, InstancePre, Memory, Store, Trap, TypedFunc};

/// What a guest may still use, and what it has used.
#[derive(Clone, Debug)]
pub struct Budget {
    pub cpu_max: Duration,
    pub cpu_used: Duration,
    /// Checked at every tick of a running turn; waiting is its owner's matter.
    pub wall_until: Option<Instant>,
}

/// Memory of the guest that is not QuickJS' heap: its code's static data, its stack, and what the heap loses to
/// fragmentation. QuickJS gets the rest as its own limit, so that it can still tell what happened.
pub(super) const BESIDE_HEAP_BYTES: usize = 3 * MIB as usize;

/// How often a turn lets its neighbours go on at each tick; each costs microseconds where there are none.
const YIELDS: usize = 4;

/// Why a turn did not come to its end. The isolate is of no further use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    #[error("used up its CPU limit")]
    Cpu,
    #[error("used up its wall clock limit")]
    Wall,
    #[error("used up its memory limit")]
    Memory,
    #[error("call stack overflow")]
    Stack,
    #[error("trap: {0}")]
    Trap(String),
    #[error("the guest answered what is no answer: {0}")]
    Malformed(&'static str),
    #[error("no isolate is free")]
    NoSlot,
}

/// One instance of the engine or the transpiler; dropped after its run, always.
pub struct Guest {
    store: Store<GuestState>,
    instance: Instance,
    memory: Memory,
    realloc: TypedFunc<(u32, u32, u32, u32), u32>,
    ticker: Arc<Ticker>,
}

impl Budget {
    pub fn cpu_ms(cpu_ms: u64) -> Budget {
        Budget { cpu_max: Duration::from_millis(cpu_ms), cpu_used: Duration::ZERO, wall_until: None }
    }

    fn overrun(&self) -> Option<Stopped> {
        if self.cpu_used > self.cpu_max {
            return Some(Stopped::Cpu);
        }
        self.wall_until.is_some_and(|until| Instant::now() > until).then_some(Stopped::Wall)
    }
}

impl Guest {
    pub fn engine(engine: &Engine, memory_mib: u32) -> Result<Guest, Stopped> {
        let mut store = store(&engine.guest, memory_mib);
        // It imports nothing and has no start function: nothing runs here, and the fiber of an async call is spared.
        let instance = engine.guest.instantiate(&mut store);
        Guest::new(store, instance, &engine.ticker)
    }

    pub async fn transpiler(engine: &Engine, memory_mib: u32) -> Result<Guest, Stopped> {
        let mut store = store(&engine.transpiler, memory_mib);
        let instance = engine.transpiler.instantiate_async(&mut store).await;
        Guest::new(store, instance, &engine.ticker)
    }

    fn new(
        mut store: Store<GuestState>,
        instance: wasmtime::Result<Instance>,
        ticker: &Arc<Ticker>,
    ) -> Result<Guest, Stopped> {
        let instance = instance.map_err(|error| {
            tracing::warn!(error = format!("{error:#}"), "no isolate could be made");
            Stopped::NoSlot
        })?;
        store.epoch_deadline_async_yield_and_update(1);
        let memory = instance.get_memory(&mut store, "memory").ok_or(Stopped::Malformed("memory"))?;
        let realloc = instance.get_typed_func(&mut store, "cabi_realloc").map_err(|_| Stopped::Malformed("realloc"))?;
        Ok(Guest { store, instance, memory, realloc, ticker: ticker.clone() })
    }

    /// Writes `bytes` into the guest, calls `export` with their place, and copies out what it answers.
    pub async fn call(&mut self, export: &str, bytes: &[u8], budget: &mut Budget) -> Result<Vec<u8>, Stopped> {
        let ticking = self.ticker.turn();
        let length = u32::try_from(bytes.len()).map_err(|_| Stopped::Memory)?;
        let entry: TypedFunc<(u32, u32), u32> =
            self.instance.get_typed_func(&mut self.store, export).map_err(|_| Stopped::Malformed("export"))?;
        let realloc = self.realloc.clone();
        let address = metered(budget, realloc.call_async(&mut self.store, (0, 0, 8, length))).await;
        let address = self.finished(address)?;
        self.memory.write(&mut self.store, address as usize, bytes).map_err(|_| Stopped::Malformed("address"))?;
        let answer = metered(budget, entry.call_async(&mut self.store, (address, length))).await;
        let answer = self.finished(answer)?;
        drop(ticking);
        self.answer_at(answer as usize).map(<[u8]>::to_vec)
    }

    /// The answer is found through a pair of numbers, address and length, each little-endian.
    fn answer_at(&self, pair: usize) -> Result<&[u8], Stopped> {
        let memory = self.memory.data(&self.store);
        let number = |at: usize| -> Option<usize> {
            let bytes = memory.get(at..at.checked_add(4)?)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
        };
        let place = || {
            let (address, length) = (number(pair)?, number(pair.checked_add(4)?)?);
            memory.get(address..address.checked_add(length)?)
        };
        place().ok_or(Stopped::Malformed("answer"))
    }

    pub fn memory(&self) -> &[u8] {
        self.memory.data(&self.store)
    }

    /// Makes the memory at least `bytes` long, for an image that is put back.
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), Stopped> {
        const PAGE: usize = 64 * 1024;
        let missing = bytes.saturating_sub(self.memory().len()).div_ceil(PAGE);
        if missing == 0 {
            return Ok(());
        }
        self.memory.grow(&mut self.store, missing as u64).map(drop).map_err(|_| Stopped::Memory)
    }

    pub(super) fn write(&mut self, address: usize, bytes: &[u8]) -> Result<(), Stopped> {
        self.memory.write(&mut self.store, address, bytes).map_err(|_| Stopped::Malformed("image"))
    }

    pub fn memory_peak_bytes(&self) -> usize {
        self.store.data().memory_peak_bytes.max(self.memory().len())
    }

    pub fn memory_refused(&self) -> bool {
        self.store.data().memory_refused
    }

    /// What is left is no more than what QuickJS may not use (`BESIDE_HEAP_BYTES`): it was refused memory, or soon will be.
    fn is_nearly_full(&self) -> bool {
        self.memory().len() + BESIDE_HEAP_BYTES >= self.store.data().memory_bytes_max
    }

    fn finished<T>(&self, called: Result<wasmtime::Result<T>, Stopped>) -> Result<T, Stopped> {
        called?.map_err(|error| match error.downcast_ref::<Trap>() {
            _ if self.memory_refused() => Stopped::Memory,
            Some(Trap::StackOverflow) => Stopped::Stack,
            // QuickJS does not get over every allocation that fails: some of its ways back free a thing twice.
            _ if self.is_nearly_full() => Stopped::Memory,
            _ => Stopped::Trap(format!("{error:#}")),
        })
    }
}

fn store(pre: &InstancePre<GuestState>, memory_mib: u32) -> Store<GuestState> {
    let mut store = Store::new(pre.module().engine(), GuestState::new((u64::from(memory_mib) * MIB) as usize));
    store.limiter(|state| state);
    store.set_epoch_deadline(1);
    store
}

/// Polls a turn and counts the CPU of its own thread while it does. The guest waits for nothing but its next epoch tick,
/// so a turn that is pending has only yielded: there its limits are looked at, and an overrun is at most one tick.
///
/// It yields to the executor's I/O too. wasmtime's own yield wakes itself at once, and a queue of tasks that do so keeps
/// an executor from looking at its sockets for many ticks. And it yields some times: a request that came in during the tick is
/// accepted in the first of them, read in the next, and what it asks for is done in a third. One at a time, a tick apart,
/// they would make every neighbour of a loop wait for several ticks.
async fn metered<T>(
    budget: &mut Budget,
    turn: impl Future<Output = wasmtime::Result<T>>,
) -> Result<wasmtime::Result<T>, Stopped> {
    let mut turn = pin!(turn);
    loop {
        let before = thread_cpu();
        let polled = turn.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        budget.cpu_used += thread_cpu().saturating_sub(before);
        match (polled, budget.overrun()) {
            (_, Some(stopped)) => return Err(stopped),
            (Poll::Ready(done), None) => return Ok(done),
            (Poll::Pending, None) => {
                for _ in 0..YIELDS {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
