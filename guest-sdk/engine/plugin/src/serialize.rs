//! In: a JavaScript value that leaves the isolate (a result, a tool's arguments). Out: its JSON in an effect frame, or
//! the path to what JSON cannot carry.
//! May touch: the effect buffer. Security boundary: no; the host parses the JSON again.

use crate::text::Text;
use crate::{effects, json};
use mayfly_abi::EffectKind;
use rquickjs::function::This;
use rquickjs::{Array, Ctx, Error, Exception, FromJs, Function, IntoJs, Object, Persistent, Result, Value, qjs};
use std::cell::RefCell;

/// QuickJS's class number of plain objects, and of arrays (`JS_CLASS_OBJECT`, `JS_CLASS_ARRAY`).
const CLASS_OBJECT: qjs::JSClassID = 1;
const CLASS_ARRAY: qjs::JSClassID = 2;

/// Where the walk of `JSON.stringify` is: one step for every object between the root and the value of the moment.
#[derive(Default)]
struct Walk {
    path: Vec<Step>,
    refusal: Option<(String, String)>,
}

struct Step {
    key: Persistent<Value<'static>>,
    in_array: bool,
    object: usize,
}

/// What every walk uses, made once before the snapshot.
struct Shared {
    replacer: Persistent<Function<'static>>,
    convert: Persistent<Function<'static>>,
    /// Address of `Object.prototype`.
    plain_prototype: usize,
}

thread_local! {
    static SHARED: RefCell<Option<Shared>> = const { RefCell::new(None) };
    /// The walks under way, innermost last: a `toJSON` may itself call a tool.
    static WALKS: RefCell<Vec<Walk>> = const { RefCell::new(Vec::new()) };
}

/// Takes the prelude's judgement of objects that are not plain: `undefined` to take them as they are, a string to
/// refuse them, an object to put in their place.
pub fn set_convert<'js>(ctx: Ctx<'js>, convert: Function<'js>) -> Result<()> {
    let replacer = Function::new(ctx.clone(), visit)?;
    let plain = Object::new(ctx.clone())?.get_prototype();
    let shared = Shared {
        replacer: Persistent::save(&ctx, replacer),
        convert: Persistent::save(&ctx, convert),
        plain_prototype: plain.map_or(0, |plain| address(plain.as_value())),
    };
    SHARED.replace(Some(shared));
    Ok(())
}

/// Emits `value` as the JSON body of a Call frame, or of the Result frame when no tool is named. Gives `undefined`, or `[path, what]` where the value has
/// something that JSON cannot carry.
///
/// `JSON.stringify` does the work, so `toJSON`, boxed primitives and number formats are exactly its own; its replacer
/// is native and sees every value, because functions and symbols would vanish without a word.
pub fn emit_json<'js>(ctx: Ctx<'js>, number: u32, tool: Option<Text>, value: Value<'js>) -> Result<Value<'js>> {
    let replacer = shared(&ctx, |shared| &shared.replacer)?;
    WALKS.with_borrow_mut(|walks| walks.push(Walk::default()));
    let text = ctx.json_stringify_replacer(value, replacer);
    let walk = WALKS.with_borrow_mut(Vec::pop).unwrap_or_default();
    if let Some((path, what)) = walk.refusal {
        drop(ctx.catch());
        let refusal = Array::new(ctx.clone())?;
        refusal.set(0, path)?;
        refusal.set(1, what)?;
        return refusal.into_js(&ctx);
    }
    let body = match text? {
        Some(text) => without_lone_surrogates(Text::from_js(&ctx, text.into_value())?.0),
        None => String::new(),
    };
    let (kind, meta) = match tool {
        Some(tool) => (EffectKind::Call, format!("{{\"tool\":{}}}", json::quoted(&tool.0))),
        None => (EffectKind::Result, String::new()),
    };
    effects::push(kind, number, meta.as_bytes(), body.as_bytes()).map_err(|_| Error::Allocation)?;
    Ok(Value::new_undefined(ctx))
}

fn shared<'js>(ctx: &Ctx<'js>, which: fn(&Shared) -> &Persistent<Function<'static>>) -> Result<Function<'js>> {
    let saved = SHARED.with_borrow(|shared| shared.as_ref().map(|shared| which(shared).clone()));
    saved.ok_or(Error::Unknown)?.restore(ctx)
}

/// The replacer: called for every value, after `toJSON`, with the object that holds it as `this`.
fn visit<'js>(ctx: Ctx<'js>, holder: This<Value<'js>>, key: Value<'js>, value: Value<'js>) -> Result<Value<'js>> {
    let mut refused = match value.type_of() {
        rquickjs::Type::BigInt => "a BigInt (convert it with Number() or String())".to_owned(),
        rquickjs::Type::Symbol => "a symbol".to_owned(),
        rquickjs::Type::Function | rquickjs::Type::Constructor => "a function".to_owned(),
        _ if !value.is_object() => return Ok(value),
        _ => String::new(),
    };
    let mut value = value;
    if refused.is_empty() && !is_plain(&value) {
        let converted: Value<'js> = shared(&ctx, |shared| &shared.convert)?.call((value.clone(),))?;
        match converted.as_string() {
            Some(why) => refused = why.to_string()?,
            None if converted.is_object() => value = converted,
            None => {}
        }
    }
    let step = Step { key: Persistent::save(&ctx, key), in_array: holder.0.is_array(), object: address(&value) };
    // Left behind by the walk: dropped when no borrow is held.
    let mut left = Vec::new();
    let refused = WALKS.with_borrow_mut(|walks| match walks.last_mut() {
        Some(walk) => walk.enter(&ctx, step, address(&holder.0), refused, &mut left),
        None => false,
    });
    if refused { Err(Exception::throw_type(&ctx, "not serializable")) } else { Ok(value) }
}

impl Walk {
    /// Goes back to `holder`, then one step on. True when the walk ends here.
    fn enter(&mut self, ctx: &Ctx<'_>, step: Step, holder: usize, mut refused: String, left: &mut Vec<Step>) -> bool {
        while self.path.last().is_some_and(|last| last.object != holder) {
            left.extend(self.path.pop());
        }
        if let Some(at) = self.path.iter().position(|known| known.object == step.object) {
            refused = format!("a cycle back to {}", path_of(ctx, self.path.iter().take(at + 1)));
        }
        self.path.push(step);
        if refused.is_empty() {
            return false;
        }
        self.refusal = Some((path_of(ctx, self.path.iter()), refused));
        true
    }
}

/// Arrays, and objects whose prototype is `Object.prototype` or nothing.
fn is_plain(value: &Value<'_>) -> bool {
    let Some(object) = value.as_object() else { return false };
    // SAFETY: reads the class number of a live object.
    match unsafe { qjs::JS_GetClassID(value.as_raw()) } {
        CLASS_ARRAY => true,
        CLASS_OBJECT => object.get_prototype().is_none_or(|proto| {
            SHARED.with_borrow(|shared| shared.as_ref().map(|shared| shared.plain_prototype))
                == Some(address(proto.as_value()))
        }),
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
fn path_of<'a>(ctx: &Ctx<'_>, steps: impl Iterator<Item = &'a Step>) -> String {
    let mut path = String::from("$");
    for step in steps.skip(1) {
        let key = step.key.clone().restore(ctx).and_then(|key| Text::from_js(ctx, key));
        let key = key.map_or_else(|_| "?".to_owned(), |key| key.0);
        let plain = key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
        match (step.in_array, plain) {
            (true, _) => path.push_str(&format!("[{key}]")),
            (false, true) => path.push_str(&format!(".{key}")),
            (false, false) => path.push_str(&format!("[{}]", json::quoted(&key))),
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
