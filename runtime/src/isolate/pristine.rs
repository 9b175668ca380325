//! In: a fresh isolate. Out: its memory as it was before the first turn, page by page.
//! May touch: that isolate's memory.
//! Security boundary: no.
#![allow(unsafe_code)] // `madvise`: see `of`.

use super::engine::{Engine, EngineError};
use super::guest::Guest;
use rustix::mm::{Advice, madvise};

/// Granularity of images: the machine's page, which is also what a write makes resident.
pub const PAGE_BYTES: usize = 4096;

/// What an image is compared with.
#[derive(Default)]
pub struct Pristine(Vec<u8>);

impl Pristine {
    pub fn of(engine: &Engine) -> Result<Pristine, EngineError> {
        let guest = Guest::engine(engine, mayfly_schemas::limits::CEILINGS.memory_mib)
            .map_err(|stopped| EngineError::Wasmtime(format!("the first isolate could not be made: {stopped}")))?;
        let memory = guest.memory();
        let pristine = Pristine(memory.to_vec());
        // Reading it mapped every page, and they would stay mapped: at the end of each later isolate in this place,
        // which is the next one's, the kernel would look at all of them. That doubles the end's time.
        //
        // SAFETY: the range is a private mapping of the engine's image that nothing has written to. What is dropped from
        // it comes back the same at the next access.
        let forgotten = unsafe { madvise(memory.as_ptr().cast_mut().cast(), memory.len(), Advice::LinuxDontNeed) };
        forgotten.map_err(|error| EngineError::Wasmtime(format!("the first isolate's memory: {error}")))?;
        Ok(pristine)
    }

    /// The engine's own page; behind its memory, what a grown memory holds at first.
    pub fn page(&self, index: usize) -> &[u8] {
        const ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];
        let start = index.saturating_mul(PAGE_BYTES);
        self.0.get(start..start.saturating_add(PAGE_BYTES)).unwrap_or(&ZEROS)
    }
}
