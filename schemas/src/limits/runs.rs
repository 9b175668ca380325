//! In: nothing. Out: bounds of what clients say about runs beside their code: tags, keys, lists, streams, and of what is kept.
//! May touch: nothing.
//! Security boundary: no; the places that use these numbers are.

use super::{KIB, MIB, RUN_KEPT_BYTES, RUNS_KEPT_BYTES_MAX};

/// Tags of a run: how many, and the bytes of a key and of a value.
pub const TAGS_MAX: usize = 16;
pub const TAG_KEY_BYTES_MAX: usize = 64;
pub const TAG_VALUE_BYTES_MAX: usize = 256;
/// Parked runs whose tags one request for a list looks at: each is opened in the store, and so many at once.
pub const TAG_LOOKS_MAX: usize = 1_000;
pub const TAG_LOOKS_AT_ONCE: usize = 16;
/// An `Idempotency-Key`, and for how long it means the run that it first came with.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
pub const IDEMPOTENCY_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long a run that was begun with a key waits for its client to come back before it is cancelled.
pub const IDEMPOTENCY_GRACE_MS: u64 = 2_000;
/// Keys that are remembered, of a tenant and of a server, the oldest given up first: some 200 bytes each.
pub const IDEMPOTENCY_KEYS_MAX: usize = 10_000;
pub const IDEMPOTENCY_ALL_KEYS_MAX: usize = 100_000;
/// Streams of events of one run at once.
pub const RUN_FOLLOWERS_MAX: usize = 64;
/// What `[runs]` of a configuration may ask for. More runs than this never fit into the bytes that a tenant's may have.
pub const RUNS_KEEP_MAX: u64 = RUNS_KEPT_BYTES_MAX / RUN_KEPT_BYTES;
pub const RUNS_KEEP_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// What `mayfly runs` reads of one answer, of one event, and of one value that it sends.
pub const OPERATOR_ANSWER_BYTES_MAX: usize = 64 * MIB as usize;
pub const OPERATOR_VALUE_BYTES_MAX: u64 = 64 * MIB;
pub const TOKEN_FILE_BYTES_MAX: u64 = 4 * KIB;
