//! In: nothing. Out: the size of the stack, for the linker.
//! May touch: nothing.
//! Security boundary: no.

fn main() {
    // QuickJS's own limit (`limits.rs`) ends recursion well before the end of the shadow stack.
    println!("cargo:rustc-link-arg=-zstack-size={}", mayfly_abi::STACK_BYTES);
}
