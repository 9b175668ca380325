//! In: a package of the engine workspace. Out: its Wasm, with no path of this machine in it.
//! May touch: cargo, clang and the target folder; sets all of the build's environment itself.
//! Security boundary: no.

use anyhow::{Context, Result, bail};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip1";
/// Of the engine workspace's `Cargo.toml`.
const PROFILE: &str = "wasm";
/// What rustc's target has by default, and Debian's clang has not.
const FEATURES: &str = "-msign-ext -mnontrapping-fptoint -mbulk-memory";

/// Builds `package` and reads the result.
pub fn wasm(engine: &Path, target: &Path, package: &str) -> Result<Vec<u8>> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--profile", PROFILE, "--locked", "--target", TARGET, "--package", package]);
    cargo.arg("--manifest-path").arg(engine.join("Cargo.toml")).arg("--target-dir").arg(target);
    // Flags of whoever calls us would end up in the artifact.
    for name in ["RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"] {
        cargo.env_remove(name);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rust_flags(engine, target)?.join("\u{1f}"));
    for (name, value) in c_environment(engine, target)? {
        cargo.env(name, value);
    }
    if !cargo.status().context("running cargo")?.success() {
        bail!("{package} does not build");
    }
    let file = target.join(TARGET).join(PROFILE).join(format!("{}.wasm", package.replace('-', "_")));
    fs::read(&file).with_context(|| format!("{} is missing", file.display()))
}

/// Paths of this machine and what stands for them, longest first: rustc takes the last that fits, clang too.
fn remaps(engine: &Path, target: &Path) -> Result<Vec<(PathBuf, &'static str)>> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let workspace = engine.join("../..").canonicalize()?;
    let mut remaps =
        vec![(workspace, "mayfly"), (home.clone(), "cargo"), (sysroot()?, "rust"), (target.to_path_buf(), "target")];
    for registry in fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten() {
        remaps.push((registry.path(), "crates"));
    }
    Ok(remaps)
}

fn sysroot() -> Result<PathBuf> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "sysroot"]).output().context("running rustc")?;
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

fn rust_flags(engine: &Path, target: &Path) -> Result<Vec<String>> {
    let remap = |(from, to): (PathBuf, &str)| format!("--remap-path-prefix={}={to}", from.display());
    Ok(remaps(engine, target)?.into_iter().map(remap).collect())
}

/// What `rquickjs-sys` needs to build QuickJS with the distribution's clang and wasi-libc.
fn c_environment(engine: &Path, target: &Path) -> Result<Vec<(&'static str, String)>> {
    let prelude = engine.join("plugin/quickjs_wasi.h");
    let maps = remaps(engine, target)?;
    let maps: Vec<String> =
        maps.iter().map(|(from, to)| format!("-ffile-prefix-map={}={to}", from.display())).collect();
    let include = "-isystem /usr/include/wasm32-wasi";
    Ok(vec![
        ("RQUICKJS_SYS_NO_WASI_SDK", "1".to_owned()),
        ("CC_wasm32_wasip1", "clang".to_owned()),
        ("AR_wasm32_wasip1", "llvm-ar".to_owned()),
        (
            "CFLAGS_wasm32_wasip1",
            format!("--sysroot=/usr {include} -O3 {FEATURES} -include {} {}", prelude.display(), maps.join(" ")),
        ),
        ("BINDGEN_EXTRA_CLANG_ARGS", format!("--target=wasm32-wasi {include}")),
    ])
}
