//! In: nothing. Out: every bound of the engine, in one place.
//! May touch: nothing.
//! Security boundary: no. The host bounds memory, time and effects again; these make the guest fail in words.

/// QuickJS throws a RangeError when the shadow stack is this deep, in bytes: 2,700 calls of a small function. The module
/// has more of it (`mayfly_abi::STACK_BYTES`). The native stack that the host grants grows with it: by up to 4 bytes for each of these where functions
/// call each other, by up to 16 in QuickJS's parser and in JSON. The host grants 4 bytes for each
/// (`WASM_STACK_BYTES`): calls end in a RangeError, the deepest nesting in a clean trap. `build-engine try --stack KIB` shows it.
pub const STACK_BYTES_MAX: usize = 768 * 1024;

/// What the stack may grow beyond that while an error's own stack is told.
pub const STACK_REPORT_BYTES: usize = 64 * 1024;

/// Text of an error's message that its stack repeats, in bytes.
pub const STACK_HEAD_BYTES_MAX: usize = 8 * 1024;

/// QuickJS looks for cycles when this much was allocated since the last time, in bytes. Most runs never get there:
/// a collection touches every object, and with that every page of the snapshot.
pub const GC_THRESHOLD_BYTES: usize = 4 << 20;

/// Memory that a script may use for telling that it has used up its memory, in bytes.
pub const REPORT_RESERVE_BYTES: usize = 256 * 1024;

/// What the effect buffer may keep between turns, in bytes.
pub const EFFECTS_KEPT_BYTES: usize = 64 * 1024;

/// What the effect buffer has from the start, in bytes: most turns fit.
pub const EFFECTS_START_BYTES: usize = 1024;

/// Log text that one turn may emit, in bytes; the rest is dropped here. The host's ceiling for a whole run is the same.
pub const LOG_BYTES_PER_TURN_MAX: usize = 1 << 20;

/// `crypto.getRandomValues` fills at most this many bytes, as the standard says.
pub const RANDOM_BYTES_MAX: usize = 65_536;

/// Unhandled rejections that are remembered for the end of the turn.
pub const REJECTIONS_MAX: usize = 32;

/// Compression streams that a script has open at once.
pub const ZSTREAMS_MAX: usize = 64;

/// What one chunk of a compressed stream may unpack to, in bytes.
pub const INFLATED_BYTES_MAX: usize = 32 << 20;
/// Modulus of an RSA key, in bits. Below, a key is broken by anybody; above, one operation takes a second or more.
pub const RSA_BITS_MIN: usize = 1024;
pub const RSA_BITS_MAX: usize = 8192;

/// Public exponent of an RSA key: a larger one buys nothing, and makes whoever checks a signature work.
pub const RSA_EXPONENT_MAX: u64 = (1 << 33) - 1;
