//! In: secrets that an operator hands over by name. Out: the same, to credentials that say `vault:NAME`.
//! May touch: the folder `vault` inside the state folder, and the master key.
//! Security boundary: yes: nothing of a value is on the disk that the master key does not open, and no file opens under
//! another name than its own.
//!
//! A file for each secret: `mayfly-vault-1`, a line end, 12 random bytes of nonce, then AES-256-GCM of the value. The key is
//! HKDF-SHA256 of the master key; the name is authenticated, so that two files cannot be exchanged. A file is replaced as a
//! whole: whoever reads has the old value or the new one.

use crate::master_key::{KeyError, KeySource, MasterKey};
use crate::secret::Secret;
use crate::settings::Settings;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use mayfly_schemas::limits::{CREDENTIAL_BYTES_MAX, VAULT_SECRETS_MAX};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const HEAD: &[u8] = b"mayfly-vault-1\n";
const INFO: &[u8] = b"mayfly vault 1";
const NAME_BYTES_MAX: usize = 64;

/// The vault of one state folder. Opening it touches nothing.
pub struct Vault {
    state: Option<PathBuf>,
    master: Result<KeySource, KeyError>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("there is no vault without a state folder; name one with `state` in mayfly.toml")]
    NoState,
    #[error(
        "`{0}` is no name of a secret; use 1 to 64 letters, digits, `-`, `_` and `.`, with a letter or digit first"
    )]
    Name(String),
    #[error("the vault has no secret `{0}`; `mayfly secret set {0}` takes it from standard input")]
    Missing(String),
    #[error("the value is empty")]
    Empty,
    #[error("the value is above {CREDENTIAL_BYTES_MAX} bytes")]
    TooLong,
    #[error("the vault has {VAULT_SECRETS_MAX} secrets already; remove one")]
    Full,
    #[error("the secret `{0}` cannot be opened: it was sealed with another master key, or its file was changed")]
    Sealed(String),
    #[error("the file of secret `{0}` cannot be used: {1}")]
    File(String, ErrorKind),
    #[error(transparent)]
    Master(#[from] KeyError),
    #[error("the system gave no randomness")]
    NoRandomness,
}

impl Vault {
    pub fn of(settings: &Settings) -> Vault {
        let state = settings.state.clone();
        let master = KeySource::new(settings.master_key.as_deref(), state.as_deref());
        Vault { state, master }
    }

    /// The file of a secret: its change makes a tenant that uses it a new one.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder().ok()?.join(name))
    }

    pub fn get(&self, name: &str) -> Result<Secret, VaultError> {
        let path = self.folder()?.join(is_name(name)?);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(SEALED_BYTES_MAX).read_to_end(&mut bytes));
        read.map_err(|error| match error.kind() {
            ErrorKind::NotFound => VaultError::Missing(name.to_owned()),
            kind => VaultError::File(name.to_owned(), kind),
        })?;
        open(self.master()?, name, bytes).ok_or_else(|| VaultError::Sealed(name.to_owned()))
    }

    /// Says whether it is new. Makes the master key where that is a file and is not there.
    pub fn set(&self, name: &str, value: &[u8]) -> Result<bool, VaultError> {
        let (folder, name) = (self.folder()?, is_name(name)?);
        match value.len() {
            0 => return Err(VaultError::Empty),
            1..=CREDENTIAL_BYTES_MAX => {}
            _ => return Err(VaultError::TooLong),
        }
        let path = folder.join(name);
        let is_new = !path.exists();
        if is_new && self.list()?.len() >= VAULT_SECRETS_MAX {
            return Err(VaultError::Full);
        }
        let sealed = seal(self.master()?, name, value)?;
        write(&folder, name, &sealed).map_err(|error| VaultError::File(name.to_owned(), error.kind()))?;
        Ok(is_new)
    }

    /// Names, in order.
    pub fn list(&self) -> Result<Vec<String>, VaultError> {
        let entries = match std::fs::read_dir(self.folder()?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(VaultError::File(String::new(), error.kind())),
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| is_name(name).is_ok()).collect();
        names.sort();
        Ok(names)
    }

    pub fn remove(&self, name: &str) -> Result<(), VaultError> {
        let folder = self.folder()?;
        let removed = std::fs::remove_file(folder.join(is_name(name)?)).and_then(|()| File::open(folder)?.sync_all());
        removed.map_err(|error| match error.kind() {
            ErrorKind::NotFound => VaultError::Missing(name.to_owned()),
            kind => VaultError::File(name.to_owned(), kind),
        })
    }

    fn folder(&self) -> Result<PathBuf, VaultError> {
        self.state.as_ref().map(|state| state.join("vault")).ok_or(VaultError::NoState)
    }

    fn master(&self) -> Result<&MasterKey, VaultError> {
        Ok(self.master.as_ref().map_err(Clone::clone)?.key()?)
    }
}

/// A value with what is around it, and one more.
const SEALED_BYTES_MAX: u64 = (CREDENTIAL_BYTES_MAX + 128) as u64;

fn is_name(name: &str) -> Result<&str, VaultError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let first = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    match first && name.len() <= NAME_BYTES_MAX && name.bytes().all(fits) {
        true => Ok(name),
        false => Err(VaultError::Name(name.chars().take(NAME_BYTES_MAX).collect())),
    }
}

/// The vault's own key, of the 32 bytes of the master key.
fn key(master: &MasterKey) -> Option<LessSafeKey> {
    let parts = [INFO];
    let derived = Salt::new(HKDF_SHA256, &[]).extract(master.expose());
    let derived = UnboundKey::from(derived.expand(&parts, &AES_256_GCM).ok()?);
    Some(LessSafeKey::new(derived))
}

/// What is sealed under one name does not open under another.
fn belongs_to(name: &str) -> Aad<&[u8]> {
    Aad::from(name.as_bytes())
}

fn seal(master: &MasterKey, name: &str, value: &[u8]) -> Result<Vec<u8>, VaultError> {
    let failed = || VaultError::Sealed(name.to_owned());
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(|_| VaultError::NoRandomness)?;
    let mut text = Zeroizing::new(value.to_vec());
    let key = key(master).ok_or_else(failed)?;
    let tag = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), belongs_to(name), &mut text);
    let tag = tag.map_err(|_| failed())?;
    Ok([HEAD, &nonce, &text, tag.as_ref()].concat())
}

fn open(master: &MasterKey, name: &str, mut sealed: Vec<u8>) -> Option<Secret> {
    let rest = sealed.get_mut(HEAD.len()..)?;
    let (nonce, text) = rest.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let value = key(master)?.open_in_place(nonce, belongs_to(name), text).ok()?.to_vec();
    let is_ours = sealed.starts_with(HEAD);
    // It was opened in its place.
    zeroize::Zeroize::zeroize(&mut sealed);
    is_ours.then(|| Secret::new(value))
}

fn write(folder: &Path, name: &str, sealed: &[u8]) -> std::io::Result<()> {
    crate::store::make_folder(folder)?;
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let _ = std::fs::remove_file(&draft);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).and_then(|mut file| {
        file.write_all(sealed)?;
        file.sync_all()?;
        std::fs::rename(&draft, folder.join(name))?;
        File::open(folder)?.sync_all()
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}
