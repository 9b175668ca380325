//! In: a thrown value, or the knowledge that memory ran out. Out: one Error frame, whatever happens on the way.
//! May touch: QuickJS's memory limit, raised by a reserve while a script's end is told.
//! Security boundary: no.

use crate::effects;
use crate::engine::Engine;
use crate::json::quoted;
use crate::limits::REPORT_RESERVE_BYTES;
use mayfly_abi::EffectKind;
use rquickjs::{Ctx, Object, Value};

/// Share of the memory limit above which a failure without any error object is put down to memory, in percent.
const NEARLY_FULL_PERCENT: u64 = 85;
const WASM_PAGE_BYTES: u64 = 65_536;

/// Tells the thrown value as the run's error.
pub fn thrown<'js>(ctx: &Ctx<'js>, engine: &Engine, value: Value<'js>) {
    engine.set_memory_limit(engine.heap_bytes_max().saturating_add(REPORT_RESERVE_BYTES));
    let told = if is_nothing(&value) && was_nearly_full(engine) { None } else { describe(ctx, engine, value) };
    match told {
        Some(meta) => emit(&meta),
        None => memory_limit(engine),
    }
    engine.set_memory_limit(engine.heap_bytes_max());
}

/// Tells that the script used up its memory.
pub fn memory_limit(engine: &Engine) {
    let mib = engine.heap_bytes_max() as f64 / f64::from(1 << 20);
    plain("memory_limit", "InternalError", &format!("The script used up its memory limit of {mib:.0} MiB."));
}

/// Tells an error that needs no JavaScript to be told.
pub fn plain(kind: &str, name: &str, message: &str) {
    let (kind, name, message) = (quoted(kind), quoted(name), quoted(message));
    emit(format!(r#"{{"kind":{kind},"name":{name},"message":{message},"stack":""}}"#).as_bytes());
}

/// Whether this isolate has at any time used most of what QuickJS may use. Linear memory never shrinks, so its size
/// still tells when the unwinding has already freed what the script had piled up.
pub fn was_nearly_full(engine: &Engine) -> bool {
    let used = core::arch::wasm32::memory_size(0) as u64 * WASM_PAGE_BYTES;
    let limit = engine.heap_bytes_max() as u64;
    limit > 0 && used * 100 > limit * NEARLY_FULL_PERCENT
}

/// The meta that the prelude makes of the value; nothing when it says that memory ran out.
fn describe<'js>(ctx: &Ctx<'js>, engine: &Engine, value: Value<'js>) -> Option<Vec<u8>> {
    let fallback = || {
        br#"{"kind":"exception","name":"Error","message":"The script threw a value that cannot be described.","stack":""}"#.to_vec()
    };
    let described = engine.describe(ctx, value).and_then(|description: Object<'js>| {
        let out_of_memory = description.get::<_, bool>("out_of_memory")?;
        Ok((out_of_memory, description.get::<_, crate::text::Text>("meta")?.0.into_bytes()))
    });
    match described {
        Ok((true, _)) => None,
        Ok((false, meta)) => Some(meta),
        Err(_) => {
            drop(ctx.catch());
            if was_nearly_full(engine) { None } else { Some(fallback()) }
        }
    }
}

/// `null`, `undefined`, or QuickJS's mark for "no exception": what is left when even the error found no memory.
fn is_nothing(value: &Value<'_>) -> bool {
    value.is_null() || value.is_undefined() || matches!(value.type_of(), rquickjs::Type::Uninitialized)
}

fn emit(meta: &[u8]) {
    // The frame fits: begin_turn left room, or the vector grows; without memory for it the isolate traps, and the
    // host tells the same.
    let _ = effects::push(EffectKind::Error, 0, meta, b"");
}
