//! In: finished modules. Out: their interface on standard output, or why they must not be checked in.
//! May touch: nothing.
//! Security boundary: no. It holds the build to what the runtime relies on.

use anyhow::{Result, bail};
use std::env;
use wasmparser::{ExternalKind, Parser, Payload};

/// What a Javy plugin exports, and our three entries.
const ENGINE_EXPORTS: [&str; 8] = [
    "memory",
    "initialize-runtime",
    "compile-src",
    "invoke",
    "cabi_realloc",
    "mayfly-start",
    "mayfly-deliver",
    "mayfly-compile",
];
const TRANSPILER_EXPORTS: [&str; 3] = ["memory", "cabi_realloc", "mayfly-transpile"];

#[derive(Default)]
struct Interface {
    imports: Vec<String>,
    exports: Vec<String>,
    mutable_globals: usize,
    customs: Vec<String>,
    memory_pages: u64,
}

/// The engine imports nothing, is a Javy plugin, and keeps all of its state in linear memory and `__stack_pointer`:
/// images of isolates rely on that.
pub fn engine(wasm: &[u8]) -> Result<()> {
    let interface = read(wasm)?;
    report("engine", wasm, &interface);
    need(&interface, &ENGINE_EXPORTS)?;
    if !interface.imports.is_empty() {
        bail!("the engine imports {:?}", interface.imports);
    }
    if interface.mutable_globals != 1 {
        bail!(
            "the engine has {} mutable globals; images rely on __stack_pointer being the only one",
            interface.mutable_globals
        );
    }
    if !interface.customs.iter().any(|name| name == "import_namespace") {
        bail!("the section import_namespace is missing: Javy would not take this plugin");
    }
    Ok(())
}

pub fn transpiler(wasm: &[u8]) -> Result<()> {
    let interface = read(wasm)?;
    report("transpiler", wasm, &interface);
    need(&interface, &TRANSPILER_EXPORTS)
}

/// No module may carry a path of the machine that built it.
pub fn no_paths(name: &str, wasm: &[u8]) -> Result<()> {
    let home = env::var("HOME").unwrap_or_default();
    let here = env!("CARGO_MANIFEST_DIR").split("/guest-sdk").next().unwrap_or_default();
    for forbidden in [home.as_str(), here, "/.cargo/", "registry/src", "index.crates", "/tmp/", "/home/"] {
        // "/" alone (a home folder of nobody) would be everywhere.
        if forbidden.len() > 1 && wasm.windows(forbidden.len()).any(|window| window == forbidden.as_bytes()) {
            bail!("{name} contains '{forbidden}'");
        }
    }
    Ok(())
}

fn need(interface: &Interface, names: &[&str]) -> Result<()> {
    match names.iter().find(|name| !interface.exports.iter().any(|export| export == *name)) {
        Some(name) => bail!("the export {name} is missing"),
        None => Ok(()),
    }
}

fn report(name: &str, wasm: &[u8], interface: &Interface) {
    println!("{name}: {} bytes, {} pages of memory", wasm.len(), interface.memory_pages);
    println!("  imports: {:?}\n  exports: {:?}", interface.imports, interface.exports);
}

fn read(wasm: &[u8]) -> Result<Interface> {
    let mut interface = Interface::default();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    interface.imports.push(format!("{}.{}", import.module, import.name));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if matches!(export.kind, ExternalKind::Func | ExternalKind::Memory) {
                        interface.exports.push(export.name.to_owned());
                    }
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    interface.mutable_globals += usize::from(global?.ty.mutable);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    interface.memory_pages = memory?.initial;
                }
            }
            Payload::CustomSection(section) => interface.customs.push(section.name().to_owned()),
            _ => {}
        }
    }
    Ok(interface)
}
