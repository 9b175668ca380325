//! In: a reply that a script may see, and what it wanted done with redirects. Out: the next ask, if there is one.
//! May touch: nothing.
//! Security boundary: yes; what comes out is only an ask: it goes through decide, resolve and sign like the first one.
//!
//! Follows https://fetch.spec.whatwg.org/#http-redirect-fetch, with more headers left behind at another origin. A body that
//! came in parts is gone: only a 303, which becomes a GET, can be followed after one.

use crate::ask::{Ask, Body, Target};
use crate::failure::Failure;
use crate::scrub::CleanHead;
use crate::sign::without_credentials;
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, LOCATION};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Follow,
    Error,
    Manual,
}

/// `None`: the reply is the answer.
pub fn next(ask: &Ask, reply: &CleanHead, mode: Mode) -> Result<Option<Ask>, Failure> {
    let redirect = matches!(reply.status, 301 | 302 | 303 | 307 | 308);
    let Some(location) = reply.headers.get(LOCATION).filter(|_| redirect && mode != Mode::Manual) else {
        return Ok(None);
    };
    let target = ask.target();
    let failed = |text: &str| Failure::network(text).about(target);
    if mode == Mode::Error {
        return Err(failed("the reply was a redirect and the request said `redirect: \"error\"`"));
    }
    let url = std::str::from_utf8(location.as_bytes()).ok().and_then(|location| target.url().join(location).ok());
    let url = url.ok_or_else(|| failed("the reply was a redirect to something that is not a URL"))?;
    if matches!(ask.body, Body::Upload(_)) && reply.status != 303 {
        let text = "the reply was a redirect that needs the body again, and a stream cannot be read twice; \
                    call the place it points to, or give fetch the body as a whole";
        return Err(failed(text));
    }
    let (method, keeps_body) = method(target.method(), reply.status);
    let mut next = ask.clone().moved(method, &url)?;
    if !keeps_body {
        next.body = Body::Whole(Bytes::new());
        for name in [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE] {
            next.headers.remove(name);
        }
    }
    if !same_origin(target, next.target()) {
        without_credentials(&mut next);
    }
    Ok(Some(next))
}

fn method(method: &Method, status: u16) -> (Method, bool) {
    let becomes_get = match status {
        301 | 302 => *method == Method::POST,
        303 => !matches!(*method, Method::GET | Method::HEAD),
        _ => false,
    };
    if becomes_get { (Method::GET, false) } else { (method.clone(), true) }
}

fn same_origin(a: &Target, b: &Target) -> bool {
    a.url().scheme() == b.url().scheme() && a.host() == b.host() && a.port() == b.port()
}
