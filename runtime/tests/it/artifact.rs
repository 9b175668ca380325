//! The checked-in engine is a Javy plugin, and has nothing that the host does not expect.

use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

fn wasm(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk/engine/artifacts");
    let compressed = std::fs::read(format!("{folder}/{name}.wasm.zst")).expect("the artifact is checked in");
    zstd::decode_all(compressed.as_slice()).expect("zstd")
}

struct Shape {
    exports: Vec<String>,
    imports: Vec<String>,
    sections: Vec<String>,
    mutable_globals: usize,
    has_start: bool,
    memories: usize,
}

fn shape(wasm: &[u8]) -> Shape {
    let mut shape =
        Shape { exports: vec![], imports: vec![], sections: vec![], mutable_globals: 0, has_start: false, memories: 0 };
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.expect("valid Wasm") {
            Payload::ExportSection(reader) => {
                let functions = reader.into_iter().flatten().filter(|export| export.kind == ExternalKind::Func);
                shape.exports.extend(functions.map(|export| export.name.to_owned()));
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports().flatten() {
                    assert!(matches!(import.ty, TypeRef::Func(_)), "{import:?}");
                    shape.imports.push(format!("{}.{}", import.module, import.name));
                }
            }
            Payload::GlobalSection(reader) => {
                shape.mutable_globals += reader.into_iter().flatten().filter(|global| global.ty.mutable).count();
            }
            Payload::MemorySection(reader) => shape.memories += reader.count() as usize,
            Payload::StartSection { .. } => shape.has_start = true,
            Payload::CustomSection(section) => shape.sections.push(section.name().to_owned()),
            _ => {}
        }
    }
    shape
}

#[test]
fn the_engine_is_a_valid_javy_plugin() {
    let shape = shape(&wasm("engine"));
    for export in ["initialize-runtime", "compile-src", "invoke", "cabi_realloc"] {
        assert!(shape.exports.iter().any(|name| name == export), "{export} is missing: {:?}", shape.exports);
    }
    assert!(shape.sections.iter().any(|name| name == "import_namespace"), "{:?}", shape.sections);
}

#[test]
fn the_engine_can_be_imaged_and_imports_nothing_but_wasi() {
    for name in ["engine", "transpiler"] {
        let shape = shape(&wasm(name));
        // An image holds linear memory only: any other state would be lost.
        assert_eq!((shape.mutable_globals, shape.memories, shape.has_start), (1, 1, false), "{name}");
        assert!(
            shape.imports.iter().all(|import| import.starts_with("wasi_snapshot_preview1.")),
            "{:?}",
            shape.imports
        );
        assert!(shape.imports.len() <= 10, "{name}: {:?}", shape.imports);
    }
}

#[test]
fn no_path_of_the_machine_that_built_it_is_in_the_artifact() {
    for name in ["engine", "transpiler"] {
        let text = String::from_utf8_lossy(&wasm(name)).into_owned();
        for trace in ["/home/", ".cargo/", "registry/src"] {
            assert!(!text.contains(trace), "{name} contains {trace}");
        }
    }
}

#[test]
fn the_engine_library_is_the_engine_that_is_checked_in() {
    use sha2::{Digest, Sha256};
    for name in ["engine", "transpiler"] {
        let digest: String = Sha256::digest(wasm(name)).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(mayfly::isolate::digest(&format!("{name}.wasm")).expect("named"), digest);
    }
}
