//! In: the engine's Wasm. Out: its native code, compiled once per machine and mapped from a private cache afterwards.
//! May touch: the cache directory; nothing after start-up.
//! Security boundary: yes. A forged file *is* native code, so directory, owner, mode and MAC are checked on the very
//! file descriptor that is then mapped.
#![allow(unsafe_code)] // `Module::deserialize_open_file`: see `map`.

use super::EngineError;
use hmac::{Hmac, Mac};
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use wasmtime::Module;

type HmacSha256 = Hmac<Sha256>;

/// Loads `wasm` from the cache, or compiles it and puts it there. Where no private directory can be had it compiles
/// each time and says so: slower, never less safe.
pub fn load(
    engine: &wasmtime::Engine,
    what: &str,
    wasm: impl Fn() -> Result<Vec<u8>, EngineError>,
    digest: &str,
) -> Result<Module, EngineError> {
    let cache = match Cache::open() {
        Ok(cache) => cache,
        Err(reason) => {
            tracing::warn!(%reason, "no cache for native code: compiling at every start");
            return uncached(engine, &wasm()?);
        }
    };
    let name = format!("{what}-{}", key(engine, digest));
    if let Some(module) = cache.map(engine, &name) {
        return Ok(module);
    }
    tracing::info!(what, "compiling to native code, once for this machine");
    let code = engine.precompile_module(&wasm()?)?;
    if let Err(reason) = cache.put(&name, &code) {
        tracing::warn!(%reason, "native code was not cached");
    }
    match cache.map(engine, &name) {
        Some(module) => Ok(module),
        None => uncached(engine, &wasm()?),
    }
}

/// No file backs the image of its memory. One is made now: after the lock-down there is no `memfd_create`.
fn uncached(engine: &wasmtime::Engine, wasm: &[u8]) -> Result<Module, EngineError> {
    let module = Module::from_binary(engine, wasm)?;
    module.initialize_copy_on_write_image()?;
    Ok(module)
}

/// Engine digest, wasmtime version, target, CPU features and settings: code made for another of these has another name.
fn key(engine: &wasmtime::Engine, digest: &str) -> String {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0 // never asked for: the digest is taken whole
        }
    }
    let mut hasher = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.write(digest.as_bytes());
    hasher.0.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

struct Cache {
    folder: PathBuf,
    key: [u8; 32],
}

impl Cache {
    fn open() -> Result<Cache, String> {
        let folder = folder().ok_or("neither MAYFLY_CACHE_DIR, XDG_CACHE_HOME nor HOME is set")?;
        let at = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(at)?;
        let metadata = std::fs::symlink_metadata(&folder).map_err(at)?;
        if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
            return Err(format!("{} must be a directory of this user alone (mode 0700)", folder.display()));
        }
        let key = mac_key(&folder.join("key")).map_err(at)?;
        Ok(Cache { folder, key })
    }

    /// The module, if the file is there and its MAC is right. Anything else means: compile again.
    fn map(&self, engine: &wasmtime::Engine, name: &str) -> Option<Module> {
        let mut file = open_private(&self.folder.join(name)).ok()?;
        let mut tag = Vec::new();
        open_private(&self.folder.join(format!("{name}.mac"))).ok()?.take(64).read_to_end(&mut tag).ok()?;
        let mut code = Vec::new();
        file.read_to_end(&mut code).ok()?;
        if self.mac(name, &code)?.verify_slice(&tag).is_err() {
            tracing::warn!(name, "cached native code is not what was written: compiling again");
            return None;
        }
        file.rewind().ok()?;
        // SAFETY: deserialising runs whatever the file holds. These bytes were written by this program, as a MAC over
        // them shows whose key only this user can read, in a directory only this user can write; the descriptor that
        // was read is the one that is mapped. Someone who can change the file in between runs as this user already.
        unsafe { Module::deserialize_open_file(engine, file) }
            .inspect_err(|reason| tracing::warn!(%reason, name, "cached native code does not load: compiling again"))
            .ok()
    }

    fn put(&self, name: &str, code: &[u8]) -> std::io::Result<()> {
        let mac = self.mac(name, code).ok_or(std::io::ErrorKind::InvalidInput)?;
        self.write(&format!("{name}.mac"), &mac.finalize().into_bytes())?;
        self.write(name, code)
    }

    /// Whole or not at all, also when two processes start at once.
    fn write(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let temporary = self.folder.join(format!("{name}.{}", std::process::id()));
        let _ = std::fs::remove_file(&temporary);
        create_private(&temporary)?.write_all(bytes)?;
        std::fs::rename(&temporary, self.folder.join(name))
    }

    fn mac(&self, name: &str, code: &[u8]) -> Option<HmacSha256> {
        let mut mac = HmacSha256::new_from_slice(&self.key).ok()?;
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(code);
        Some(mac)
    }
}

/// The folder of the cache, made if it can be: for who takes every other folder away from this process.
pub fn cache_folder() -> Option<PathBuf> {
    Cache::open().ok().map(|cache| cache.folder)
}

fn folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("MAYFLY_CACHE_DIR")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("mayfly")))
        .or_else(|| variable("HOME").map(|folder| folder.join(".cache/mayfly")))
}

/// The key of this cache, made at its first use.
fn mac_key(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|_| std::io::ErrorKind::Other)?;
    let temporary = path.with_extension(std::process::id().to_string());
    let _ = std::fs::remove_file(&temporary);
    create_private(&temporary)?.write_all(&key)?;
    // A hard link fails when the name is taken: the first process wins and the others read its key.
    let _ = std::fs::hard_link(&temporary, path);
    std::fs::remove_file(&temporary)?;
    open_private(path)?.read_exact(&mut key)?;
    Ok(key)
}

fn create_private(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?))
}

fn open_private(path: &Path) -> std::io::Result<File> {
    let file = File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?);
    let metadata = file.metadata()?;
    let private = metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o077 == 0;
    if private { Ok(file) } else { Err(std::io::ErrorKind::PermissionDenied.into()) }
}
