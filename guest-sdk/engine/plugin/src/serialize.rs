//! In: a JavaScript value that leaves the isolate (a result, a tool's arguments). Out: its JSON in an effect frame, or
//! the path to what JSON cannot carry.
//! May touch: the effect buffer. Security boundary: no; the host parses the JSON again.

use crate::effects;
use crate::text::Text;
use mayfly_abi::EffectKind;
use rquickjs::function::This;
use rquickjs::{Array, Ctx, Error, Exception, FromJs, Function, IntoJs, Object, Result, Value, qjs};
use std::cell::RefCell;
use std::rc::Rc;

/// QuickJS's class number of plain objects, and of arrays (`JS_CLASS_OBJECT`, `JS_CLASS_ARRAY`).
const CLASS_OBJECT: qjs::JSClassID = 1;
const CLASS_ARRAY: qjs::JSClassID = 2;

/// Where the walk of `JSON.stringify` is: one entry for every object between the root and the value of the moment.
struct Walk<'js> {
    path: Vec<Step<'js>>,
    refusal: Option<(String, String)>,
    plain_prototype: Option<Object<'js>>,
    convert: Function<'js>,
}

struct Step<'js> {
    key: Value<'js>,
    in_array: bool,
    object: usize,
}

/// Emits `value` as the JSON body of a Result or Call frame. Gives `undefined`, or `[path, what]` where the value has
/// something that JSON cannot carry. `convert` says what becomes of objects that are not plain: `undefined` to take
/// them as they are, a string to refuse them, an object to put in their place.
///
/// `JSON.stringify` does the work, so `toJSON`, boxed primitives and number formats are exactly its own; its replacer
/// is native and sees every value, because functions and symbols would vanish without a word.
pub fn emit_json<'js>(
    ctx: Ctx<'js>,
    kind: u8,
    number: u32,
    meta: Text,
    value: Value<'js>,
    convert: Function<'js>,
) -> Result<Value<'js>> {
    let walk = Rc::new(RefCell::new(Walk { path: Vec::new(), refusal: None, plain_prototype: None, convert }));
    walk.borrow_mut().plain_prototype = Object::new(ctx.clone())?.get_prototype();
    let visitor = walk.clone();
    let replacer = Function::new(ctx.clone(), move |ctx: Ctx<'js>, holder: This<Value<'js>>, key, value| {
        visit(&ctx, &visitor, &holder.0, key, value)
    })?;
    let json = ctx.json_stringify_replacer(value, replacer);
    if let Some((path, what)) = walk.borrow_mut().refusal.take() {
        drop(ctx.catch());
        let refusal = Array::new(ctx.clone())?;
        refusal.set(0, path)?;
        refusal.set(1, what)?;
        return refusal.into_js(&ctx);
    }
    let body = match json? {
        Some(json) => without_lone_surrogates(Text::from_js(&ctx, json.into_value())?.0),
        None => String::new(),
    };
    let kind = if kind == EffectKind::Call as u8 { EffectKind::Call } else { EffectKind::Result };
    effects::push(kind, number, meta.0.as_bytes(), body.as_bytes()).map_err(|_| Error::Allocation)?;
    Ok(Value::new_undefined(ctx))
}

fn visit<'js>(
    ctx: &Ctx<'js>,
    walk: &RefCell<Walk<'js>>,
    holder: &Value<'js>,
    key: Value<'js>,
    value: Value<'js>,
) -> Result<Value<'js>> {
    let refused = match value.type_of() {
        rquickjs::Type::BigInt => "a BigInt (convert it with Number() or String())",
        rquickjs::Type::Symbol => "a symbol",
        rquickjs::Type::Function | rquickjs::Type::Constructor => "a function",
        _ if !value.is_object() => return Ok(value),
        _ => "",
    };
    let mut value = value;
    let mut refused = refused.to_owned();
    if refused.is_empty() && !is_plain(walk, &value) {
        // No borrow is held here: `convert` is JavaScript.
        let convert = walk.borrow().convert.clone();
        let converted: Value<'js> = convert.call((value.clone(),))?;
        match converted.as_string() {
            Some(why) => refused = why.to_string()?,
            None if converted.is_object() => value = converted,
            None => {}
        }
    }
    let mut walk = walk.borrow_mut();
    let (holder_object, object) = (address(holder), address(&value));
    while walk.path.last().is_some_and(|step| step.object != holder_object) {
        walk.path.pop();
    }
    if let Some(at) = walk.path.iter().position(|step| step.object == object) {
        refused = format!("a cycle back to {}", path_of(walk.path.iter().take(at + 1)));
    }
    walk.path.push(Step { key, in_array: holder.is_array(), object });
    if refused.is_empty() {
        return Ok(value);
    }
    let path = path_of(walk.path.iter());
    walk.refusal = Some((path, refused));
    Err(Exception::throw_type(ctx, "not serializable"))
}

/// Arrays, and objects whose prototype is `Object.prototype` or nothing.
fn is_plain<'js>(walk: &RefCell<Walk<'js>>, value: &Value<'js>) -> bool {
    let Some(object) = value.as_object() else { return false };
    // SAFETY: reads the class number of a live object.
    match unsafe { qjs::JS_GetClassID(value.as_raw()) } {
        CLASS_ARRAY => true,
        CLASS_OBJECT => object.get_prototype().is_none_or(|proto| Some(proto) == walk.borrow().plain_prototype),
        _ => false,
    }
}

fn address(value: &Value<'_>) -> usize {
    if !value.is_object() {
        return 0;
    }
    // SAFETY: an object's value holds a pointer; it is used as a number only, while the walk keeps the object alive.
    unsafe { qjs::JS_VALUE_GET_PTR(value.as_raw()) as usize }
}

/// `$.items[3]["odd key"]`. The first step is the root's own.
fn path_of<'a, 'js: 'a>(steps: impl Iterator<Item = &'a Step<'js>>) -> String {
    let mut path = String::from("$");
    for step in steps.skip(1) {
        let key = step.key.as_string().and_then(|key| key.to_string().ok()).unwrap_or_else(|| "?".to_owned());
        let plain = key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
        match (step.in_array, plain) {
            (true, _) => path.push_str(&format!("[{key}]")),
            (false, true) => path.push_str(&format!(".{key}")),
            (false, false) => path.push_str(&format!("[{}]", crate::compile::escape(&key))),
        }
    }
    path
}

/// `JSON.stringify` writes a lone surrogate as `\udXXX`, which strict parsers refuse: it becomes U+FFFD.
fn without_lone_surrogates(mut json: String) -> String {
    let mut from = 0;
    while let Some(found) = json.get(from..).and_then(|rest| rest.find("\\ud")) {
        let at = from + found;
        let escaped = json.as_bytes().iter().take(at).rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1;
        if !escaped && json.is_char_boundary(at + 6) {
            json.replace_range(at..at + 6, "\u{fffd}");
        }
        from = at + 3;
    }
    json
}
