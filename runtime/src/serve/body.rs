//! In: a whole body, or the parts that a script gives. Out: the body of a response.
//! May touch: nothing.
//! Security boundary: no.

use crate::run::ResponsePart;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

#[derive(Debug)]
pub enum ReplyBody {
    Whole(Full<Bytes>),
    /// The bytes that came with the head, then what comes after.
    Parts(Option<Bytes>, mpsc::Receiver<ResponsePart>),
}

/// The script ended in the middle of its response. The connection is closed without the mark of a whole one.
#[derive(Debug, thiserror::Error)]
#[error("the script ended before its response did")]
pub struct BrokenOff;

impl From<Bytes> for ReplyBody {
    fn from(bytes: Bytes) -> ReplyBody {
        ReplyBody::Whole(Full::new(bytes))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            ReplyBody::Whole(full) => Pin::new(full).poll_frame(context).map_err(|never| match never {}),
            ReplyBody::Parts(first, parts) => match first.take() {
                Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
                None => parts.poll_recv(context).map(|part| match part {
                    Some(ResponsePart::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
                    Some(ResponsePart::End) => None,
                    None => Some(Err(BrokenOff)),
                }),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ReplyBody::Whole(full) => full.is_end_stream(),
            ReplyBody::Parts(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ReplyBody::Whole(full) => full.size_hint(),
            ReplyBody::Parts(..) => SizeHint::default(),
        }
    }
}
