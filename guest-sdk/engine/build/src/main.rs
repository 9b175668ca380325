//! In: the sources below `guest-sdk` and the ABI crate. Out: `artifacts/*.wasm.zst` and their digests, or a verdict.
//! May touch: the artifacts folder, the engine's target folder; runs cargo and through it clang.
//! Security boundary: no, but what it writes is what every isolate runs.

mod build;
mod digests;
mod inspect;
mod prelude;
mod runner;
mod seal;
mod snapshot;

use anyhow::{Context, Result, bail};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

const USAGE: &str =
    "usage: build-engine [--check | --verify | try [--memory MIB] [--deliver KIND:META:BODY]... FILE.js]

  (nothing)   rebuild artifacts/engine.wasm.zst, artifacts/transpiler.wasm.zst and artifacts/DIGESTS
  --check     compare the digest of the sources with the recorded one; needs no Wasm tools
  --verify    rebuild into a temporary folder and compare byte for byte
  try         run a JavaScript module in the built engine and print the effects of each turn";

/// zstd's level for what is checked in: built rarely, stored for ever.
const ZSTD_LEVEL: i32 = 19;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let artifacts = engine.join("artifacts");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => rebuild(&engine, &artifacts),
        ["--check"] => check(&engine, &artifacts),
        ["--verify"] => verify(&engine, &artifacts),
        ["try", rest @ ..] => runner::try_file(&engine_wasm(&artifacts)?, rest),
        _ => bail!("{USAGE}"),
    }
}

/// Name and bytes of everything that is written, in the order of the digests.
fn outputs(engine: &Path, target: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let plugin = build::wasm(engine, target, "mayfly-engine")?;
    let sealed = seal::seal(&plugin).context("sealing the engine")?;
    let modules = prelude::modules(&engine.join("../js"))?;
    let snapshot = snapshot::preinitialise(&sealed, &modules).context("pre-initialising the engine")?;
    let snapshot = seal::without_build_exports(&snapshot)?;
    inspect::engine(&snapshot)?;
    let transpiler = build::wasm(engine, target, "mayfly-transpiler")?;
    inspect::transpiler(&transpiler)?;

    let mut files = vec![];
    for (name, wasm) in [("engine.wasm", snapshot), ("transpiler.wasm", transpiler)] {
        inspect::no_paths(name, &wasm)?;
        let compressed = zstd::encode_all(wasm.as_slice(), ZSTD_LEVEL)?;
        files.push((name.to_owned(), wasm));
        files.push((format!("{name}.zst"), compressed));
    }
    Ok(files)
}

fn rebuild(engine: &Path, artifacts: &Path) -> Result<()> {
    let sources = digests::sources(engine)?;
    let files = outputs(engine, &engine.join("target"))?;
    fs::create_dir_all(artifacts)?;
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".zst")) {
        fs::write(artifacts.join(name), bytes)?;
    }
    let text = digests::text(&sources, &files);
    print!("{text}");
    fs::write(artifacts.join(digests::FILE), text)?;
    Ok(())
}

fn check(engine: &Path, artifacts: &Path) -> Result<()> {
    let recorded = fs::read_to_string(artifacts.join(digests::FILE)).context("artifacts/DIGESTS is missing")?;
    if !recorded.contains(&digests::sources(engine)?) {
        bail!(
            "the engine's sources have changed since its artifacts were built: run\n  cargo run --manifest-path guest-sdk/engine/build/Cargo.toml"
        );
    }
    digests::stored(&recorded, artifacts)?;
    println!("artifacts match their sources");
    Ok(())
}

fn verify(engine: &Path, artifacts: &Path) -> Result<()> {
    check(engine, artifacts)?;
    let folder = env::temp_dir().join(format!("mayfly-verify-{}", std::process::id()));
    let files = outputs(engine, &folder);
    let _ = fs::remove_dir_all(&folder);
    for (name, bytes) in files?.iter().filter(|(name, _)| name.ends_with(".zst")) {
        if fs::read(artifacts.join(name))? != *bytes {
            bail!("{name} as rebuilt differs from the one that is checked in");
        }
    }
    println!("artifacts rebuilt byte for byte");
    Ok(())
}

fn engine_wasm(artifacts: &Path) -> Result<Vec<u8>> {
    let path: PathBuf = artifacts.join("engine.wasm.zst");
    let compressed = fs::read(&path).with_context(|| format!("{} is not built", path.display()))?;
    Ok(zstd::decode_all(compressed.as_slice())?)
}
