//! In: bytes in the Brotli format (RFC 7932), in pieces of any size. Out: what they say, a buffer at a time.
//! May touch: nothing.
//! Security boundary: yes; hostile bytes are read here, by a decoder in safe Rust. 14 of them can ask for a window of 16 MiB
//! and have it filled before a byte comes out, so all that it allocates is taken from the budget of bodies.

use crate::budget::{Budget, Held};
use crate::decode::Undecodable;
use brotli_decompressor::{Allocator, BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper, StandardAlloc};
use bytes::{Buf, Bytes};
use mayfly_schemas::limits::DECODE_WINDOW_BYTES_MAX;
use std::sync::Arc;

pub struct Brotli {
    state: BrotliState<Counted, Counted, Counted>,
    over: bool,
}

impl Brotli {
    pub fn new(budget: &Arc<Budget>) -> Brotli {
        let counted = || Counted { held: Held::new(budget), refused: false };
        // Strict: without the windows of up to a gibibyte that are not in the RFC.
        Brotli { state: BrotliState::new_strict(counted(), counted(), counted()), over: false }
    }

    /// Writes what can be had of `input` to `to`, and says how much that is.
    pub fn step(&mut self, input: &mut Bytes, to: &mut [u8]) -> Result<usize, Undecodable> {
        if self.over {
            return Ok(0);
        }
        let (mut in_left, mut in_at) = (input.len(), 0);
        let (mut out_left, mut out_at, mut total) = (to.len(), 0, 0);
        let state = &mut self.state;
        let result =
            BrotliDecompressStream(&mut in_left, &mut in_at, input, &mut out_left, &mut out_at, to, &mut total, state);
        input.advance(in_at.min(input.len()));
        match result {
            BrotliResult::ResultFailure
                if [&state.alloc_u8, &state.alloc_u32, &state.alloc_hc].iter().any(|a| a.refused) =>
            {
                Err(Undecodable::NoRoom)
            }
            BrotliResult::ResultFailure => Err(Undecodable::Corrupt),
            BrotliResult::ResultSuccess => {
                self.over = true;
                Ok(out_at)
            }
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok(out_at),
        }
    }

    pub fn is_over(&self) -> bool {
        self.over
    }
}

/// Takes from the budget first.
struct Counted {
    held: Held,
    refused: bool,
}

/// The window, and a little around it.
const CELL_BYTES_MAX: u64 = DECODE_WINDOW_BYTES_MAX + 4 * 1024;

impl<T: Clone + Default> Allocator<T> for Counted {
    type AllocatedMemory = <StandardAlloc as Allocator<T>>::AllocatedMemory;

    /// An empty cell is an allocation that failed, which the decoder reports.
    fn alloc_cell(&mut self, length: usize) -> Self::AllocatedMemory {
        let bytes = length.saturating_mul(size_of::<T>());
        if bytes as u64 > CELL_BYTES_MAX || self.held.more(bytes).is_err() {
            self.refused = true;
            return Self::AllocatedMemory::default();
        }
        StandardAlloc::default().alloc_cell(length)
    }

    fn free_cell(&mut self, cell: Self::AllocatedMemory) {
        drop(self.held.split(cell.slice().len().saturating_mul(size_of::<T>())));
    }
}
