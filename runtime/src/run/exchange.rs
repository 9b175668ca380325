//! In: the rest of an HTTP request's body, and the response as the script gives it. Out: both, one part at a time.
//! May touch: the request's body, and the channel to the connection that carries the response.
//! Security boundary: no; what a response may hold is decided by `respond.rs`.

use crate::isolate::{Answer, Rejection, ResponseHead};
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use std::cell::RefCell;
use std::rc::Rc;
use tokio::sync::{Mutex, mpsc, oneshot};

/// The body of a request, and why it broke off.
pub type RequestBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A part of a response's body. A channel that ends without `End` has broken off.
#[derive(Debug, PartialEq, Eq)]
pub enum ResponsePart {
    Bytes(Bytes),
    End,
}

/// What the connection is given: the head, when the script has chosen it, and the parts.
pub struct Response {
    pub head: oneshot::Receiver<ResponseHead>,
    pub parts: mpsc::Receiver<ResponsePart>,
}

/// The request that a run answers, as the run sees it.
pub struct Exchange {
    request: Mutex<RequestBody>,
    head: RefCell<Option<oneshot::Sender<ResponseHead>>>,
    /// Taken away when the response is whole.
    parts: RefCell<Option<mpsc::Sender<ResponsePart>>>,
}

/// Parts of a response that wait for the connection.
const PARTS_WAITING_MAX: usize = 2;

impl Exchange {
    /// `request` is what comes after the bytes that the run is started with.
    pub fn new(request: RequestBody) -> (Rc<Exchange>, Response) {
        let (head, head_receiver) = oneshot::channel();
        let (parts, parts_receiver) = mpsc::channel(PARTS_WAITING_MAX);
        let exchange =
            Exchange { request: Mutex::new(request), head: RefCell::new(Some(head)), parts: RefCell::new(Some(parts)) };
        (Rc::new(exchange), Response { head: head_receiver, parts: parts_receiver })
    }

    /// Gives the head on; a response without `stream` is whole with it.
    pub fn respond(&self, head: ResponseHead) {
        if !head.stream {
            self.parts.take();
        }
        if let Some(sender) = self.head.take() {
            // A client that is gone is seen by `gone`.
            let _ = sender.send(head);
        }
    }

    /// The next bytes of the request.
    pub async fn read(self: Rc<Self>) -> Answer {
        let mut request = self.request.lock().await;
        loop {
            match request.frame().await {
                None => return Answer::part(Vec::new(), true),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Answer::part(data.into(), false),
                    // Trailers, which no script asks for.
                    _ => {}
                },
                Some(Err(error)) => return broken(format!("the request's body broke off: {error}")),
            }
        }
    }

    /// The next bytes of the response; answered when there is room for more.
    pub async fn write(self: Rc<Self>, bytes: Vec<u8>, end: bool) -> Answer {
        let Some(sender) = self.parts.borrow().clone() else {
            return broken("the response is whole already".to_owned());
        };
        let sent = async {
            if !bytes.is_empty() {
                sender.send(ResponsePart::Bytes(bytes.into())).await?;
            }
            if end {
                sender.send(ResponsePart::End).await?;
                self.parts.take();
            }
            Ok::<_, mpsc::error::SendError<ResponsePart>>(())
        };
        match sent.await {
            Ok(()) => Answer::nothing(),
            Err(_) => broken("the client went away".to_owned()),
        }
    }

    /// Comes back when the client went away before it had the whole response.
    pub async fn gone(&self) {
        let Some(parts) = self.parts.borrow().clone() else { return std::future::pending().await };
        parts.closed().await;
        // Closed because it has all there is.
        if self.parts.borrow().is_none() {
            std::future::pending().await
        }
    }
}

fn broken(message: String) -> Answer {
    Answer::Rejected(Rejection { name: "TypeError", message, ..Rejection::default() })
}
