//! In: the body of the effect that is being delivered. Out: the same as JSON value, text or bytes, when asked for.
//! May touch: the frame's memory, only while the delivery's entry runs.
//! Security boundary: no.

use rquickjs::{Ctx, Result, TypedArray, Value};
use std::cell::RefCell;

thread_local! {
    static BODY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs `entry` while the natives below see `body`.
pub fn with<R>(body: &[u8], entry: impl FnOnce() -> R) -> R {
    BODY.replace(body.to_vec());
    let result = entry();
    BODY.take();
    result
}

/// The body parsed as JSON; `undefined` for an empty one.
pub fn json<'js>(ctx: Ctx<'js>) -> Result<Value<'js>> {
    match BODY.take() {
        empty if empty.is_empty() => Ok(Value::new_undefined(ctx)),
        body => ctx.json_parse(body),
    }
}

/// The body as a fresh Uint8Array.
pub fn bytes<'js>(ctx: Ctx<'js>) -> Result<TypedArray<'js, u8>> {
    TypedArray::new_copy(ctx, BODY.take())
}
