//! In: nothing. Out: every bound of the conformance runner, in one place.
//! May touch: nothing.
//! Security boundary: no. The suites are trusted as far as CI trusts what it downloads; these end what hangs.

use mayfly::limits::{CEILINGS, Limits, MIB};

/// What one test file may use: the ceilings of a run, and no bound where a suite has its own idea of "many".
pub const TEST_LIMITS: Limits = Limits {
    cpu_ms: 30_000,
    calls: 100_000,
    calls_in_flight: 100_000,
    source_bytes: 64 * MIB,
    input_bytes: 64 * MIB,
    result_bytes: 64 * MIB,
    ..CEILINGS
};

/// Turns of one test file: a test that arms timers for ever ends here, since its time is virtual and costs nothing.
pub const TURNS_MAX: usize = 20_000;

/// Compiling one module of a test.
pub const COMPILE_CPU_MS: u64 = 10_000;
pub const COMPILE_MEMORY_MIB: u32 = 128;

/// Modules that one test of test262 can pull in.
pub const MODULES_MAX: usize = 256;

/// Threads that run tests; more would only wait for the machine.
pub const THREADS_MAX: usize = 8;

/// Unexpected results that are printed in full, and different messages of failures per area.
pub const SHOWN_MAX: usize = 60;
pub const MESSAGES_SHOWN_MAX: usize = 8;

/// Bytes of a failure's message that are kept.
pub const MESSAGE_BYTES_MAX: usize = 300;
