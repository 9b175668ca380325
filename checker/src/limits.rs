//! In: nothing. Out: every bound of checking, with its unit and how it relates to others.
//! May touch: nothing.
//! Security boundary: no; the places that use these numbers are.

/// From the moment a script is to be checked until its run goes on unchecked, waiting for a compiler included.
pub const CHECK_MS: u64 = 2_000;
/// A compiler's start, with the declarations of the language and of Mayfly; not part of `CHECK_MS`, and paid once.
pub const START_MS: u64 = 5_000;
/// What asks the checker waits a little longer than the checker takes at most.
pub const ANSWER_MS: u64 = CHECK_MS + START_MS + 500;

/// Source text of all modules of a script that is checked.
pub const SOURCE_BYTES_MAX: usize = 1024 * 1024;
/// Modules of a script that is checked.
pub const MODULES_MAX: usize = 64;
/// Declarations of one tenant's tools.
pub const DECLARATIONS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Brackets open at once. TypeScript 7 takes 0.02 s for 100 nested `[`, and 5 s for 200.
pub const DEPTH_MAX: usize = 100;

/// Diagnostics told of one script; the others are counted.
pub const DIAGNOSTICS_MAX: usize = 20;
/// Findings of a module that are looked at.
pub const FINDINGS_MAX: usize = 500;
/// Calls that nobody awaits, told of one module.
pub const FLOATING_MAX: usize = 20;
/// Calls that are looked at for that, and how far each is: arguments and regular expressions, in bytes.
pub const CALLS_MAX: usize = 1_000;
pub const ARGUMENTS_BYTES_MAX: usize = 16 * 1024;
pub const REGULAR_EXPRESSION_BYTES_MAX: usize = 200;
/// One message, in bytes: types can be longer than the script.
pub const MESSAGE_BYTES_MAX: usize = 600;
/// A type that is named in a message, in bytes.
pub const TYPE_BYTES_MAX: usize = 120;
/// The offending line is shown up to here, in bytes: a minified script is one line.
pub const LINE_BYTES_MAX: usize = 512;

/// One frame between runtime and checker: declarations and source as JSON, where a byte can become six.
pub const FRAME_BYTES_MAX: usize = 2 * (DECLARATIONS_BYTES_MAX + SOURCE_BYTES_MAX);
/// One message of the compiler.
pub const COMPILER_MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// One header line of such a message, of which there are two at most.
pub const COMPILER_HEADER_BYTES_MAX: usize = 128;
/// What the compiler may ask for in the course of one request.
pub const COMPILER_ASKS_MAX: u32 = 100_000;

/// Compilers that run at once; a tenant has one of them at most.
pub const COMPILERS_MAX: usize = 2;
/// Checks after which a compiler is replaced, and the resident memory at which it is replaced earlier.
pub const COMPILER_CHECKS_MAX: u32 = 1_000;
pub const COMPILER_RESIDENT_BYTES: u64 = 320 * 1024 * 1024;
/// A compiler that had nothing to do for this long is ended, to give its memory back.
pub const COMPILER_IDLE_MS: u64 = 10 * 60 * 1_000;
/// Where its collector begins to work harder, and where the kernel gives it no more.
pub const COMPILER_HEAP_BYTES: u64 = 256 * 1024 * 1024;
pub const COMPILER_DATA_BYTES_MAX: u64 = 640 * 1024 * 1024;
/// CPU of one compiler in its life. Beyond it the kernel ends it, whatever became of us.
pub const COMPILER_CPU_S_MAX: u64 = 600;
/// Catalogues of tools that a compiler keeps parsed; the one that was not used for longest goes.
pub const CATALOGUES_MAX: usize = 16;
/// Types of a catalogue whose words are told in messages.
pub const ENUMS_MAX: usize = 4_096;
/// Sets of tools of a catalogue.
pub const SETS_MAX: usize = 1_000;
/// Tenants whose turn is remembered.
pub const TENANTS_MAX: usize = 4_096;
/// Connections that the checker serves at once: one for each worker of a runtime, and those of one that just died.
pub const CONNECTIONS_MAX: usize = 1_024;

/// Of a worker of the runtime: connections to the checker that it keeps, how long it believes a tenant's declarations, and how
/// much of them it holds.
pub const LINES_IDLE_MAX: usize = 4;
pub const CATALOGUE_MS: u64 = 10_000;
pub const CATALOGUES_BYTES_MAX: usize = 4 * DECLARATIONS_BYTES_MAX;
/// Connections to the checker that a runtime may be waiting for at once.
pub const ASKS_MAX: usize = 64;
