//! In: calls of a turn. Out: the prelude's entries, called in the one context that there is.
//! May touch: the QuickJS runtime and its limits.
//! Security boundary: no.

use crate::limits::{GC_THRESHOLD_BYTES, STACK_BYTES_MAX};
use crate::modules::Modules;
use crate::prelude::{self, Entries};
use crate::rejections;
use javy_plugin_api::Config;
use rquickjs::function::IntoArgs;
use rquickjs::{Context, Ctx, FromJs, Function, Object, Persistent, Promise, Result, Value, qjs};
use std::cell::Cell;

thread_local! {
    static ENGINE: Cell<Option<&'static Engine>> = const { Cell::new(None) };
}

/// The context that scripts run in and the entries of its prelude. Made once, before the snapshot.
pub struct Engine {
    context: Context,
    entries: Entries,
    heap_bytes_max: Cell<usize>,
}

/// What Javy is asked for: all of standard JavaScript, no stream to the outside.
pub fn config() -> Config {
    let mut config = Config::default();
    config
        .weak_ref(true)
        .gc_threshold(GC_THRESHOLD_BYTES)
        .max_stack_size(STACK_BYTES_MAX)
        .log_stream(Box::new(std::io::sink()))
        .err_stream(Box::new(std::io::sink()));
    config
}

/// Finishes Javy's runtime: our loader, `atob` and `DOMException`, and the prelude.
pub fn install(runtime: javy::Runtime) -> javy::Runtime {
    let context = runtime.context().clone();
    context.runtime().set_loader(Modules, Modules);
    context.runtime().set_host_promise_rejection_tracker(Some(Box::new(rejections::track)));
    let entries = context.with(|ctx| {
        // SAFETY: the context is alive; the call registers two classes and two functions in it.
        unsafe { qjs::JS_AddIntrinsicAToB(ctx.as_raw().as_ptr()) };
        prelude::install(&ctx).unwrap_or_else(|error| {
            let thrown = ctx.catch();
            let message = thrown.as_exception().map(|e| e.to_string()).unwrap_or_default();
            panic!("the prelude fails: {error} {message}")
        })
    });
    let engine = Engine { context, entries, heap_bytes_max: Cell::new(0) };
    ENGINE.set(Some(Box::leak(Box::new(engine))));
    runtime
}

/// The engine, once `initialize-runtime` has run.
pub fn get() -> Option<&'static Engine> {
    ENGINE.get()
}

impl Engine {
    pub fn with<R>(&self, f: impl FnOnce(Ctx<'_>) -> R) -> R {
        self.context.with(f)
    }

    pub fn heap_bytes_max(&self) -> usize {
        self.heap_bytes_max.get()
    }

    /// Sets the limit of this run; 0 is none.
    pub fn limit_heap(&self, bytes: usize) {
        self.heap_bytes_max.set(bytes);
        self.set_memory_limit(bytes);
    }

    /// Sets QuickJS's limit alone, for the while that an error is told.
    pub fn set_memory_limit(&self, bytes: usize) {
        // SAFETY: the runtime lives as long as the isolate. rquickjs offers the same call, but takes a lock that is
        // held while scripts run.
        unsafe { qjs::JS_SetMemoryLimit(self.context.get_runtime_ptr(), bytes as _) };
    }

    /// Hands the evaluated main module to the prelude, which calls its default export.
    pub fn start<'js>(
        &self,
        ctx: &Ctx<'js>,
        evaluated: Promise<'js>,
        namespace: Object<'js>,
        input: Value<'js>,
        is_request: bool,
    ) -> Result<()> {
        call(ctx, &self.entries.start, (evaluated, namespace, input, is_request))
    }

    /// Settles the promise that waits under `number`; the body is fetched by the prelude (`delivery.rs`).
    pub fn deliver(&self, ctx: &Ctx<'_>, number: u32, fulfilled: bool, meta: &str) -> Result<()> {
        call(ctx, &self.entries.deliver, (number, fulfilled, meta))
    }

    /// `{ out_of_memory, meta }` for a thrown value.
    pub fn describe<'js>(&self, ctx: &Ctx<'js>, value: Value<'js>) -> Result<Object<'js>> {
        call(ctx, &self.entries.describe, (value,))
    }

    /// Tells the script of a rejection that nobody handled, or logs it.
    pub fn uncaught<'js>(&self, ctx: &Ctx<'js>, promise: Value<'js>, reason: Value<'js>) -> Result<()> {
        call(ctx, &self.entries.uncaught, (reason, promise))
    }

    /// How many effects the script waits for.
    pub fn waiting(&self, ctx: &Ctx<'_>) -> Result<u32> {
        call(ctx, &self.entries.waiting, ())
    }
}

fn call<'js, A: IntoArgs<'js>, R: FromJs<'js>>(
    ctx: &Ctx<'js>,
    entry: &Persistent<Function<'static>>,
    arguments: A,
) -> Result<R> {
    entry.clone().restore(ctx)?.call(arguments)
}
