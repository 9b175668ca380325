//! In: where the master key is (`file:PATH`, `env:NAME`, `credential:NAME`). Out: its 32 bytes, wiped when dropped.
//! May touch: that file or variable; makes the file when it is first needed.
//! Security boundary: yes; whoever has this key and the state folder has the secrets in it.
//!
//! It is written as 64 hexadecimal digits. `credential:NAME` is a file that systemd hands to its services
//! (`LoadCredential=`), which no other process can read.

use mayfly_schemas::limits::CREDENTIAL_BYTES_MAX;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub type Key = Zeroizing<[u8; 32]>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKey {
    File(PathBuf),
    Env(String),
    Credential(String),
}

/// Without the key: words and places alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterError {
    #[error("`master_key` names no source; write file:PATH, env:NAME or credential:NAME")]
    Unknown,
    #[error("the master key {0} is not there")]
    Missing(String),
    #[error("the master key {0} cannot be used: {1}")]
    Unreadable(String, ErrorKind),
    #[error("the master key {0} is not 64 hexadecimal digits")]
    Malformed(String),
    #[error("the system gave no randomness for a master key")]
    NoRandomness,
}

impl MasterKey {
    /// Relative paths start at `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<MasterKey, MasterError> {
        let plain = |name: &str| !name.is_empty() && !name.contains(['=', '\0', '/']);
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(MasterKey::File(folder.join(path))),
            Some(("env", name)) if plain(name) => Ok(MasterKey::Env(name.to_owned())),
            Some(("credential", name)) if plain(name) => Ok(MasterKey::Credential(name.to_owned())),
            _ => Err(MasterError::Unknown),
        }
    }

    /// The one that a state folder has when nobody says.
    pub fn in_folder(state: &Path) -> MasterKey {
        MasterKey::File(state.join("master.key"))
    }

    pub fn read(&self) -> Result<Key, MasterError> {
        let text = match self {
            MasterKey::Env(name) => {
                let value = std::env::var_os(name).ok_or_else(|| MasterError::Missing(self.place()))?;
                Zeroizing::new(value.into_encoded_bytes())
            }
            MasterKey::File(path) => self.read_file(path)?,
            MasterKey::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
                let folder = folder.ok_or_else(|| MasterError::Missing(self.place()))?;
                self.read_file(&Path::new(&folder).join(name))?
            }
        };
        parse(&text).ok_or_else(|| MasterError::Malformed(self.place()))
    }

    /// The same; a file that is not there is made, for this user alone. Of two who make it at once, both get the first one's.
    pub fn read_or_make(&self) -> Result<Key, MasterError> {
        match (self.read(), self) {
            (Err(MasterError::Missing(_)), MasterKey::File(path)) => {
                make(path).map_err(|error| match error {
                    Some(error) => MasterError::Unreadable(self.place(), error.kind()),
                    None => MasterError::NoRandomness,
                })?;
                self.read()
            }
            (read, _) => read,
        }
    }

    fn read_file(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, MasterError> {
        let mut text = Zeroizing::new(Vec::with_capacity(CREDENTIAL_BYTES_MAX));
        let opened = File::open(path).and_then(|file| file.take(CREDENTIAL_BYTES_MAX as u64).read_to_end(&mut text));
        match opened {
            Ok(_) => Ok(text),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(MasterError::Missing(self.place())),
            Err(error) => Err(MasterError::Unreadable(self.place(), error.kind())),
        }
    }

    fn place(&self) -> String {
        match self {
            MasterKey::File(path) => path.display().to_string(),
            MasterKey::Env(name) => format!("in the environment variable {name}"),
            MasterKey::Credential(name) => format!("in the credential {name} of this service"),
        }
    }
}

/// In a file of its own until it is whole: a key that is half written would lock everything up for good.
fn make(path: &Path) -> Result<(), Option<std::io::Error>> {
    let mut key = Key::default();
    getrandom::fill(key.as_mut()).map_err(|_| None)?;
    let text = Zeroizing::new(crate::tokens::hex(key.as_ref()) + "\n");
    let folder = path.parent().unwrap_or(Path::new("."));
    crate::store::make_folder(folder).map_err(Some)?;
    let draft = folder.join(format!(".{}.{}", std::process::id(), "master.key"));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // Fails where there is one by now, which is as good.
        match std::fs::hard_link(&draft, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => File::open(folder)?.sync_all(),
        }
    });
    let _ = std::fs::remove_file(&draft);
    written.map_err(Some)
}

fn parse(text: &[u8]) -> Option<Key> {
    let text = std::str::from_utf8(text).ok()?.trim();
    crate::tokens::parse_hash(text).map(Zeroizing::new)
}
