//! In: promises that are rejected without a handler, and those that get one later. Out: what is left at a turn's end.
//! May touch: its own list, which is bounded.
//! Security boundary: no.

use crate::limits::REJECTIONS_MAX;
use rquickjs::{Ctx, Persistent, Value};
use std::cell::RefCell;

struct Rejection {
    promise: Persistent<Value<'static>>,
    reason: Persistent<Value<'static>>,
    /// Address of the promise, to find it again; it cannot be reused while `promise` holds it.
    address: usize,
}

thread_local! {
    static OPEN: RefCell<Vec<Rejection>> = const { RefCell::new(Vec::new()) };
}

/// QuickJS's tracker: called with `handled` false when a promise is rejected, and true when it gets a handler later.
pub fn track<'js>(ctx: Ctx<'js>, promise: Value<'js>, reason: Value<'js>, handled: bool) {
    let Some(address) = address(&promise) else { return };
    // The list is taken out while values are dropped: a drop can run a finalizer, never this function, but a borrow
    // that is not held cannot be held twice.
    let mut open = OPEN.take();
    if handled {
        open.retain(|rejection| rejection.address != address);
    } else if open.len() < REJECTIONS_MAX {
        let (promise, reason) = (Persistent::save(&ctx, promise), Persistent::save(&ctx, reason));
        open.push(Rejection { promise, reason, address });
    }
    OPEN.replace(open);
}

/// The promises that are still without a handler, each with its reason.
pub fn take<'js>(ctx: &Ctx<'js>) -> Vec<(Value<'js>, Value<'js>)> {
    let restore = |rejection: Rejection| {
        let (promise, reason) = (rejection.promise.restore(ctx), rejection.reason.restore(ctx));
        promise.ok().zip(reason.ok())
    };
    OPEN.take().into_iter().filter_map(restore).collect()
}

fn address(promise: &Value<'_>) -> Option<usize> {
    let object = promise.as_object()?;
    // SAFETY: an object's value holds a pointer; it is used as a number only.
    Some(unsafe { rquickjs::qjs::JS_VALUE_GET_PTR(object.as_value().as_raw()) } as usize)
}
