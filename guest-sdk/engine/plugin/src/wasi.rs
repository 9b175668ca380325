//! In: what libc and std would ask WASI for. Out: the turn's own clock, a dead end for output, refusal for the rest.
//! May touch: the memory that the caller names, as WASI would.
//! Security boundary: no. It makes the module import nothing, so that a turn is a function of image and event alone.
//!
//! The symbols are those that wasi-libc and the `wasi` crate declare as imports; the linker takes a definition where
//! it finds one. A new import (after an update of libc or std) makes `build-engine` fail and name it.
#![allow(clippy::missing_safety_doc)]

use crate::stimulus;

const SUCCESS: i32 = 0;
const BAD_FILE: i32 = 8;
const REALTIME: i32 = 0;
const NANOSECONDS_PER_MS: f64 = 1e6;

/// The turn's clocks: 0 is `Date.now()`, all others the time since the run began.
#[unsafe(export_name = "__imported_wasi_snapshot_preview1_clock_time_get")]
unsafe extern "C" fn clock_time_get(clock: i32, _precision: i64, time: i32) -> i32 {
    let ms = if clock == REALTIME { stimulus::now_ms() } else { stimulus::elapsed_ms() };
    // Whole milliseconds first: today's date in nanoseconds is more than an f64 can hold exactly.
    let (whole, rest) = (ms.floor(), ms - ms.floor());
    let nanoseconds = whole as u64 * NANOSECONDS_PER_MS as u64 + (rest * NANOSECONDS_PER_MS) as u64;
    // SAFETY: libc passes the address of its own u64.
    unsafe { (time as usize as *mut u64).write_unaligned(nanoseconds) };
    SUCCESS
}

/// Hash seeds of std's maps. Nothing that a script sees comes from here, and a fixed answer keeps the snapshot
/// reproducible.
#[unsafe(export_name = "__imported_wasi_snapshot_preview1_random_get")]
unsafe extern "C" fn random_get(buffer: i32, length: i32) -> i32 {
    // SAFETY: the caller passes its own buffer and its length.
    unsafe { std::ptr::write_bytes(buffer as usize as *mut u8, 0x5a, length as usize) };
    SUCCESS
}

/// An empty environment.
#[unsafe(export_name = "__imported_wasi_snapshot_preview1_environ_sizes_get")]
unsafe extern "C" fn environ_sizes_get(count: i32, bytes: i32) -> i32 {
    // SAFETY: libc passes the addresses of its own two sizes.
    unsafe {
        (count as usize as *mut u32).write_unaligned(0);
        (bytes as usize as *mut u32).write_unaligned(0);
    }
    SUCCESS
}

#[unsafe(export_name = "__imported_wasi_snapshot_preview1_environ_get")]
extern "C" fn environ_get(_list: i32, _bytes: i32) -> i32 {
    SUCCESS
}

#[unsafe(export_name = "__imported_wasi_snapshot_preview1_fd_write")]
extern "C" fn fd_write(_fd: i32, _vectors: i32, _count: i32, _written: i32) -> i32 {
    BAD_FILE
}

#[unsafe(export_name = "__imported_wasi_snapshot_preview1_fd_close")]
extern "C" fn fd_close(_fd: i32) -> i32 {
    BAD_FILE
}

#[unsafe(export_name = "__imported_wasi_snapshot_preview1_fd_seek")]
extern "C" fn fd_seek(_fd: i32, _offset: i64, _whence: i32, _position: i32) -> i32 {
    BAD_FILE
}

#[unsafe(export_name = "__imported_wasi_snapshot_preview1_fd_fdstat_get")]
extern "C" fn fd_fdstat_get(_fd: i32, _stat: i32) -> i32 {
    BAD_FILE
}

/// The end of the isolate: a trap, as every other abort.
#[unsafe(export_name = "__imported_wasi_snapshot_preview1_proc_exit")]
extern "C" fn proc_exit(_code: i32) -> ! {
    core::arch::wasm32::unreachable()
}
