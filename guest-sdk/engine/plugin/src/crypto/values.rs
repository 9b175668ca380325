//! In: JavaScript values as the crypto natives get them. Out: slices of their bytes; ArrayBuffers for what goes back.
//! May touch: the memory of the arrays that the prelude passes.
//! Security boundary: no.

use rquickjs::{ArrayBuffer, Ctx, FromJs, IntoJs, Result, TypedArray, Value};
use std::ops::Deref;
use zeroize::Zeroizing;

/// Bytes that are wiped when they are let go.
pub type Secret = Zeroizing<Vec<u8>>;

/// The bytes of a Uint8Array, read in place: no script runs while a native does.
pub struct Bytes<'js>(TypedArray<'js, u8>);

/// A Uint8Array that a native fills. The prelude has just made it: no other argument lies in it.
pub struct Out<'js>(TypedArray<'js, u8>);

/// What goes back to JavaScript, as a fresh ArrayBuffer.
pub struct Buffer<T>(pub T);

impl<'js> FromJs<'js> for Bytes<'js> {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        TypedArray::from_value(value).map(Bytes)
    }
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    /// Nothing for an array that was detached.
    fn deref(&self) -> &[u8] {
        self.0.as_bytes().unwrap_or_default()
    }
}

impl<'js> FromJs<'js> for Out<'js> {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        TypedArray::from_value(value).map(Out)
    }
}

impl Out<'_> {
    pub fn as_mut(&mut self) -> &mut [u8] {
        match self.0.as_raw() {
            // SAFETY: pointer and length are those of the array's own buffer, which lives as long as `self` and which
            // nothing else reads or writes meanwhile.
            Some(raw) => unsafe { std::slice::from_raw_parts_mut(raw.ptr.as_ptr(), raw.len) },
            None => &mut [],
        }
    }
}

impl<'js, T: AsRef<[u8]>> IntoJs<'js> for Buffer<T> {
    fn into_js(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        ArrayBuffer::new_copy(ctx.clone(), self.0.as_ref()).map(ArrayBuffer::into_value)
    }
}
