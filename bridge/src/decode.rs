//! In: a reply's body as the upstream compressed it, in pieces of any size. Out: what it says, a step at a time.
//! May touch: nothing.
//! Security boundary: yes; hostile bytes are read here, by decoders in safe Rust, under a cap on how much larger they may
//! become. What comes out is bounded further in `body.rs`.
//!
//! gzip, deflate and br, which is what we ask for; one of them at a time. Rejected: zstd. ruzstd keeps back the last window
//! of what it decoded until the frame ends, so an event would arrive megabytes late, and it works on raw pointers; libzstd
//! is C, in the process that holds the credentials. No server needs it: it sends what it is asked for. Rejected too:
//! async-compression, whose Brotli comes with an encoder three times the decoder's size.

use crate::brotli::Brotli;
use crate::budget::Budget;
use crate::gzip::{Gzip, inflate};
use bytes::Bytes;
use flate2::Decompress;
use http::header::{CONTENT_ENCODING, HeaderMap};
use mayfly_schemas::limits::{DECODE_FREE_BYTES, DECODE_RATIO_MAX};
use std::sync::Arc;

/// What we tell servers that we can read.
pub const ACCEPTED: &str = "gzip, deflate, br";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// Not what its `content-encoding` says.
    Corrupt,
    /// It becomes larger than anything honest does.
    Bomb,
    /// Other bodies take the memory that it asks for.
    NoRoom,
}

/// A content-encoding that we did not ask for, or more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCoding;

/// The coding that the headers declare; `None` for a body that is what it says.
pub fn declared(headers: &HeaderMap) -> Result<Option<Coding>, UnknownCoding> {
    let mut found = None;
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.to_str().map_err(|_| UnknownCoding)?.split(',') {
            let coding = match name.trim().to_ascii_lowercase().as_str() {
                "" | "identity" => continue,
                "gzip" | "x-gzip" => Coding::Gzip,
                "deflate" => Coding::Deflate,
                "br" => Coding::Brotli,
                _ => return Err(UnknownCoding),
            };
            if found.replace(coding).is_some() {
                return Err(UnknownCoding);
            }
        }
    }
    Ok(found)
}

pub struct Decoder {
    input: Bytes,
    /// Nothing can be had without a next piece.
    hungry: bool,
    engine: Engine,
    read: u64,
    written: u64,
}

enum Engine {
    Gzip(Box<Gzip>),
    /// RFC 9110 means the zlib format; some servers send the bare stream inside. The first byte tells.
    Deflate {
        inflate: Option<Box<Decompress>>,
        over: bool,
    },
    Brotli(Box<Brotli>),
}

impl Decoder {
    pub fn new(coding: Coding, budget: &Arc<Budget>) -> Decoder {
        let engine = match coding {
            Coding::Gzip => Engine::Gzip(Box::new(Gzip::new())),
            Coding::Deflate => Engine::Deflate { inflate: None, over: false },
            Coding::Brotli => Engine::Brotli(Box::new(Brotli::new(budget))),
        };
        Decoder { input: Bytes::new(), hungry: true, engine, read: 0, written: 0 }
    }

    /// The next piece; the one before must be used up.
    pub fn feed(&mut self, piece: Bytes) {
        self.input = piece;
        self.hungry = false;
    }

    pub fn is_hungry(&self) -> bool {
        self.hungry
    }

    /// Writes what can be had to `to`, and says how much that is; 0: nothing without a next piece.
    pub fn step(&mut self, to: &mut [u8]) -> Result<usize, Undecodable> {
        let before = self.input.len();
        let written = self.engine.step(&mut self.input, to)?;
        self.hungry = written == 0;
        self.read += (before - self.input.len()) as u64;
        self.written += written as u64;
        if self.written > DECODE_FREE_BYTES && self.written / DECODE_RATIO_MAX > self.read {
            return Err(Undecodable::Bomb);
        }
        Ok(written)
    }

    /// Nothing more comes, whatever the upstream still sends.
    pub fn is_over(&self) -> bool {
        self.engine.is_over()
    }

    /// Whether the body may end where it did. An empty one may: it says nothing.
    pub fn may_end(&self) -> bool {
        self.read == 0 || self.engine.may_end()
    }
}

impl Engine {
    fn step(&mut self, input: &mut Bytes, to: &mut [u8]) -> Result<usize, Undecodable> {
        match self {
            Engine::Gzip(gzip) => gzip.step(input, to),
            Engine::Brotli(brotli) => brotli.step(input, to),
            Engine::Deflate { over: true, .. } => Ok(0),
            Engine::Deflate { inflate: state, over } => {
                let Some(first) = input.first() else {
                    return state.as_mut().map_or(Ok(0), |state| inflate(state, input, to).map(|(written, _)| written));
                };
                let is_zlib = first & 0x0f == 8 && first >> 4 <= 7;
                let state = state.get_or_insert_with(|| Box::new(Decompress::new(is_zlib)));
                let (written, ended) = inflate(state, input, to)?;
                *over = ended;
                Ok(written)
            }
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Engine::Gzip(gzip) => gzip.is_over(),
            Engine::Brotli(brotli) => brotli.is_over(),
            Engine::Deflate { over, .. } => *over,
        }
    }

    fn may_end(&self) -> bool {
        match self {
            Engine::Gzip(gzip) => gzip.may_end(),
            _ => self.is_over(),
        }
    }
}
