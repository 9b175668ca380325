//! In: the stimulus of a turn. Out: the clock that stands still in it, and its random stream.
//! May touch: nothing outside; this is the only clock and the only randomness of the guest.
//! Security boundary: no. The host chooses both.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use mayfly_abi::Stimulus;
use std::cell::{Cell, RefCell};
use zeroize::Zeroize;

/// Random bytes are made in blocks of this size, the first one when the turn first asks.
const BLOCK_BYTES: usize = 64;

/// As deep as the frames of a turn go before JavaScript begins.
const STACK_WIPED_BYTES: usize = 2048;

thread_local! {
    static CLOCK: Cell<Clock> = const { Cell::new(Clock { now_ms: 0.0, elapsed_ms: 0.0 }) };
    static SEED: Cell<[u8; 32]> = const { Cell::new([0; 32]) };
    static STREAM: RefCell<Option<Stream>> = const { RefCell::new(None) };
}

#[derive(Clone, Copy)]
struct Clock {
    now_ms: f64,
    elapsed_ms: f64,
}

struct Stream {
    cipher: ChaCha20,
    block: [u8; BLOCK_BYTES],
    used: usize,
}

/// Sets clock and seed for one turn.
pub fn begin_turn(stimulus: &Stimulus) {
    CLOCK.set(Clock { now_ms: stimulus.now_ms, elapsed_ms: stimulus.elapsed_ms });
    SEED.set(stimulus.seed);
}

/// Forgets seed and stream, so that no image holds what a later turn would draw from.
pub fn end_turn() {
    SEED.set([0; 32]);
    STREAM.take();
}

/// Wipes the stimulus at the head of a frame, and the part of the stack where it was passed on.
pub fn forget(frame: &mut [u8]) {
    if let Some(head) = frame.get_mut(..size_of::<Stimulus>()) {
        head.zeroize();
    }
    wipe_stack();
}

#[inline(never)]
fn wipe_stack() {
    let mut area = [0xff_u8; STACK_WIPED_BYTES];
    area.zeroize();
    std::hint::black_box(&area);
}

/// Milliseconds since 1970, with fraction.
pub fn now_ms() -> f64 {
    CLOCK.get().now_ms
}

/// Milliseconds since the run began.
pub fn elapsed_ms() -> f64 {
    CLOCK.get().elapsed_ms
}

/// Fills `out` from the turn's ChaCha20 stream (key: the seed, nonce 0).
pub fn fill_random(out: &mut [u8]) {
    STREAM.with_borrow_mut(|slot| slot.get_or_insert_with(Stream::new).fill(out));
}

/// 53 random bits as a number in [0, 1), as `Math.random` wants it.
pub fn random_f64() -> f64 {
    let mut bytes = [0; 8];
    fill_random(&mut bytes);
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64
}

impl Stream {
    fn new() -> Self {
        let cipher = ChaCha20::new(&SEED.get().into(), &[0; 12].into());
        Stream { cipher, block: [0; BLOCK_BYTES], used: BLOCK_BYTES }
    }

    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == BLOCK_BYTES {
                self.block = [0; BLOCK_BYTES];
                self.cipher.apply_keystream(&mut self.block);
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.block.zeroize();
    }
}
