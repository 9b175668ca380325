//! In: the linked plugin. Out: the same module without imports, and without the exports that only this step needs.
//! May touch: nothing.
//! Security boundary: no; it makes a turn a pure function of image and event.
//!
//! `plugin/src/wasi.rs` defines what libc imports from WASI, and the linker uses those definitions. std's own
//! declarations have mangled names that no definition can have; their calls are pointed to the same functions here.

use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// How `wasi.rs` names its exports: this, the WASI module, the function.
const PREFIX: &str = "__imported_";

/// Exports that only `build-engine` calls.
const BUILD_PREFIX: &str = "build-";

/// Points every function import at the module's own definition of it, and drops both from the interface.
pub fn seal(wasm: &[u8]) -> Result<Vec<u8>> {
    reencode(wasm, Sealer { own: own_definitions(wasm)?, dropped: PREFIX })
}

/// Takes away what is called before the snapshot and never again.
pub fn without_build_exports(wasm: &[u8]) -> Result<Vec<u8>> {
    reencode(wasm, Sealer { own: vec![], dropped: BUILD_PREFIX })
}

fn reencode(wasm: &[u8], mut sealer: Sealer) -> Result<Vec<u8>> {
    let mut module = wasm_encoder::Module::new();
    sealer.parse_core_module(&mut module, Parser::new(0), wasm).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(module.finish())
}

/// For each imported function, in order, the index of the definition that takes its place.
fn own_definitions(wasm: &[u8]) -> Result<Vec<u32>> {
    let mut imports = vec![];
    let mut exports = HashMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    if !matches!(import.ty, TypeRef::Func(_)) {
                        bail!("{}.{} is not a function", import.module, import.name);
                    }
                    imports.push(format!("{PREFIX}{}_{}", import.module, import.name));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    exports.insert(export.name.to_owned(), export.index);
                }
            }
            _ => {}
        }
    }
    let own = |name: &String| exports.get(name).copied().with_context(|| format!("wasi.rs lacks {name}"));
    imports.iter().map(own).collect()
}

struct Sealer {
    /// What takes the place of each import.
    own: Vec<u32>,
    /// Exports of functions that begin so are left out.
    dropped: &'static str,
}

impl Reencode for Sealer {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Self::Error>> {
        let imports = self.own.len() as u32;
        let defined = self.own.get(function as usize).copied().unwrap_or(function);
        Ok(defined - imports)
    }

    fn parse_import_section(
        &mut self,
        _imports: &mut wasm_encoder::ImportSection,
        _section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        Ok(())
    }

    fn parse_export(
        &mut self,
        exports: &mut wasm_encoder::ExportSection,
        export: wasmparser::Export<'_>,
    ) -> Result<(), Error<Self::Error>> {
        if export.kind == ExternalKind::Func && export.name.starts_with(self.dropped) {
            return Ok(());
        }
        utils::parse_export(self, exports, export)
    }
}
