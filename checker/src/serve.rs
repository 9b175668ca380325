//! In: a connection. Out: on the one side verdicts for asks, on the other asks for verdicts.
//! May touch: the connection.
//! Security boundary: yes, on the checker's side: `message.rs` bounds what comes.

use crate::limits::ANSWER_MS;
use crate::message::{self, Answer, Ask, Verdict};
use crate::service::Checker;
use std::io::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::net::UnixStream;

/// Answers one ask after the other, until the other side ends. One that ends while it waits has its check ended.
pub async fn connection(checker: &Checker, mut stream: UnixStream) -> Result<()> {
    while let Some(ask) = message::read::<Ask>(&mut stream).await? {
        let answer = tokio::select! {
            answer = checker.check(&ask) => answer,
            () = gone(&stream) => return Ok(()),
        };
        message::write(&mut stream, &answer).await?;
    }
    Ok(())
}

/// Comes back when the other side has ended; also when it sends something, for nothing may come before the answer.
async fn gone(stream: &UnixStream) {
    // Being told that there may be something to read does not mean that there is.
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}

/// One check over a connection on which nothing else is going on.
pub async fn ask(stream: &mut UnixStream, mut ask: Ask, declarations: &str) -> Result<Verdict> {
    let asking = async {
        loop {
            message::write(stream, &ask).await?;
            match message::read::<Answer>(stream).await? {
                Some(Answer::Told(verdict)) => return Ok(verdict),
                Some(Answer::DeclarationsWanted) if ask.declarations.is_none() => {
                    ask.declarations = Some(declarations.to_owned());
                }
                Some(Answer::DeclarationsWanted) => return Err(Error::from(ErrorKind::InvalidData)),
                None => return Err(Error::from(ErrorKind::UnexpectedEof)),
            }
        }
    };
    tokio::time::timeout(Duration::from_millis(ANSWER_MS), asking).await?
}
