//! In: sources and artifacts. Out: SHA-256 digests, and the text that records them.
//! May touch: files of the repository, reading only.
//! Security boundary: no. It tells stale artifacts from current ones; it does not protect against a forger.

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

pub const FILE: &str = "DIGESTS";

/// Folders and files that the artifacts are made of, from the repository's root. Tests and documents are not among them.
const INPUTS: [&str; 14] = [
    "guest-sdk/engine/Cargo.toml",
    "guest-sdk/engine/Cargo.lock",
    "guest-sdk/engine/abi",
    "guest-sdk/engine/advice",
    "guest-sdk/engine/intl/Cargo.toml",
    "guest-sdk/engine/intl/build",
    "guest-sdk/engine/intl/data",
    "guest-sdk/engine/intl/src",
    "guest-sdk/engine/plugin",
    "guest-sdk/engine/transpiler/Cargo.toml",
    "guest-sdk/engine/transpiler/build.rs",
    "guest-sdk/engine/transpiler/src",
    "guest-sdk/engine/build",
    "guest-sdk/js",
];

/// One line: the digest over path and content of every input, sorted by path.
pub fn sources(engine: &Path) -> Result<String> {
    let root = engine.join("../..").canonicalize()?;
    let mut files = vec![];
    for input in INPUTS {
        collect(&root.join(input), &mut files)?;
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        let name = file.strip_prefix(&root)?.to_string_lossy().replace('\\', "/");
        let content = fs::read(&file)?;
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name.as_bytes());
        digest.update((content.len() as u64).to_le_bytes());
        digest.update(&content);
    }
    Ok(line("sources", digest))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let kind = fs::metadata(path).with_context(|| format!("{} is missing", path.display()))?;
    if kind.is_file() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != "target" && name != "tests" && !name.to_string_lossy().starts_with('.') {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}

/// The content of `DIGESTS`.
pub fn text(sources: &str, files: &[(String, Vec<u8>)]) -> String {
    let lines: Vec<String> = files.iter().map(|(name, bytes)| line(name, Sha256::new_with_prefix(bytes))).collect();
    format!("{sources}\n{}\n", lines.join("\n"))
}

/// Whether the files in the artifacts folder are the recorded ones.
pub fn stored(recorded: &str, artifacts: &Path) -> Result<()> {
    for name in ["engine.wasm.zst", "transpiler.wasm.zst"] {
        let bytes = fs::read(artifacts.join(name)).with_context(|| format!("artifacts/{name} is missing"))?;
        if !recorded.contains(&line(name, Sha256::new_with_prefix(&bytes))) {
            bail!("artifacts/{name} is not the file that DIGESTS records");
        }
    }
    Ok(())
}

fn line(name: &str, digest: Sha256) -> String {
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}  {name}")
}
