//! In: where a credential's value is (`env:NAME`, `file:PATH`, `vault:NAME`). Out: the value, in a type that does not print.
//! May touch: the environment, the named file and the vault, when a tenant file is loaded.
//! Security boundary: yes; the only place where a secret becomes a value of this program.

use crate::vault::{Vault, VaultError};
use mayfly_schemas::limits::CREDENTIAL_BYTES_MAX;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Bytes nobody may see: no Debug, no Display, no Serialize; wiped when dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// The same once more.
    pub fn again(&self) -> Secret {
        Secret(self.0.clone())
    }

    /// For `sign.rs`, which sends it, and `scrub.rs`, which looks for it.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Env(String),
    File(PathBuf),
    /// The local encrypted vault.
    Vault(String),
}

/// Why there is no value; says where it was sought, never what was found there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Without the text: it may be the secret itself.
    #[error("`from` names no source of a credential")]
    Unknown,
    #[error("`{0}:` credentials are not in this version")]
    Later(String),
    #[error("environment variable {0} is not set")]
    Unset(String),
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, std::io::ErrorKind),
    #[error("{0} is empty")]
    Empty(String),
    #[error("{0} is above {CREDENTIAL_BYTES_MAX} bytes")]
    TooLong(String),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl SourceError {
    pub fn hint(&self) -> &'static str {
        match self {
            SourceError::Unknown | SourceError::Later(_) => {
                "write env:NAME, file:PATH, vault:NAME, or run where each run brings its own"
            }
            SourceError::Vault(_) => "`mayfly secret list` says what is in the vault",
            SourceError::Unset(_) => "set it for the process that starts the bridge",
            _ => "put the credential's value there and nothing else",
        }
    }
}

impl Source {
    pub fn parse(text: &str, folder: &Path) -> Result<Source, SourceError> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0']) => Ok(Source::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Source::File(folder.join(path))),
            Some(("vault", name)) if !name.is_empty() => Ok(Source::Vault(name.to_owned())),
            Some((kind @ "openbao", _)) => Err(SourceError::Later(kind.to_owned())),
            _ => Err(SourceError::Unknown),
        }
    }

    /// The file whose change may change the value.
    pub fn file(&self, vault: &Vault) -> Option<PathBuf> {
        match self {
            Source::Env(_) => None,
            Source::File(path) => Some(path.clone()),
            Source::Vault(name) => vault.file(name),
        }
    }

    /// The value without the line end that editors leave behind it.
    pub fn read(&self, vault: &Vault) -> Result<Secret, SourceError> {
        let (bytes, place) = match self {
            Source::Env(name) => {
                let value = std::env::var_os(name).ok_or_else(|| SourceError::Unset(name.clone()))?;
                (value.into_encoded_bytes(), format!("environment variable {name}"))
            }
            Source::File(path) => (read_file(path)?, path.display().to_string()),
            // Its line end went when it was set.
            Source::Vault(name) => return Ok(vault.get(name)?),
        };
        let mut secret = Zeroizing::new(bytes);
        while secret.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            secret.pop();
        }
        match secret.len() {
            0 => Err(SourceError::Empty(place)),
            1..=CREDENTIAL_BYTES_MAX => Ok(Secret(secret)),
            _ => Err(SourceError::TooLong(place)),
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, SourceError> {
    use std::io::Read;
    let unreadable = |error: std::io::Error| SourceError::Unreadable(path.display().to_string(), error.kind());
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(CREDENTIAL_BYTES_MAX as u64 + 3).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
