//! In: what the operator configured, and the PATH. Out: the native compiler, or why there is none and how to add it.
//! May touch: file names, and the `package.json` beside a compiler.
//! Security boundary: no; who sets the PATH of a server decides what it runs.

use serde::Deserialize;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The one version whose protocol is spoken here: TypeScript calls it unstable, so no other is tried.
pub const VERSION: &str = "7.0.2";

/// A compiler that is there: the native program, with its `lib.*.d.ts` beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    pub program: PathBuf,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    #[error("the type checker is not installed: `npm install --global typescript@{VERSION}` adds it")]
    Nowhere,
    #[error("{0}: no TypeScript {VERSION} is there: `npm install --global typescript@{VERSION}` adds it")]
    NotThere(String),
    #[error("{0} is TypeScript {1}, the type checker is {VERSION}: `npm install --global typescript@{VERSION}`")]
    OtherVersion(String, String),
}

/// `named` is what `MAYFLY_TSC` or the configuration says; without it `tsc` is looked for on the PATH.
pub fn discover(named: Option<&Path>, path: Option<&OsStr>) -> Result<Installed, Absent> {
    if let Some(named) = named {
        return native(named).unwrap_or_else(|| Err(Absent::NotThere(named.display().to_string())));
    }
    let mut other = None;
    for folder in path.map(std::env::split_paths).into_iter().flatten() {
        match native(&folder.join("tsc")) {
            Some(Ok(installed)) => return Ok(installed),
            Some(Err(absent)) => other = other.or(Some(absent)),
            None => {}
        }
    }
    Err(other.unwrap_or(Absent::Nowhere))
}

/// The native program behind a file: npm puts a launcher for Node in front of it, as a link, a copy or a shell script. Node
/// itself is not needed. `None` where there is no such file.
fn native(file: &Path) -> Option<Result<Installed, Absent>> {
    let real = file.canonicalize().ok().filter(|real| real.is_file())?;
    if let Some(version) = version_of(&real) {
        return Some(of_version(&real, version));
    }
    let package = format!("@typescript/typescript-linux-{}", architecture());
    for folder in real.ancestors().chain(file.ancestors()) {
        for packages in [folder.join("node_modules"), folder.to_owned()] {
            let program = packages.join(&package).join("lib/tsc");
            if let Some(version) = version_of(&program) {
                return Some(of_version(&program, version));
            }
        }
    }
    // A launcher of an older TypeScript, which has no native program.
    let version = real.ancestors().find_map(|folder| manifest(&folder.join("package.json"), "typescript"));
    version.map(|version| Err(Absent::OtherVersion(file.display().to_string(), version)))
}

fn of_version(program: &Path, version: String) -> Result<Installed, Absent> {
    let shown = || program.display().to_string();
    match version == VERSION {
        // Links would lead the compiler to its libraries by another name than ours.
        true => program
            .canonicalize()
            .map(|program| Installed { program })
            .map_err(|error| Absent::NotThere(format!("{}: {error}", shown()))),
        false => Err(Absent::OtherVersion(shown(), version)),
    }
}

/// Of a native program: it lies in `lib` of its package.
fn version_of(program: &Path) -> Option<String> {
    let lib = program.parent()?;
    if !program.is_file() || !lib.join("lib.es5.d.ts").is_file() {
        return None;
    }
    manifest(&lib.parent()?.join("package.json"), "@typescript/typescript-")
}

fn manifest(file: &Path, name: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Manifest {
        name: String,
        version: String,
    }
    let manifest: Manifest = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    manifest.name.starts_with(name).then_some(manifest.version)
}

/// In npm's words.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// As npm lays it out.
    fn install(folder: &Path, version: &str) {
        let package = folder.join(format!("node_modules/@typescript/typescript-linux-{}", architecture()));
        let files = [
            ("lib/tsc", String::new()),
            ("lib/lib.es5.d.ts", String::new()),
            ("package.json", format!(r#"{{"name":"@typescript/typescript-linux-x64","version":"{version}"}}"#)),
        ];
        for (name, text) in files {
            let file = package.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        launcher(folder, version);
    }

    fn launcher(folder: &Path, version: &str) {
        let typescript = folder.join("node_modules/typescript");
        std::fs::create_dir_all(typescript.join("bin")).unwrap();
        std::fs::create_dir_all(folder.join("node_modules/.bin")).unwrap();
        std::fs::write(typescript.join("bin/tsc"), "#!/usr/bin/env node").unwrap();
        let manifest = format!(r#"{{"name":"typescript","version":"{version}"}}"#);
        std::fs::write(typescript.join("package.json"), manifest).unwrap();
        symlink("../typescript/bin/tsc", folder.join("node_modules/.bin/tsc")).unwrap();
    }

    #[test]
    fn the_native_program_is_found_behind_npms_launcher() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), VERSION);
        let bin = folder.path().join("node_modules/.bin");
        let found = discover(None, Some(bin.as_os_str())).unwrap();
        assert!(found.program.ends_with("lib/tsc"), "{found:?}");
        for named in [bin.join("tsc"), found.program.clone()] {
            assert_eq!(discover(Some(&named), None), Ok(found.clone()), "{named:?}");
        }
    }

    #[test]
    fn what_is_missing_or_another_version_says_how_to_add_it() {
        let (empty, old, newer) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        launcher(old.path(), "5.9.3");
        install(newer.path(), "7.1.0");
        let told =
            |folder: &Path| discover(None, Some(folder.join("node_modules/.bin").as_os_str())).unwrap_err().to_string();
        assert!(told(empty.path()).contains("npm install --global typescript@7.0.2"));
        assert!(told(old.path()).contains("is TypeScript 5.9.3"), "{}", told(old.path()));
        assert!(told(newer.path()).contains("is TypeScript 7.1.0"), "{}", told(newer.path()));
        let named = discover(Some(Path::new("/nowhere/tsc")), None).unwrap_err().to_string();
        assert!(named.starts_with("/nowhere/tsc: no TypeScript 7.0.2 is there"), "{named}");
    }
}
