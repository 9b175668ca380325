//! In: a start or deliver frame. Out: effect frames, once the job queue is empty.
//! May touch: the engine. A turn leaves no Wasm stack behind: all state is in linear memory when it returns.
//! Security boundary: no.

use crate::engine::{self, Engine};
use crate::modules::{self, Sources};
use crate::{delivery, effects, prelude, rejections, report, stimulus};
use mayfly_abi::{Deliver, OutcomeKind, Start, Stimulus};
use rquickjs::object::Property;
use rquickjs::{Ctx, Error, Exception, Object, Result, Value, qjs};

/// Loads the modules of a run, evaluates the main one and calls its default export.
pub fn start(frame: &[u8]) {
    match Start::read(frame) {
        Ok(start) => turn(&start.stimulus, |ctx, engine| {
            engine.limit_heap(start.heap_bytes_max as usize);
            begin(ctx, engine, &start)
        }),
        Err(malformed) => internal(malformed.0),
    }
}

/// Hands a completed effect to the script.
pub fn deliver(frame: &[u8]) {
    match Deliver::read(frame) {
        Ok(outcome) => turn(&outcome.stimulus, |ctx, engine| {
            let fulfilled = outcome.kind == OutcomeKind::Fulfilled;
            let meta = std::str::from_utf8(outcome.meta).unwrap_or("{}");
            delivery::with(outcome.body, || engine.deliver(ctx, outcome.number, fulfilled, meta))
        }),
        Err(malformed) => internal(malformed.0),
    }
}

fn turn(stimulus: &Stimulus, event: impl FnOnce(&Ctx<'_>, &Engine) -> Result<()>) {
    effects::begin_turn();
    let Some(engine) = engine::get() else { return internal("the engine was not initialised") };
    stimulus::begin_turn(stimulus);
    engine.with(|ctx| {
        if let Err(error) = event(&ctx, engine) {
            let value = thrown_by(&ctx, error);
            report::thrown(&ctx, engine, value);
        }
        let mut lost = run_jobs(&ctx);
        // What a script does when it is told of a rejection can make jobs, and rejections.
        while tell_rejections(&ctx, engine) {
            lost = run_jobs(&ctx).or(lost);
        }
        end(&ctx, engine, lost);
    });
    stimulus::end_turn();
}

fn begin(ctx: &Ctx<'_>, engine: &Engine, start: &Start<'_>) -> Result<()> {
    if start.modules.iter().any(|(name, _)| prelude::is_reserved(name)) {
        return Err(Exception::throw_type(ctx, "Module names cannot begin with 'mayfly:'."));
    }
    let input = match start.input {
        [] => Value::new_undefined(ctx.clone()),
        json => ctx.json_parse(json)?,
    };
    name_tools(ctx, start.tools)?;
    let owned = |&(name, bytecode): &(&str, &[u8])| (name.to_owned(), Some(bytecode.to_vec()));
    modules::provide(Sources::Bytecode(start.modules.iter().map(owned).collect()));
    let (main, evaluated) = modules::load_all(ctx)?.eval()?;
    delivery::with(start.body, || engine.start(ctx, evaluated, main.namespace()?, input, start.is_request))
}

/// `github` is `tools.github`.
fn name_tools(ctx: &Ctx<'_>, names: &str) -> Result<()> {
    let globals = ctx.globals();
    for name in names.split_ascii_whitespace() {
        if !globals.contains_key(name)? {
            let set: Value<'_> = globals.get::<_, Object<'_>>("tools")?.get(name)?;
            globals.prop(name, Property::from(set).writable().configurable())?;
        }
    }
    Ok(())
}

/// Runs jobs until there is none. A job that never ends, or jobs without end, are the host's matter (epochs).
/// Gives the last exception that a job did not turn into a rejection: QuickJS ran out of memory half-way.
fn run_jobs<'js>(ctx: &Ctx<'js>) -> Option<Value<'js>> {
    let mut lost = None;
    loop {
        let mut job_ctx = std::ptr::null_mut();
        // SAFETY: the runtime is the one of `ctx`; the callee writes one pointer, which is not used.
        let ran = unsafe { qjs::JS_ExecutePendingJob(qjs::JS_GetRuntime(ctx.as_raw().as_ptr()), &mut job_ctx) };
        match ran {
            0 => return lost,
            1.. => {}
            _ => lost = Some(ctx.catch()),
        }
    }
}

/// Whether there were any.
fn tell_rejections(ctx: &Ctx<'_>, engine: &Engine) -> bool {
    let open = rejections::take(ctx);
    let any = !open.is_empty();
    for (promise, reason) in open {
        if engine.uncaught(ctx, promise, reason).is_err() {
            drop(ctx.catch());
        }
    }
    any
}

fn end<'js>(ctx: &Ctx<'js>, engine: &Engine, lost: Option<Value<'js>>) {
    if effects::finished() {
        return;
    }
    if let Some(value) = lost {
        report::thrown(ctx, engine, value);
    } else if matches!(engine.waiting(ctx), Ok(0) | Err(_)) && report::was_nearly_full(engine) {
        // Nothing can ever wake the script, and memory is full: what would have gone on was lost for lack of it.
        report::memory_limit(engine);
    }
}

fn thrown_by<'js>(ctx: &Ctx<'js>, error: Error) -> Value<'js> {
    if error.is_exception() {
        return ctx.catch();
    }
    drop(ctx.catch());
    let thrown = Exception::from_message(ctx.clone(), &error.to_string());
    thrown.map_or_else(|_| Value::new_null(ctx.clone()), Exception::into_value)
}

fn internal(message: &str) {
    effects::begin_turn();
    report::plain("internal", "InternalError", message);
}
