//! In: any value. Out: the kind of object that QuickJS knows it to be, whatever its prototype says: "Map", "Proxy", ...
//! May touch: nothing.
//! Security boundary: no.

use rquickjs::{Array, Ctx, Function, IntoJs, Object, Result, Value, qjs};
use std::cell::RefCell;

/// One object of every kind. QuickJS numbers its classes, keeps the numbers to itself, and answers `JS_GetClassName`
/// with an atom that is not the name; so the numbers are read off these.
const SPECIMENS: &str = r#"[
    ["Object", {}], ["Array", []], ["Map", new Map()], ["Set", new Set()], ["WeakMap", new WeakMap()],
    ["WeakSet", new WeakSet()], ["WeakRef", new WeakRef({})], ["Date", new Date(0)], ["RegExp", /./],
    ["Error", new Error()], ["DOMException", new DOMException()], ["Promise", Promise.resolve()],
    ["ArrayBuffer", new ArrayBuffer(0)], ["DataView", new DataView(new ArrayBuffer(0))],
    ["Function", function () {}], ["CFunction", Map], ["BoundFunction", function () {}.bind()],
    ...[async () => {}, function* () {}, async function* () {}].map((made) => [made.constructor.name, made]),
    ["Arguments", (function () { "use strict"; return arguments; })()],
    ...[1, "", true, 1n, Symbol()].map((value) => [value.constructor.name, Object(value)]),
    ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array,
        BigUint64Array, Float16Array, Float32Array, Float64Array].map((made) => [made.name, new made()]),
]"#;

thread_local! {
    static CLASSES: RefCell<Vec<(qjs::JSClassID, String)>> = const { RefCell::new(Vec::new()) };
}

/// Reads the numbers and adds `brand` to the natives.
pub fn register<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    let specimens: Array<'js> = ctx.eval(SPECIMENS)?;
    let mut classes = Vec::with_capacity(specimens.len());
    for pair in specimens.iter::<Array<'js>>() {
        let pair = pair?;
        classes.push((class_of(&pair.get(1)?), pair.get(0)?));
    }
    CLASSES.replace(classes);
    natives.set("brand", Function::new(ctx.clone(), brand)?)
}

fn class_of(value: &Value<'_>) -> qjs::JSClassID {
    // SAFETY: reads the class number of a live value; what is no object has none.
    unsafe { qjs::JS_GetClassID(value.as_raw()) }
}

fn brand<'js>(ctx: Ctx<'js>, value: Value<'js>) -> Result<Value<'js>> {
    if !value.is_object() {
        return Ok(Value::new_undefined(ctx));
    }
    // SAFETY: `value` is a live object.
    if unsafe { qjs::JS_IsProxy(value.as_raw()) } {
        return "Proxy".into_js(&ctx);
    }
    let class = class_of(&value);
    CLASSES.with_borrow(|classes| match classes.iter().find(|(known, _)| *known == class) {
        Some((_, name)) => name.as_str().into_js(&ctx),
        None => Ok(Value::new_undefined(ctx)),
    })
}
