//! In: calls of the prelude. Out: what JavaScript cannot do, or not fast: effects, bytes, URLs, randomness, brands.
//! May touch: the effect buffer and this turn's stimulus.
//! Security boundary: no. Scripts cannot reach this object, and would gain nothing by it.

use crate::engine;
use crate::limits::RANDOM_BYTES_MAX;
use crate::text::{Body, Text};
use crate::{
    brands, compression, crypto, delivery, effects, encodings, intl, json, patterns, report, serialize, stacks,
    stimulus, urls,
};
use mayfly_abi::EffectKind;
use rquickjs::function::Opt;
use rquickjs::{Array, Ctx, Exception, Function, IntoJs, Object, Promise, Result, TypedArray, Value, qjs};

/// The object that `guest-sdk/js/native.ts` describes.
pub fn object<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let natives = Object::new(ctx.clone())?;
    let math: Object<'js> = ctx.globals().get("Math")?;
    math.set("random", Function::new(ctx.clone(), stimulus::random_f64)?.with_name("random")?)?;
    natives.set("emit", Function::new(ctx.clone(), emit)?)?;
    natives.set("emitFetch", Function::new(ctx.clone(), emit_fetch)?)?;
    natives.set("emitRespond", Function::new(ctx.clone(), emit_respond)?)?;
    natives.set("headerName", Function::new(ctx.clone(), header_name)?)?;
    natives.set("headerValue", Function::new(ctx.clone(), header_value)?)?;
    natives.set("fail", Function::new(ctx.clone(), fail)?)?;
    natives.set("now", Function::new(ctx.clone(), stimulus::now_ms)?)?;
    natives.set("elapsed", Function::new(ctx.clone(), stimulus::elapsed_ms)?)?;
    natives.set("fillRandom", Function::new(ctx.clone(), fill_random)?)?;
    natives.set("bodyJson", Function::new(ctx.clone(), delivery::json)?)?;
    natives.set("bodyBytes", Function::new(ctx.clone(), delivery::bytes)?)?;
    natives.set("setConvert", Function::new(ctx.clone(), serialize::set_convert)?)?;
    natives.set("emitJson", Function::new(ctx.clone(), serialize::emit_json)?)?;
    brands::register(ctx, &natives)?;
    natives.set("promiseState", Function::new(ctx.clone(), promise_state)?)?;
    natives.set("proxyTarget", Function::new(ctx.clone(), proxy_target)?)?;
    natives.set("advice", Function::new(ctx.clone(), advice)?)?;
    stacks::register(ctx)?;
    encodings::register(ctx, &natives)?;
    urls::register(ctx, &natives)?;
    patterns::register(ctx, &natives)?;
    compression::register(ctx, &natives)?;
    crypto::register(ctx, &natives)?;
    intl::register(ctx, &natives)?;
    Ok(natives)
}

fn emit(ctx: Ctx<'_>, kind: u8, number: u32, meta: Text, body: Opt<Body>) -> Result<()> {
    let kind = match kind {
        3 => EffectKind::Timer,
        4 => EffectKind::Cancel,
        5 => EffectKind::Log,
        8 => EffectKind::Read,
        9 => EffectKind::Write,
        _ => return Err(Exception::throw_internal(&ctx, "no such effect")),
    };
    let body = body.0.map(|body| body.0).unwrap_or_default();
    effects::push(kind, number, meta.0.as_bytes(), &body).map_err(|_| rquickjs::Error::Allocation)
}

/// A Fetch frame. Its meta is written here: `JSON.stringify` takes longer than all the rest of a request.
fn emit_fetch<'js>(
    number: u32,
    method: Text,
    url: Text,
    redirect: Text,
    headers: Array<'js>,
    upload: bool,
    body: Opt<Body>,
) -> Result<()> {
    let mut meta = String::with_capacity(128 + url.0.len());
    for (name, value) in [("{\"method\":", &method), (",\"url\":", &url), (",\"redirect\":", &redirect)] {
        meta.push_str(name);
        json::quote(&mut meta, &value.0);
    }
    push_headers(&mut meta, &headers)?;
    meta.push_str(if upload { ",\"upload\":true}" } else { "}" });
    let body = body.0.map(|body| body.0).unwrap_or_default();
    effects::push(EffectKind::Fetch, number, meta.as_bytes(), &body).map_err(|_| rquickjs::Error::Allocation)
}

/// The Respond frame.
fn emit_respond<'js>(status: u16, headers: Array<'js>, stream: bool, body: Opt<Body>) -> Result<()> {
    let mut meta = format!("{{\"status\":{status}");
    push_headers(&mut meta, &headers)?;
    meta.push_str(if stream { ",\"stream\":true}" } else { "}" });
    let body = body.0.map(|body| body.0).unwrap_or_default();
    effects::push(EffectKind::Respond, 0, meta.as_bytes(), &body).map_err(|_| rquickjs::Error::Allocation)
}

fn push_headers(meta: &mut String, headers: &Array<'_>) -> Result<()> {
    meta.push_str(",\"headers\":[");
    for (at, pair) in headers.iter::<Array<'_>>().enumerate() {
        let pair = pair?;
        meta.push_str(if at == 0 { "[" } else { ",[" });
        json::quote(meta, &pair.get::<Text>(0)?.0);
        meta.push(',');
        json::quote(meta, &pair.get::<Text>(1)?.0);
        meta.push(']');
    }
    meta.push(']');
    Ok(())
}

/// A header's name in lower case, or `null` where it is none (RFC 9110, 5.6.2).
fn header_name<'js>(ctx: Ctx<'js>, mut name: Text) -> Result<Value<'js>> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.0.is_empty() || !name.0.bytes().all(token) {
        return Ok(Value::new_null(ctx));
    }
    name.0.make_ascii_lowercase();
    name.0.into_js(&ctx)
}

/// A header's value without white space around it, or `null` where it holds what none can.
fn header_value<'js>(ctx: Ctx<'js>, value: Text) -> Result<Value<'js>> {
    let value = value.0.trim_matches(['\t', '\n', '\r', ' ']);
    if value.chars().any(|c| matches!(c, '\0' | '\n' | '\r' | '\u{100}'..)) {
        return Ok(Value::new_null(ctx));
    }
    value.into_js(&ctx)
}

/// Ends the run with a thrown value.
fn fail<'js>(ctx: Ctx<'js>, value: Value<'js>) {
    if let Some(engine) = engine::get() {
        report::thrown(&ctx, engine, value);
    }
}

fn fill_random(ctx: Ctx<'_>, view: TypedArray<'_, u8>) -> Result<()> {
    let Some(raw) = view.as_raw() else { return Err(Exception::throw_type(&ctx, "The array is detached.")) };
    if raw.len > RANDOM_BYTES_MAX {
        return Err(Exception::throw_range(&ctx, "too many random bytes"));
    }
    // SAFETY: pointer and length are those of the view's own buffer, which nothing else reads or frees in this call.
    stimulus::fill_random(unsafe { std::slice::from_raw_parts_mut(raw.ptr.as_ptr(), raw.len) });
    Ok(())
}

/// `[state, result]` of a promise, for the console: 0 pending, 1 fulfilled, 2 rejected.
fn promise_state<'js>(ctx: Ctx<'js>, promise: Promise<'js>) -> Result<Array<'js>> {
    // SAFETY: `promise` is a live promise of `ctx`; the result is owned by the caller.
    let (state, result) = unsafe {
        let raw = promise.as_value().as_raw();
        let state = qjs::JS_PromiseState(ctx.as_raw().as_ptr(), raw);
        (state as i32, Value::from_raw(ctx.clone(), qjs::JS_PromiseResult(ctx.as_raw().as_ptr(), raw)))
    };
    let pair = Array::new(ctx.clone())?;
    pair.set(0, state)?;
    pair.set(1, result)?;
    Ok(pair)
}

/// What a proxy stands for; `null` where it was revoked, or is none.
fn proxy_target<'js>(ctx: Ctx<'js>, proxy: Value<'js>) -> Value<'js> {
    // SAFETY: `proxy` is a live value, and asked only where it is a proxy; the result is owned by the caller.
    let target = unsafe {
        if !qjs::JS_IsProxy(proxy.as_raw()) {
            return Value::new_null(ctx);
        }
        Value::from_raw(ctx.clone(), qjs::JS_GetProxyTarget(ctx.as_raw().as_ptr(), proxy.as_raw()))
    };
    if target.is_object() {
        return target;
    }
    // A revoked proxy throws.
    drop(ctx.catch());
    Value::new_null(ctx)
}

/// What to use instead of something that is not there; "" where nothing is known.
fn advice(kind: Text, name: Text) -> String {
    match kind.0.as_str() {
        "global" => mayfly_advice::global(&name.0).unwrap_or_default().to_owned(),
        "process" => mayfly_advice::process_member(&name.0),
        "require" => mayfly_advice::require(&name.0),
        _ => String::new(),
    }
}
