//! In: the sealed plugin and the prelude's modules. Out: the plugin as it is after `initialize-runtime`: the whole prelude
//! evaluated.
//! May touch: instances of its own, which import nothing.
//! Security boundary: no.

use anyhow::{Context, Result, bail};
use mayfly_abi::{Answer, Source};
use wasmparser::ValType;
use wasmtime::{Engine, Instance, Memory, Module, Store, Val, WasmParams, WasmResults};
use wasmtime_wizer::{InstanceState, SnapshotVal, Wizer};

const INITIALISE: &str = "initialize-runtime";

/// As in the plugin's `lib.rs`.
const PANIC_MARK: &[u8] = b"mayfly-engine panic: ";

/// Runs the initialisation and writes the memory it leaves into the module. The modules are compiled in instances that
/// are dropped: the image holds what lives, and every page less of it makes the end of an isolate cheaper.
pub fn preinitialise(wasm: &[u8], modules: &[(String, String)]) -> Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    // A Javy plugin keeps this export; nothing calls it again.
    wizer.init_func(INITIALISE).keep_init_func(true);
    let (context, instrumented) = wizer.instrument(wasm).map_err(own_error)?;

    let engine = Engine::default();
    let module = Module::new(&engine, &instrumented).map_err(own_error)?;
    let mut state = State::new(&module)?;
    for (name, source) in modules {
        let bytecode = State::new(&module)?.compile(name, source)?;
        let at = state.give(&Source { name, source: &bytecode, map: b"" })?;
        state.call::<_, ()>("build-add", at)?;
    }
    state.call::<(), ()>(INITIALISE, ())?;
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

impl State {
    fn new(module: &Module) -> Result<Self> {
        let mut store = Store::new(module.engine(), ());
        let instance = Instance::new(&mut store, module, &[]).map_err(own_error)?;
        Ok(State { store, instance })
    }

    /// Calls an export; a panic in it is told with its text.
    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, arguments: P) -> Result<R> {
        let function = self.instance.get_typed_func::<P, R>(&mut self.store, name).map_err(own_error)?;
        function.call(&mut self.store, arguments).map_err(|trap| match self.memory() {
            Ok(memory) => own_error(trap).context(panic_text(memory.data(&self.store))),
            Err(missing) => missing,
        })
    }

    fn memory(&mut self) -> Result<Memory> {
        self.instance.get_memory(&mut self.store, "memory").context("memory")
    }

    /// The frame as an allocation in the instance: address and length.
    fn give(&mut self, source: &Source<'_>) -> Result<(u32, u32)> {
        let mut frame = vec![];
        source.write(&mut frame);
        let length = u32::try_from(frame.len())?;
        let at: u32 = self.call("cabi_realloc", (0_u32, 0_u32, 8_u32, length))?;
        self.memory()?.write(&mut self.store, at as usize, &frame)?;
        Ok((at, length))
    }

    fn compile(&mut self, name: &str, source: &str) -> Result<Vec<u8>> {
        let at = self.give(&Source { name, source: source.as_bytes(), map: b"" })?;
        let pair: u32 = self.call("build-compile", at)?;
        let data = self.memory()?.data(&self.store);
        let number =
            |at: usize| -> Option<usize> { Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?) as usize) };
        let (from, count) =
            number(pair as usize).zip(number(pair as usize + 4)).context("the pair lies outside memory")?;
        let bytes = data.get(from..from + count).context("the answer lies outside memory")?;
        let answer = Answer::read(bytes).map_err(|malformed| anyhow::anyhow!("{malformed:?}"))?;
        if !answer.ok {
            bail!("{name}: {}", String::from_utf8_lossy(answer.first));
        }
        Ok(answer.first.to_vec())
    }
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
