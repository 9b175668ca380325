//! In: frames of `mayfly-abi` through three exports of our own, and what a Javy plugin must export. Out: their answers.
//! May touch: linear memory only; the module imports nothing from its host.
//! Security boundary: no. To the host this is arbitrary Wasm; the boundary is the host's reading of our answers.
#![deny(unsafe_op_in_unsafe_fn)]

mod brands;
mod compile;
mod compression;
mod crypto;
mod delivery;
mod effects;
mod encodings;
mod engine;
mod intl;
mod json;
mod limits;
mod mappings;
mod modules;
mod natives;
mod patterns;
mod positions;
mod prelude;
mod rejections;
mod report;
mod serialize;
mod stacks;
mod stimulus;
mod text;
mod turn;
mod urls;
mod wasi;

use mayfly_abi::{Answer, Source};

/// Stands before the text of a panic in memory.
const PANIC_MARK: &str = "mayfly-engine panic: ";

unsafe extern "C" {
    fn __wasm_call_ctors();
    fn malloc(bytes: usize) -> *mut usize;
    fn malloc_usable_size(allocation: *const usize) -> usize;
    fn free(allocation: *mut usize);
}

javy_plugin_api::import_namespace!("mayfly-engine-v1");

/// Makes the QuickJS runtime and evaluates the prelude. Run once, before the snapshot is taken.
#[unsafe(export_name = "initialize-runtime")]
extern "C" fn initialize_runtime() {
    // SAFETY: the linker makes this function; it runs the constructors of C and is called this once. Being called
    // here, it is not put around every export, where it would run again in each turn.
    unsafe { __wasm_call_ctors() };
    // There is no stream to print a panic to: its text stays in memory behind a mark that `build-engine` looks for.
    std::panic::set_hook(Box::new(|panic| {
        format!("{PANIC_MARK}{panic}\0").leak();
    }));
    check_sizes();
    if let Err(error) = javy_plugin_api::initialize_runtime(engine::config, engine::install) {
        panic!("{error}");
    }
    close_gaps();
}

/// `Source` (name and JavaScript of a prelude module) in, `Answer` (bytecode, or why not as text) out. For `build-engine`,
/// which takes this export away.
///
/// # Safety
/// As for `mayfly-start`; once in an instance, and never in one that is initialised.
#[unsafe(export_name = "build-compile")]
unsafe extern "C" fn build_compile(pointer: *mut u8, length: usize) -> *const [u32; 2] {
    // SAFETY: as in `initialize_runtime`; and as this function demands.
    let frame = unsafe {
        __wasm_call_ctors();
        take(pointer, length)
    };
    let compiled = Source::read(&frame).map_err(|malformed| malformed.0.to_owned());
    let (ok, first) = match compiled.and_then(|module| prelude::compile(&module)) {
        Ok(bytecode) => (true, bytecode),
        Err(error) => (false, error.into_bytes()),
    };
    effects::answer(&Answer { ok, first: &first, second: b"" })
}

/// `Source` (name and bytecode of a prelude module) in, before `initialize-runtime`. For `build-engine`, as above.
///
/// # Safety
/// As for `mayfly-start`.
#[unsafe(export_name = "build-add")]
unsafe extern "C" fn build_add(pointer: *mut u8, length: usize) {
    // SAFETY: as this function demands.
    let frame = unsafe { take(pointer, length) };
    let module = Source::read(&frame).expect("build-engine writes frames");
    prelude::add(module.name, module.source);
}

/// Takes the free pieces between what is in the heap out of use: the compiler's leavings are spread over all of it. What a
/// run allocates then lies together at the end, and a run touches half as many pages of the snapshot.
fn close_gaps() {
    const PAGE_BYTES: usize = 64 * 1024;
    /// What the heap has at its end for runs, before it has to grow.
    const ROOM_BYTES: usize = 8 * PAGE_BYTES;
    // SAFETY: each piece is either kept for ever, or given back as it came.
    unsafe {
        let end = loop {
            let piece = std::hint::black_box(malloc(ROOM_BYTES));
            let memory_end = core::arch::wasm32::memory_size(0) * PAGE_BYTES;
            if piece as usize + ROOM_BYTES + 2 * PAGE_BYTES > memory_end {
                free(piece);
                break piece;
            }
        };
        let mut bytes = ROOM_BYTES / 2;
        while bytes >= 8 {
            let piece = std::hint::black_box(malloc(bytes));
            if piece >= end {
                free(piece);
                bytes = (bytes * 7 / 8).min(bytes - 8) / 8 * 8;
            }
        }
    }
}

/// `quickjs_wasi.h` reads the size of an allocation itself: the engine is not built where malloc keeps it elsewhere.
fn check_sizes() {
    for bytes in (1..400).chain((1..64).map(|factor| factor * 4_093)) {
        // SAFETY: one allocation, read only where malloc keeps what it knows of it, and given back.
        unsafe {
            // The optimiser knows malloc, and that nothing of its result lies before it.
            let allocation = std::hint::black_box(malloc(bytes));
            let read = (*allocation.sub(1) & !7) - size_of::<usize>();
            assert_eq!(malloc_usable_size(allocation), read, "quickjs_wasi.h does not know this malloc");
            free(allocation);
        }
    }
}

/// `Start` in, effect frames out.
///
/// # Safety
/// `pointer` and `length` are one allocation of `cabi_realloc` (alignment at most 8), given away with the call.
#[unsafe(export_name = "mayfly-start")]
unsafe extern "C" fn mayfly_start(pointer: *mut u8, length: usize) -> *const [u32; 2] {
    // SAFETY: as this function demands.
    let mut frame = unsafe { take(pointer, length) };
    turn::start(&frame);
    stimulus::forget(&mut frame);
    effects::pair()
}

/// `Deliver` in, effect frames out.
///
/// # Safety
/// As for `mayfly-start`.
#[unsafe(export_name = "mayfly-deliver")]
unsafe extern "C" fn mayfly_deliver(pointer: *mut u8, length: usize) -> *const [u32; 2] {
    // SAFETY: as this function demands.
    let mut frame = unsafe { take(pointer, length) };
    turn::deliver(&frame);
    stimulus::forget(&mut frame);
    effects::pair()
}

/// `Source` (JavaScript and its map) in, `Answer` (bytecode) out.
///
/// # Safety
/// As for `mayfly-start`.
#[unsafe(export_name = "mayfly-compile")]
unsafe extern "C" fn mayfly_compile(pointer: *mut u8, length: usize) -> *const [u32; 2] {
    // SAFETY: as this function demands.
    let frame = unsafe { take(pointer, length) };
    let compiled = match (Source::read(&frame), engine::get()) {
        (Ok(source), Some(engine)) => engine.with(|ctx| compile::compile(&ctx, &source)),
        _ => Err(br#"{"name":"InternalError","message":"malformed compile frame","line":1,"column":1}"#.to_vec()),
    };
    let (ok, first) = match &compiled {
        Ok(bytecode) => (true, bytecode),
        Err(error) => (false, error),
    };
    effects::answer(&Answer { ok, first, second: b"" })
}

/// The frame as an owned vector: freed when the turn is over.
///
/// # Safety
/// As for `mayfly-start`.
unsafe fn take(pointer: *mut u8, length: usize) -> Vec<u8> {
    if pointer.is_null() || length == 0 {
        return Vec::new();
    }
    // SAFETY: `cabi_realloc` allocates with the global allocator, and on this target that is malloc for every
    // alignment up to 8, so freeing with alignment 1 is freeing the same block.
    unsafe { Vec::from_raw_parts(pointer, length, length) }
}
