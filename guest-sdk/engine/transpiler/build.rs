//! In: the target. Out: one linker argument, the size of the stack inside the Wasm module.
//! May touch: cargo's standard output.
//! Security boundary: no; rustc has the stack placed first, so that an overflow traps instead of overwriting data.

/// The parser recurses with the nesting of the source; 1 MiB ends at 900 brackets, this at about 1,800. Pages never touched
/// cost nothing. The host's own stack for Wasm is the other bound: it takes 1.5 MiB of that to reach 1,000 brackets.
const STACK_BYTES: u32 = 2 << 20;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo:rustc-link-arg-cdylib=-zstack-size={STACK_BYTES}");
    }
}
