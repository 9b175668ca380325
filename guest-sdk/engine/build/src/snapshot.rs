//! In: the sealed plugin. Out: the same plugin as it is after `initialize-runtime`: the whole prelude evaluated.
//! May touch: an instance of its own, which imports nothing.
//! Security boundary: no.

use anyhow::{Context, Result};
use wasmparser::ValType;
use wasmtime::{Engine, Instance, Module, Store, Val};
use wasmtime_wizer::{InstanceState, SnapshotVal, Wizer};

const INITIALISE: &str = "initialize-runtime";

/// As in the plugin's `lib.rs`.
const PANIC_MARK: &[u8] = b"mayfly-engine panic: ";

/// Runs the initialisation and writes the memory it leaves into the module.
pub fn preinitialise(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    // A Javy plugin keeps this export; nothing calls it again.
    wizer.init_func(INITIALISE).keep_init_func(true);
    let (context, instrumented) = wizer.instrument(wasm).map_err(own_error)?;

    let engine = Engine::default();
    let module = Module::new(&engine, &instrumented).map_err(own_error)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).map_err(own_error)?;
    let initialise = instance.get_typed_func::<(), ()>(&mut store, INITIALISE).map_err(own_error)?;
    if let Err(trap) = initialise.call(&mut store, ()) {
        let memory = instance.get_memory(&mut store, "memory").context("memory")?;
        return Err(own_error(trap).context(panic_text(memory.data(&store))));
    }

    let mut state = State { store, instance };
    pollster::block_on(wizer.snapshot(&context, &mut state)).map_err(own_error)
}

/// What the plugin's panic hook left in memory: the last text behind its mark.
fn panic_text(memory: &[u8]) -> String {
    let starts = memory.windows(PANIC_MARK.len()).enumerate().filter(|(_, window)| *window == PANIC_MARK);
    let texts = starts.filter_map(|(at, _)| memory.get(at..)?.split(|byte| *byte == 0).next());
    let text = texts
        .filter(|text| text.len() > PANIC_MARK.len() + 20)
        .last()
        .unwrap_or(b"initialize-runtime trapped without a word");
    String::from_utf8_lossy(text.get(..2000).unwrap_or(text)).into_owned()
}

/// wasmtime's error in anyhow's clothes.
pub fn own_error(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}

struct State {
    store: Store<()>,
    instance: Instance,
}

impl InstanceState for State {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        match self.instance.get_global(&mut self.store, name).map(|global| global.get(&mut self.store)) {
            Some(Val::I32(value)) => SnapshotVal::I32(value),
            other => panic!("the engine has one i32 global, {name} is {other:?}"),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        match self.instance.get_memory(&mut self.store, name) {
            Some(memory) => contents(memory.data(&self.store)),
            None => panic!("the instrumented engine exports {name}"),
        }
    }
}
