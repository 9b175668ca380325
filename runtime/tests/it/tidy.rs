//! Rules of the house that a compiler does not know.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["runtime", "bridge", "checker", "schemas", "benches", "guest-sdk", "examples"]
        .map(|name| root().join(name))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() && !["target", "node_modules", "artifacts"].contains(&name.as_str()) {
                folders.push(path);
            } else if (name.ends_with(".rs") || name.ends_with(".ts")) && !name.ends_with("_capnp.rs") {
                found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap_or_default()));
            }
        }
    }
    assert!(found.len() > 50, "the sources are elsewhere: {} found", found.len());
    found
}

#[test]
fn no_file_is_too_long_to_read() {
    let long: Vec<_> = sources()
        .into_iter()
        // A declaration file is one text for its users, and looked up rather than read.
        .filter(|(path, _)| !path.contains("/tests/") && !path.ends_with(".d.ts"))
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > 400)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn a_source_file_opens_with_what_it_is() {
    let bare: Vec<_> = sources()
        .into_iter()
        .filter(|(path, text)| path.contains("/src/") && path.ends_with(".rs") && !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(bare.is_empty(), "{bare:?}");
}

#[test]
fn the_bridge_knows_no_wasm_and_the_runtime_no_http_client() {
    let manifest =
        |package: &str| std::fs::read_to_string(root().join(package).join("Cargo.toml")).expect("a manifest");
    assert!(!manifest("bridge").contains("wasmtime"));
    for client in ["hyper-rustls", "rustls", "reqwest", "rusqlite", "client-legacy"] {
        assert!(!manifest("runtime").contains(client), "{client}");
    }
    let naming: Vec<_> = sources()
        .into_iter()
        .filter(|(path, text)| {
            path.contains("/runtime/src/") && !path.contains("/src/cli/") && text.contains("mayfly_bridge::")
        })
        .map(|(path, _)| path)
        .collect();
    assert!(naming.is_empty(), "the library must not name the bridge: {naming:?}");
}

#[test]
fn nothing_is_skipped_and_nothing_is_left_for_later() {
    for (path, text) in sources() {
        for word in ["#[ignore", "todo!(", "unimplemented!(", "FIXME", "dbg!("] {
            assert!(!text.contains(word) || path.ends_with("tidy.rs"), "{word} in {path}");
        }
    }
}
