//! In: what a turn asks for. Out: the effect frames of that turn, and the answer pair that the host reads.
//! May touch: the effect buffer, which is reused from turn to turn.
//! Security boundary: no. The host parses the frames as arbitrary bytes.

use crate::limits::{EFFECTS_KEPT_BYTES, EFFECTS_START_BYTES, LOG_BYTES_PER_TURN_MAX};
use mayfly_abi::{Answer, Effect, EffectKind};
use std::cell::{Cell, RefCell};

/// What a frame has beside meta and body, rounded up.
const FRAME_BYTES: usize = 16;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static LOG_BYTES: Cell<usize> = const { Cell::new(0) };
    static LOG_LINES_LOST: Cell<u32> = const { Cell::new(0) };
    static FINISHED: Cell<bool> = const { Cell::new(false) };
    /// Address and length of the answer, as the host reads it.
    static PAIR: Cell<[u32; 2]> = const { Cell::new([0; 2]) };
}

/// There is no memory for one more frame.
pub struct OutOfMemory;

/// Empties the buffer for a new turn. One that grew large gives its memory back.
pub fn begin_turn() {
    LOG_BYTES.set(0);
    LOG_LINES_LOST.set(0);
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.capacity() > EFFECTS_KEPT_BYTES || buffer.capacity() == 0 {
            *buffer = Vec::with_capacity(EFFECTS_START_BYTES);
        }
        buffer.clear();
    });
}

/// Appends one frame; log lines above the turn's bound are counted only.
pub fn push(kind: EffectKind, number: u32, meta: &[u8], body: &[u8]) -> Result<(), OutOfMemory> {
    if kind == EffectKind::Log {
        LOG_BYTES.set(LOG_BYTES.get().saturating_add(body.len() + FRAME_BYTES));
        if LOG_BYTES.get() > LOG_BYTES_PER_TURN_MAX {
            LOG_LINES_LOST.set(LOG_LINES_LOST.get().saturating_add(1));
            return Ok(());
        }
    }
    let is_last = matches!(kind, EffectKind::Result | EffectKind::Error);
    if is_last && FINISHED.replace(true) {
        return Ok(());
    }
    BUFFER.with_borrow_mut(|buffer| {
        if is_last {
            tell_lost_lines(buffer);
        }
        buffer.try_reserve(meta.len() + body.len() + FRAME_BYTES).map_err(|_| OutOfMemory)?;
        Effect { kind, number, meta, body }.write(buffer);
        Ok(())
    })
}

/// Whether the run has told its result or its error.
pub fn finished() -> bool {
    FINISHED.get()
}

/// The pair for the frames of this turn.
pub fn pair() -> *const [u32; 2] {
    BUFFER.with_borrow_mut(|buffer| {
        tell_lost_lines(buffer);
        publish(buffer)
    })
}

/// Where there is no memory for it, the count is lost too.
fn tell_lost_lines(buffer: &mut Vec<u8>) {
    let number = LOG_LINES_LOST.take();
    if number > 0 && buffer.try_reserve(FRAME_BYTES).is_ok() {
        Effect { kind: EffectKind::Log, number, meta: &[], body: &[] }.write(buffer);
    }
}

/// The pair for the one answer of `mayfly-compile`.
pub fn answer(answer: &Answer<'_>) -> *const [u32; 2] {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        answer.write(buffer);
        publish(buffer)
    })
}

fn publish(buffer: &[u8]) -> *const [u32; 2] {
    PAIR.set([buffer.as_ptr() as usize as u32, buffer.len() as u32]);
    PAIR.with(|pair| pair.as_ptr().cast_const())
}
