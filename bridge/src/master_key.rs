//! In: where the master key is. Out: the key, from which those of tenants are derived.
//! May touch: the named file, variable or credential of the service manager; the file in the state folder, which it makes.
//! Security boundary: yes; a key that is not there, or not one, is an error and never an empty key.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
/// Of a file or variable: a key in hexadecimal, and a line end.
const TEXT_BYTES_MAX: u64 = 256;
const FILE: &str = "master.key";

/// 32 bytes that nobody may see.
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    pub fn expose(&self) -> &[u8] {
        &*self.0
    }
}

#[cfg(test)]
impl From<[u8; KEY_BYTES]> for MasterKey {
    fn from(bytes: [u8; KEY_BYTES]) -> MasterKey {
        MasterKey(Zeroizing::new(bytes))
    }
}

/// Why there is no key; says where it was sought, never what was found there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("`master_key` names no source; write file:PATH, env:NAME, or credential:NAME for one of systemd's")]
    Unknown,
    #[error("the master key: {0} is not set")]
    Unset(String),
    #[error("the master key: {0}: {1}")]
    Unreadable(String, String),
    #[error("the master key: {0} is not 32 bytes in hexadecimal or base64; `openssl rand -hex 32` makes one")]
    NoKey(String),
    #[error("this bridge has no `state` folder and no master key")]
    Nowhere,
}

/// Where the key of a bridge comes from; read when it is first needed.
pub struct KeySource {
    place: Option<Place>,
    key: OnceLock<MasterKey>,
    /// Whoever reads or makes it, for all threads.
    reading: Mutex<()>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Env(String),
    Credential(String),
    /// Of the state folder; made when it is not there.
    Own(PathBuf),
}

impl KeySource {
    /// `asked`: `master_key` of mayfly.toml; paths in it are whole by now.
    pub fn new(asked: Option<&str>, state: Option<&Path>) -> Result<KeySource, KeyError> {
        let place = match asked.map(|asked| asked.split_once(':')) {
            None => state.map(|state| Place::Own(state.join(FILE))),
            Some(Some(("file", path))) if !path.is_empty() => Some(Place::File(path.into())),
            Some(Some(("env", name))) if !name.is_empty() => Some(Place::Env(name.to_owned())),
            Some(Some(("credential", name))) if !name.is_empty() && !name.contains('/') => {
                Some(Place::Credential(name.to_owned()))
            }
            Some(_) => return Err(KeyError::Unknown),
        };
        Ok(KeySource { place, key: OnceLock::new(), reading: Mutex::default() })
    }

    pub fn key(&self) -> Result<&MasterKey, KeyError> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let _one_at_a_time = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let read = match self.place.as_ref().ok_or(KeyError::Nowhere)? {
            Place::File(path) => from_file(path)?,
            Place::Env(name) => {
                let value = std::env::var(name).map_err(|_| KeyError::Unset(format!("variable {name}")))?;
                parse(&Zeroizing::new(value), &format!("variable {name}"))?
            }
            Place::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| KeyError::Unset("CREDENTIALS_DIRECTORY, which systemd sets,".to_owned()))?;
                from_file(&Path::new(&folder).join(name))?
            }
            Place::Own(path) => match from_file(path) {
                Err(KeyError::Unreadable(_, why)) if why == ErrorKind::NotFound.to_string() => make(path)?,
                read => read?,
            },
        };
        Ok(self.key.get_or_init(|| read))
    }
}

fn from_file(path: &Path) -> Result<MasterKey, KeyError> {
    let place = path.display().to_string();
    let mut text = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| file.take(TEXT_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| KeyError::Unreadable(place.clone(), error.kind().to_string()))?;
    parse(&text, &place)
}

fn parse(text: &str, place: &str) -> Result<MasterKey, KeyError> {
    use base64::Engine;
    let text = text.trim();
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let no_key = || KeyError::NoKey(place.to_owned());
    if text.len() == 2 * KEY_BYTES {
        for (at, byte) in key.iter_mut().enumerate() {
            let digits = text.get(2 * at..2 * at + 2).ok_or_else(no_key)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| no_key())?;
        }
        return Ok(MasterKey(key));
    }
    let bytes = Zeroizing::new(base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| no_key())?);
    if bytes.len() != KEY_BYTES {
        return Err(no_key());
    }
    key.copy_from_slice(&bytes);
    Ok(MasterKey(key))
}

/// Made for this user alone, on the disk before anything is sealed with it, and whole before it has its name: of two
/// processes that make one, the second takes the first one's.
fn make(path: &Path) -> Result<MasterKey, KeyError> {
    let unreadable = |error: std::io::Error| KeyError::Unreadable(path.display().to_string(), error.to_string());
    let folder = path.parent().unwrap_or(Path::new("."));
    crate::store::make_folder(folder).map_err(unreadable)?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(&mut *key).map_err(|error| unreadable(std::io::Error::other(error)))?;
    let text: Zeroizing<String> = Zeroizing::new(key.iter().map(|byte| format!("{byte:02x}")).collect());
    let draft = path.with_extension(format!("key.{}", std::process::id()));
    let written =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        });
    let linked = written.and_then(|()| std::fs::hard_link(&draft, path));
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(unreadable)?;
            tracing::info!(file = %path.display(), "a master key was made; what is sealed with it cannot be read without it");
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(unreadable(error)),
    }
    from_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_read_again() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let source = || KeySource::new(None, Some(&state)).unwrap();
        let first = source().key().unwrap().expose().to_vec();
        assert_ne!(first, [0; 32]);
        assert_eq!(source().key().unwrap().expose(), first);
        let mode = std::fs::metadata(state.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1, "nothing is left of making it");
    }

    #[test]
    fn of_many_who_need_a_key_all_get_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let source = KeySource::new(None, Some(folder.path())).unwrap();
        let keys: std::collections::HashSet<Vec<u8>> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| source.key().unwrap().expose().to_vec())).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn a_key_is_thirty_two_bytes_in_one_of_two_forms() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let of = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let asked = format!("file:{}", file.display());
            let source = KeySource::new(Some(&asked), None).unwrap();
            source.key().map(|key| key.expose().to_vec())
        };
        assert_eq!(of(&"ab".repeat(32)), Ok(vec![0xab; 32]));
        assert_eq!(of(&format!("{}\n", "AB".repeat(32))), Ok(vec![0xab; 32]));
        assert_eq!(of("q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n"), Ok(vec![0xab; 32]));
        for wrong in ["", "ab", &"ab".repeat(31), &"xy".repeat(32), "q6ur"] {
            assert!(matches!(of(wrong), Err(KeyError::NoKey(_))), "{wrong}");
        }
        std::fs::remove_file(&file).unwrap();
        let missing = KeySource::new(Some("file:/nowhere/key"), None).unwrap();
        assert!(matches!(missing.key(), Err(KeyError::Unreadable(..))));
        for unknown in ["", "key", "file:", "vault:key", "credential:../key"] {
            assert!(matches!(KeySource::new(Some(unknown), None), Err(KeyError::Unknown)), "{unknown}");
        }
        assert!(matches!(KeySource::new(None, None).unwrap().key(), Err(KeyError::Nowhere)));
        assert!(matches!(KeySource::new(Some("env:MAYFLY_NO_SUCH"), None).unwrap().key(), Err(KeyError::Unset(_))));
    }
}
