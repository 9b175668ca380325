//! In: messages between the supervisor and its runtime, with descriptors. Out: the same on the other side.
//! May touch: one pair of sockets, of which the runtime's end is its standard input.
//! Security boundary: yes, towards the supervisor: a runtime that was taken over can say anything here. Its messages are
//! short, are read without descriptors, and the supervisor never waits for it to read.

use mayfly::config::{Keeping, Pauses};
use mayfly::limits::RUNTIME_MESSAGE_BYTES_MAX;
use mayfly::lockdown::Mode;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{Error, IoSlice, IoSliceMut, Result};
use std::mem::MaybeUninit;
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// What the supervisor says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToRuntime {
    /// First, with the listening socket, and a second one if `admin`.
    /// `no_checker` says why there is none.
    Start { lockdown: Mode, admin: bool, pauses: Pauses, keeping: Keeping, no_checker: Option<String> },
    /// With a connection, the answer to one `Connect` or `ConnectChecker`.
    Connection,
    /// The answer where there is none.
    NoConnection { reason: String },
    /// Finish what has begun, then end.
    Drain,
}

/// What the runtime says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToSupervisor {
    /// Once: it is locked down and accepts.
    Ready { workers: usize, lockdown: String },
    /// It needs a connection to the bridge.
    Connect,
    /// It needs a connection to the checker.
    ConnectChecker,
}

/// What the supervisor says to the checker.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToChecker {
    /// With a connection, whose other end a runtime has.
    Connection,
}

/// At most this many descriptors come with one message.
const DESCRIPTORS_MAX: usize = 2;

/// One end. Messages keep their borders, as those of datagrams do, and the other side's end is told, as with streams: the
/// kernel calls it SEQPACKET, and the executor knows no type of its own for it.
pub struct Channel(UnixDatagram);

/// Both ends: ours, and the one that becomes a child's standard input.
pub fn pair() -> Result<(Channel, OwnedFd)> {
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, kind, flags, None)?;
    Ok((Channel::new(ours)?, theirs))
}

impl Channel {
    /// The end that our parent gave us, if it gave one.
    pub fn to_parent() -> Result<Channel> {
        if rustix::net::sockopt::socket_type(std::io::stdin())? != SocketType::SEQPACKET {
            return Err(Errno::PROTOTYPE.into());
        }
        Channel::new(std::io::stdin().as_fd().try_clone_to_owned()?)
    }

    fn new(end: OwnedFd) -> Result<Channel> {
        let end = std::os::unix::net::UnixDatagram::from(end);
        end.set_nonblocking(true)?;
        Ok(Channel(UnixDatagram::from_std(end)?))
    }

    /// At once or not at all: there is room unless the other side does not read.
    pub fn send(&self, message: &impl Serialize, descriptors: &[BorrowedFd]) -> Result<()> {
        let bytes = serde_json::to_vec(message)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(Errno::TOOBIG.into());
        }
        rustix::net::sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next message; descriptors that came with it are dropped by the kernel.
    pub async fn receive<M: DeserializeOwned>(&self) -> Result<Option<M>> {
        let mut buffer = [0; RUNTIME_MESSAGE_BYTES_MAX];
        let receive = || Ok(rustix::net::recv(&self.0, &mut buffer[..], RecvFlags::TRUNC)?.1);
        let length = self.0.async_io(Interest::READABLE, receive).await?;
        parse(&buffer, length)
    }

    /// The next message and its descriptors.
    pub async fn receive_with_descriptors<M: DeserializeOwned>(&self) -> Result<Option<(M, Vec<OwnedFd>)>> {
        let mut buffer = [0; RUNTIME_MESSAGE_BYTES_MAX];
        let receive = || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::TRUNC | RecvFlags::CMSG_CLOEXEC;
            let received = rustix::net::recvmsg(&self.0, &mut [IoSliceMut::new(&mut buffer)], &mut control, flags)?;
            let mut descriptors = Vec::new();
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(rights) = message {
                    descriptors.extend(rights);
                }
            }
            Ok((received.bytes, descriptors))
        };
        let (length, descriptors) = self.0.async_io(Interest::READABLE, receive).await?;
        Ok(parse(&buffer, length)?.map(|message| (message, descriptors)))
    }
}

/// A length of 0 is the end: no message is empty. One longer than the buffer was cut, and is refused.
fn parse<M: DeserializeOwned>(buffer: &[u8], length: usize) -> Result<Option<M>> {
    match buffer.get(..length) {
        Some([]) => Ok(None),
        Some(message) => Ok(Some(serde_json::from_slice(message)?)),
        None => Err(Error::other(format!("a message of {length} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_pair<F: Future<Output = ()>>(test: impl FnOnce(Channel, Channel) -> F) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, theirs) = pair().unwrap();
            test(ours, Channel::new(theirs).unwrap()).await;
        });
    }

    #[test]
    fn messages_keep_their_borders_and_their_descriptors() {
        with_pair(|ours, theirs| async move {
            let (read, write) = std::io::pipe().unwrap();
            ours.send(&ToRuntime::Drain, &[]).unwrap();
            ours.send(&ToRuntime::Connection, &[write.as_fd()]).unwrap();
            drop((ours, write));
            let (message, descriptors) = theirs.receive_with_descriptors::<ToRuntime>().await.unwrap().unwrap();
            assert_eq!((message, descriptors.len()), (ToRuntime::Drain, 0));
            let (message, descriptors) = theirs.receive_with_descriptors::<ToRuntime>().await.unwrap().unwrap();
            assert_eq!((message, descriptors.len()), (ToRuntime::Connection, 1));
            assert!(theirs.receive_with_descriptors::<ToRuntime>().await.unwrap().is_none());
            // The pipe's other end is what came through.
            drop(descriptors);
            assert_eq!(std::io::read_to_string(read).unwrap(), "");
        });
    }

    #[test]
    fn what_a_runtime_may_not_say_is_an_error_and_no_wait() {
        with_pair(|ours, theirs| async move {
            theirs.send(&"x".repeat(RUNTIME_MESSAGE_BYTES_MAX), &[]).unwrap();
            assert!(ours.receive::<ToSupervisor>().await.is_err());
            theirs.send(&"anything", &[]).unwrap();
            assert!(ours.receive::<ToSupervisor>().await.is_err());
            // Nobody reads: the queue fills, and the sender is told instead of waiting.
            let sent = (0..1_000_000).find_map(|_| ours.send(&ToRuntime::Drain, &[]).err()).unwrap();
            assert_eq!(sent.kind(), std::io::ErrorKind::WouldBlock);
        });
    }
}
