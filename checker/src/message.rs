//! In: what is to be checked. Out: frames of it, and of what came of it, between a runtime and its checker.
//! May touch: nothing.
//! Security boundary: yes, on the checker's side: a runtime that was taken over can write anything here. Lengths are looked
//! at before anything is read.

use crate::limits::FRAME_BYTES_MAX;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One script, to be checked against one tenant's tools.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    pub tenant: String,
    /// Of the declarations: [`digest`].
    pub catalogue: String,
    /// TypeScript of the tenant's tools, for a checker that does not have them any more or yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declarations: Option<String>,
    /// TypeScript of the tools of this run alone, which its caller answers: members of the interface `Tools`, and
    /// globals.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub external: String,
    /// The main one first.
    pub modules: Vec<Module>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Module {
    pub name: String,
    pub source: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Told(Verdict),
    /// The same once more, with declarations.
    DeclarationsWanted,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Clean,
    Wrong {
        /// In the order of the source, at least one.
        diagnostics: Vec<Diagnostic>,
        /// How many there are beyond these.
        more: u32,
    },
    /// Why nobody knows.
    NotChecked(String),
}

/// What is wrong at one place of the source as it was sent. Lines and columns count from 1, columns in UTF-16 units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnostic {
    pub module: String,
    pub line: u32,
    pub column: u32,
    /// Behind the last character; on the same line unless what is meant is longer.
    pub end_line: u32,
    pub end_column: u32,
    /// `TS2551`
    pub code: String,
    pub message: String,
    /// What to write instead, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// The line itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// Names a tenant's declarations, in hex.
pub fn digest(declarations: &str) -> String {
    Sha256::digest(declarations).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A length of four bytes, little end first, and as much JSON.
pub async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - 4;
    if length > FRAME_BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidInput, format!("a frame of {length} bytes")));
    }
    let head = u32::try_from(length).map_err(Error::other)?.to_le_bytes();
    frame.iter_mut().zip(head).for_each(|(to, byte)| *to = byte);
    to.write_all(&frame).await
}

/// `None` where the other side has ended.
pub async fn read<M: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<M>> {
    let length = match from.read_u32_le().await {
        Ok(length) => length as usize,
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > FRAME_BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidData, format!("a frame of {length} bytes")));
    }
    // Grows with what arrives, not with what was announced.
    let mut frame = Vec::new();
    from.take(length as u64).read_to_end(&mut frame).await?;
    if frame.len() < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(serde_json::from_slice(&frame)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    #[test]
    fn what_is_written_is_read() {
        block(async {
            let (mut near, mut far) = tokio::io::duplex(1 << 16);
            let answer = Answer::Told(Verdict::NotChecked("why".into()));
            write(&mut near, &answer).await.unwrap();
            assert_eq!(read::<Answer>(&mut far).await.unwrap(), Some(answer));
            drop(near);
            assert_eq!(read::<Answer>(&mut far).await.unwrap(), None);
        });
    }

    #[test]
    fn a_length_is_no_reason_to_allocate_and_a_frame_that_breaks_off_is_none() {
        block(async {
            for bytes in [&[255, 255, 255, 255, 1][..], &[200, 0, 0, 0, b'"', b'C'], &[2, 0, 0, 0, b'{', b'}']] {
                assert!(read::<Answer>(&mut &bytes[..]).await.is_err(), "{bytes:?}");
            }
        });
    }
}
