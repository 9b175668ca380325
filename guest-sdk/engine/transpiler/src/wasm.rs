//! In: addresses and lengths from the host. Out: the address of a pair (address, length) of an `Answer` frame.
//! May touch: this module's linear memory; the only unsafe code of the crate, because the border speaks in addresses.
//! Security boundary: no, but its neighbour: the host checks every number it gets back.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, handle_alloc_error, realloc};

/// Transpiles the `Source` frame at `address`. The instance is thrown away after one answer, so nothing is freed.
#[unsafe(export_name = "mayfly-transpile")]
extern "C" fn transpile(address: *const u8, length: u32) -> *const [u32; 2] {
    // SAFETY: the host wrote `length` bytes at `address`, which it got from `cabi_realloc`; nothing else writes there.
    let frame = unsafe { std::slice::from_raw_parts(address, length as usize) };
    let answer = crate::answer(frame).leak();
    // Linear memory is little-endian, as the pair has to be.
    Box::leak(Box::new([answer.as_ptr() as u32, answer.len() as u32]))
}

/// Memory for the host to write into, as the canonical ABI names and shapes it.
#[unsafe(no_mangle)]
extern "C" fn cabi_realloc(old: *mut u8, old_length: usize, align: usize, length: usize) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(length, align) else { std::process::abort() };
    if length == 0 {
        return std::ptr::without_provenance_mut(align);
    }
    // SAFETY: `length` is not 0; an `old` with a length came from here, with the same alignment.
    let new = unsafe {
        match Layout::from_size_align(old_length, align) {
            Ok(old_layout) if old_length > 0 => realloc(old, old_layout, length),
            _ => alloc(layout),
        }
    };
    if new.is_null() { handle_alloc_error(layout) } else { new }
}
