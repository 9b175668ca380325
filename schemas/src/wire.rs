//! In: a connected socket. Out: the Cap'n Proto network on it, reading with limits and writing in few pieces.
//! May touch: that socket, and a task of its own on the caller's thread.
//! Security boundary: yes; what a peer may make us read is bounded here.
//!
//! capnp-rpc writes a message in two pieces and flushes after each message. Written as they come, a call and the `Finish`
//! of the one before it wake the other process four times; a wake-up costs more than all the rest. So messages go into a
//! pipe in memory, and a task that runs after those that are ready now writes what has gathered there at once.

use crate::limits::{BRIDGE_MESSAGE_NESTING_MAX, WIRE_BUFFER_BYTES};
use capnp::message::ReaderOptions;
use capnp_rpc::{rpc_twoparty_capnp::Side, twoparty::VatNetwork};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

type Reading = Compat<BufReader<tokio::net::unix::OwnedReadHalf>>;

/// The network of one connection; `message_bytes_max` bounds what is read of one message. To be called on the thread
/// whose `LocalSet` drives it.
pub fn network(stream: UnixStream, side: Side, message_bytes_max: u64) -> VatNetwork<Reading> {
    let mut options = ReaderOptions::new();
    options.traversal_limit_in_words(Some((message_bytes_max / 8) as usize));
    options.nesting_limit(BRIDGE_MESSAGE_NESTING_MAX);
    let (read, mut write) = stream.into_split();
    let (ours, gathered) = tokio::io::duplex(WIRE_BUFFER_BYTES);
    tokio::task::spawn_local(async move {
        let mut gathered = BufReader::with_capacity(WIRE_BUFFER_BYTES, gathered);
        // Its error is the peer's end, which the reading side sees too.
        let _ = tokio::io::copy_buf(&mut gathered, &mut write).await;
        let _ = write.shutdown().await;
    });
    let read = BufReader::with_capacity(WIRE_BUFFER_BYTES, read).compat();
    VatNetwork::new(read, ours.compat_write(), side, options)
}
