//! In: JSON-RPC messages to the compiler. Out: its own, between headers as the Language Server Protocol has them.
//! May touch: two pipes.
//! Security boundary: yes: what comes from the compiler was made from hostile text. Nothing is longer than its bound.

use crate::limits::{COMPILER_HEADER_BYTES_MAX, COMPILER_MESSAGE_BYTES_MAX};
use serde::Serialize;
use std::io::{Error, ErrorKind, Result};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> Result<()> {
    let body = serde_json::to_vec(message)?;
    let mut bytes = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(&body);
    to.write_all(&bytes).await
}

/// One message's JSON.
pub async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Vec<u8>> {
    let wrong = |what: &str| Error::new(ErrorKind::InvalidData, format!("the compiler sent {what}"));
    let mut length = None;
    loop {
        let mut line = Vec::new();
        (&mut *from).take(COMPILER_HEADER_BYTES_MAX as u64).read_until(b'\n', &mut line).await?;
        match line.as_slice() {
            b"\r\n" => break,
            [] => return Err(ErrorKind::UnexpectedEof.into()),
            line => {
                let line = std::str::from_utf8(line).map_err(|_| wrong("no header"))?;
                let Some((name, value)) = line.split_once(':') else { return Err(wrong("no header")) };
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse::<usize>().ok();
                }
            }
        }
    }
    let length = length.filter(|length| *length <= COMPILER_MESSAGE_BYTES_MAX).ok_or_else(|| wrong("no length"))?;
    let mut body = Vec::new();
    from.take(length as u64).read_to_end(&mut body).await?;
    match body.len() == length {
        true => Ok(body),
        false => Err(ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    #[test]
    fn messages_go_there_and_back() {
        block(async {
            let mut bytes = Vec::new();
            write(&mut bytes, &"ä").await.unwrap();
            assert_eq!(bytes, "Content-Length: 4\r\n\r\n\"ä\"".as_bytes());
            assert_eq!(read(&mut bytes.as_slice()).await.unwrap(), "\"ä\"".as_bytes());
        });
    }

    #[test]
    fn what_is_no_message_is_an_error_and_no_allocation() {
        for bytes in [
            "",
            "Content-Length: 9999999999\r\n\r\n",
            "Content-Length: -1\r\n\r\n",
            "Content-Length: 10\r\n\r\n{}",
            "\r\n",
            &"x".repeat(100_000),
        ] {
            assert!(block(read(&mut bytes.as_bytes())).is_err(), "{bytes:.40}");
        }
    }
}
