//! In: the checked-in engine artifact. Out: an [`Engine`] from which isolates are made in microseconds.
//! May touch: wasmtime's configuration; the cache of native code through `native.rs`.
//! Security boundary: yes. Every setting that keeps a guest inside stands here and nowhere else.

use super::native;
use super::pristine::Pristine;
use super::ticker::Ticker;
use mayfly_schemas::limits::{self, CEILINGS, MIB};
use std::num::NonZeroUsize;
use std::sync::Arc;
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, InstancePre, Linker, PoolingAllocationConfig, ResourceLimiter,
    Strategy,
};
use wasmtime_wasi::p1::WasiP1Ctx;

/// sha256 of sources and artifacts, written by the engine's build.
pub const DIGESTS: &str = include_str!("../../../guest-sdk/engine/artifacts/DIGESTS");
const ENGINE: &[u8] = include_bytes!("../../../guest-sdk/engine/artifacts/engine.wasm.zst");
const TRANSPILER: &[u8] = include_bytes!("../../../guest-sdk/engine/artifacts/transpiler.wasm.zst");

/// The artifacts do not load on this machine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("the engine artifact is damaged: {0}")]
    Artifact(String),
    #[error("wasmtime: {0}")]
    Wasmtime(String),
}

impl From<wasmtime::Error> for EngineError {
    fn from(error: wasmtime::Error) -> Self {
        EngineError::Wasmtime(format!("{error:#}"))
    }
}

/// How many isolates may exist at once, and how they are kept ready.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    pub isolates_max: u32,
    /// Bytes of a freed slot that stay resident and are reset by copying instead of by a page fault each.
    pub keep_resident_bytes: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions { isolates_max: limits::ISOLATES_MAX, keep_resident_bytes: MIB as usize }
    }
}

/// The pre-initialised guest, compiled. One per process.
pub struct Engine {
    pub(super) guest: InstancePre<GuestState>,
    pub(super) transpiler: InstancePre<GuestState>,
    pub(super) ticker: Arc<Ticker>,
    pub(super) pristine: Pristine,
    isolates_max: u32,
}

impl Engine {
    pub fn load(options: EngineOptions) -> Result<Engine, EngineError> {
        let engine = wasmtime::Engine::new(&config(options))?;
        let guest = native::load(&engine, "engine", || unpack(ENGINE), digest("engine.wasm")?)?;
        let transpiler = native::load(&engine, "transpiler", || unpack(TRANSPILER), digest("transpiler.wasm")?)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p1::add_to_linker_async(&mut linker, GuestState::wasi)?;
        let mut loaded = Engine {
            guest: linker.instantiate_pre(&guest)?,
            transpiler: linker.instantiate_pre(&transpiler)?,
            ticker: Ticker::start(engine.clone()),
            pristine: Pristine::default(),
            isolates_max: options.isolates_max,
        };
        loaded.pristine = Pristine::of(&loaded)?;
        Ok(loaded)
    }

    /// sha256 of the engine's Wasm: what an image or a tape was made with.
    pub fn digest(&self) -> &'static str {
        digest("engine.wasm").unwrap_or_default()
    }

    pub fn isolates_max(&self) -> u32 {
        self.isolates_max
    }
}

/// The digest that the build wrote for one file: lines of `sha256  name`.
pub fn digest(name: &str) -> Result<&'static str, EngineError> {
    DIGESTS
        .lines()
        .filter_map(|line| line.split_once(char::is_whitespace))
        .find(|(_, file)| file.trim() == name)
        .map(|(digest, _)| digest)
        .ok_or_else(|| EngineError::Artifact(format!("DIGESTS does not name {name}")))
}

fn unpack(compressed: &[u8]) -> Result<Vec<u8>, EngineError> {
    zstd::decode_all(compressed).map_err(|error| EngineError::Artifact(error.to_string()))
}

/// Off is whatever the engine does not need: each proposal is attack surface in the compiler.
fn config(options: EngineOptions) -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift) // Winch had four advisories in 2026, one an escape
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)))
        .memory_init_cow(true)
        .memory_guard_size(32 * MIB) // never 0: CVE-2026-34988
        .memory_may_move(false)
        .max_wasm_stack(limits::WASM_STACK_BYTES)
        .async_stack_size(limits::FIBER_STACK_BYTES)
        .epoch_interruption(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(4))
        .native_unwind_info(false)
        .wasm_threads(false)
        .shared_memory(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_stack_switching(false)
        .wasm_component_model(false)
        .gc_support(false);
    config
}

/// Functions that the engine and the transpiler call through their tables, with room to grow.
const TABLE_ELEMENTS_MAX: usize = 8 * 1024;

fn pool(options: EngineOptions) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(options.isolates_max)
        .total_memories(options.isolates_max)
        .total_tables(options.isolates_max)
        .total_stacks(options.isolates_max)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size((u64::from(CEILINGS.memory_mib) * MIB) as usize)
        .max_unused_warm_slots(64)
        .linear_memory_keep_resident(options.keep_resident_bytes)
        .table_keep_resident(64 * 1024)
        .async_stack_keep_resident(64 * 1024)
        .pagemap_scan(if PoolingAllocationConfig::is_pagemap_scan_available() { Enabled::Yes } else { Enabled::No });
    pool
}

/// What the host keeps beside one guest: its memory limit, and the WASI context that grants nothing.
pub struct GuestState {
    pub(super) memory_bytes_max: usize,
    pub(super) memory_peak_bytes: usize,
    /// The guest asked for more memory than it may have: what follows is told as `memory_limit`.
    pub(super) memory_refused: bool,
    wasi: Option<WasiP1Ctx>,
}

impl GuestState {
    pub(super) fn new(memory_bytes_max: usize) -> Self {
        GuestState { memory_bytes_max, memory_peak_bytes: 0, memory_refused: false, wasi: None }
    }

    /// Made when the guest first calls a WASI import, which an ordinary run never does: its clock and its randomness
    /// come with each turn. Nothing is granted: no file, no variable, no argument, no socket, no output.
    fn wasi(&mut self) -> &mut WasiP1Ctx {
        self.wasi.get_or_insert_with(super::wasi::nothing)
    }
}

impl ResourceLimiter for GuestState {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let granted = desired <= self.memory_bytes_max;
        if granted {
            self.memory_peak_bytes = self.memory_peak_bytes.max(desired);
        } else {
            self.memory_refused = true;
        }
        Ok(granted)
    }

    /// Asked for the table's first size too; the engine never grows it afterwards.
    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(current == 0 && desired <= TABLE_ELEMENTS_MAX)
    }
}
