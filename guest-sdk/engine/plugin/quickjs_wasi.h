/* In: nothing; forced into every QuickJS source file by `build-engine` (-include). Out: corrected platform choices.
 * May touch: macros only. Security boundary: no (the host's own limits are), but it makes limits fail cleanly.
 *
 * QuickJS-ng takes a plain WASI target to have neither a stack it can measure nor a way to size an allocation:
 * its stack check is compiled out (endless recursion traps instead of throwing a RangeError) and its memory limit
 * counts 8 bytes for every allocation, however large. Both work here: clang gives the shadow stack's address, and
 * wasi-libc has malloc_usable_size. The system headers come first, because they need `__wasi__`. */
#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#undef __wasi__
#define __GLIBC__ 2

/* WASI has no threads and so no Atomics; QuickJS says so by this name. It also makes the interpreter dispatch with a
 * `switch`, which is what Wasm has, instead of with computed gotos, which clang turns back into one through a table. */
#define EMSCRIPTEN 1

/* Sizing an allocation is a part of every allocation. wasi-libc's own function reads the same word, through four calls
 * that nothing can inline; `check_sizes` (lib.rs) compares the two before the snapshot is taken. */
static inline size_t mayfly_usable_size(const void *ptr)
{
    __asm__("" : "+r"(ptr)); /* or the optimiser would see a read before what malloc gave */
    return ptr == NULL ? 0 : (((const size_t *)ptr)[-1] & ~(size_t)7) - sizeof(size_t);
}
#define malloc_usable_size(ptr) mayfly_usable_size(ptr)
