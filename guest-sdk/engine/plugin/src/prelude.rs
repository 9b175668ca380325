//! In: the prelude's modules, which `build-engine` hands in. Out: its modules evaluated, entries in hand.
//! May touch: the global object, before any script exists.
//! Security boundary: no. What scripts see holds no authority to begin with.

use crate::limits::STACK_BYTES_MAX;
use crate::modules::{self, Modules, PRELUDE_PREFIX, Sources};
use crate::natives;
use mayfly_abi::{ASYNC_FRAME, Source};
use rquickjs::{Context, Ctx, Function, Module, Object, Persistent, Result, Runtime, WriteOptions};
use std::cell::RefCell;

thread_local! {
    /// Name and bytecode of each module, until `install` takes them.
    static MODULES: RefCell<Vec<(String, Option<Vec<u8>>)>> = const { RefCell::new(vec![]) };
}

/// The module that exports the entries.
const MAIN: &str = "mayfly:main";

/// Where the natives stand while the prelude is evaluated; its first module takes them away.
const NATIVES: &str = "__mayfly_natives";

/// The functions of the prelude that a turn calls.
#[derive(Clone)]
pub struct Entries {
    pub start: Persistent<Function<'static>>,
    pub deliver: Persistent<Function<'static>>,
    pub describe: Persistent<Function<'static>>,
    pub uncaught: Persistent<Function<'static>>,
    pub waiting: Persistent<Function<'static>>,
}

/// Bytecode of one module, without its source: so the prelude is smaller, and its functions print as native code.
/// `build-engine` calls this in an instance that it drops: a compiler's leavings have no place in the snapshot.
pub fn compile(module: &Source<'_>) -> std::result::Result<Vec<u8>, String> {
    let failed = |error: rquickjs::Error| error.to_string();
    let runtime = Runtime::new().map_err(failed)?;
    // QuickJS's default is more than the whole stack here.
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    runtime.set_loader(Modules, Modules);
    modules::provide(Sources::Stubs);
    let bytecode = Context::full(&runtime).map_err(failed)?.with(|ctx| {
        let options = WriteOptions { strip_source: true, ..WriteOptions::default() };
        let bytecode =
            Module::declare(ctx.clone(), module.name, module.source).and_then(|module| module.write(options));
        bytecode.map_err(|_| format!("{:?}", ctx.catch()))
    });
    modules::provide(Sources::None);
    bytecode
}

/// Keeps one module's bytecode for `install`.
pub fn add(name: &str, bytecode: &[u8]) {
    MODULES.with_borrow_mut(|modules| modules.push((name.to_owned(), Some(bytecode.to_vec()))));
}

/// Evaluates the prelude in the context that scripts will run in.
pub fn install(ctx: &Ctx<'_>) -> Result<Entries> {
    let mut compiled = MODULES.take();
    // The loader hands out the first module first.
    compiled.sort_by_key(|(name, _)| name != MAIN);
    ctx.globals().set(NATIVES, natives::object(ctx)?)?;
    modules::provide(Sources::Bytecode(compiled));
    let (main, promise) = modules::load_all(ctx)?.eval()?;
    promise.finish::<()>()?;
    modules::provide(Sources::None);
    let exports: Object<'_> = main.namespace()?;
    let entry = |name: &str| -> Result<Persistent<Function<'static>>> {
        Ok(Persistent::save(ctx, exports.get::<_, Function<'_>>(name)?))
    };
    publish(ctx, exports.get("asyncFrame")?)?;
    Ok(Entries {
        start: entry("start")?,
        deliver: entry("deliver")?,
        describe: entry("describe")?,
        uncaught: entry("uncaught")?,
        waiting: entry("waiting")?,
    })
}

/// Makes it what transpiled code calls by `ASYNC_FRAME`.
fn publish<'js>(ctx: &Ctx<'js>, frame: Function<'js>) -> Result<()> {
    ctx.globals().set(NATIVES, frame)?;
    ctx.eval(format!("const {ASYNC_FRAME} = globalThis.{NATIVES}; delete globalThis.{NATIVES}; undefined"))
}

/// Whether a script's module has a name that only the prelude may have.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(PRELUDE_PREFIX)
}
