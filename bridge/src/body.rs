//! In: the body of an upstream's reply, as it arrives. Out: the same, decompressed and within its bounds, a piece at a time.
//! May touch: the connection that it came on: back to the pool at the end, closed when it is let go before.
//! Security boundary: yes; what comes back is bounded here while it arrives, and opens only with the key of `scrub.rs`.

use crate::ask::Body;
use crate::budget::{self, Budget};
use crate::decode::{Coding, Decoder, Undecodable};
use crate::dial::{Upstreams, broken};
use crate::failure::Failure;
use crate::pool::{Connection, Origin, Sender};
use crate::scrub::Key;
use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use mayfly_schemas::limits::{DECODE_RATIO_MAX, DECODE_STEP_BYTES};
use std::rc::Rc;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

pub struct RawBody {
    /// `None`: it came to its end.
    source: Option<Source>,
    decoder: Option<Decoder>,
    host: String,
    bytes_max: u64,
    bytes_in: u64,
    bytes: u64,
}

/// Where it comes from. Dropped, an HTTP/1 connection is closed and an HTTP/2 stream reset.
pub struct Source {
    pub incoming: Incoming,
    pub connection: Connection,
    pub origin: Origin,
    pub upstreams: Rc<Upstreams>,
    /// The request's own body, which may still be on its way.
    pub sent: Body,
    /// By its status and method the reply has no body, whatever its headers say.
    pub bodiless: bool,
}

/// What a wait for more came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    More,
    End,
    /// Not in time; nothing is lost.
    Nothing,
}

impl RawBody {
    pub fn new(
        source: Source,
        coding: Option<Coding>,
        bytes_max: u64,
        budget: &Arc<Budget>,
    ) -> Result<RawBody, Failure> {
        let host = source.origin.host.clone();
        let decoder = coding.map(|coding| Decoder::new(coding, budget));
        // A declared length that is too large need not be waited for.
        let declared = source.incoming.size_hint().lower();
        let body = RawBody { source: Some(source), decoder, host, bytes_max, bytes_in: 0, bytes: 0 };
        match &body.source {
            Some(source) if declared > bytes_max && !source.bodiless && body.decoder.is_none() => Err(body.too_large()),
            _ => Ok(body),
        }
    }

    /// Body bytes as they came from the upstream.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    /// Puts what comes next behind what is in `to`. May be dropped while it waits: then nothing was taken.
    pub async fn more(
        &mut self,
        _only_scrub_has_one: &Key,
        to: &mut BytesMut,
        until: Instant,
    ) -> Result<Step, Failure> {
        loop {
            if let Some(step) = self.decode(to)? {
                return Ok(step);
            }
            let Some(source) = &mut self.source else { return Ok(Step::End) };
            let Ok(frame) = timeout_at(until, source.incoming.frame()).await else { return Ok(Step::Nothing) };
            let Some(frame) = frame else { return self.ended() };
            let frame = frame.map_err(|error| broken(&error, &self.host))?;
            // Trailers end here: no script asks for them, and nobody would look into them.
            let Ok(data) = frame.into_data() else { continue };
            if source.bodiless && !data.is_empty() {
                // Nobody would decode it, and so nobody could look into it.
                return Err(Failure::network(format!("{} sent a body where there can be none", self.host)));
            }
            self.bytes_in += data.len() as u64;
            match &mut self.decoder {
                Some(decoder) => decoder.feed(data),
                None if data.is_empty() => {}
                None => {
                    self.count(data.len())?;
                    to.extend_from_slice(&data);
                    return Ok(Step::More);
                }
            }
        }
    }

    /// What the decoder can give without another piece; `None` when that is nothing.
    fn decode(&mut self, to: &mut BytesMut) -> Result<Option<Step>, Failure> {
        let Some(decoder) = self.decoder.as_mut().filter(|decoder| !decoder.is_hungry()) else { return Ok(None) };
        let before = to.len();
        to.resize(before + DECODE_STEP_BYTES, 0);
        let written = decoder.step(to.get_mut(before..).unwrap_or_default());
        to.truncate(before + *written.as_ref().unwrap_or(&0));
        let over = decoder.is_over();
        match written {
            Err(undecodable) => Err(self.undecodable(undecodable)),
            Ok(0) if over => {
                // What the upstream may still send says nothing; it is not waited for, so the connection is not kept.
                self.source = None;
                Ok(Some(Step::End))
            }
            Ok(0) => Ok(None),
            Ok(written) => {
                self.count(written)?;
                Ok(Some(Step::More))
            }
        }
    }

    fn ended(&mut self) -> Result<Step, Failure> {
        let Some(Source { incoming, connection, origin, upstreams, sent, bodiless }) = self.source.take() else {
            return Ok(Step::End);
        };
        // An HTTP/2 peer may say that it ends, without an error, before it has sent what it declared.
        let incomplete = !bodiless && incoming.size_hint().lower() > 0;
        if incomplete || self.decoder.as_ref().is_some_and(|decoder| !decoder.may_end()) {
            let text = format!("{} broke off before its reply was complete; try again later", self.host);
            return Err(Failure::network(text));
        }
        // HTTP/2 is in the pool since it was opened; a connection that is still sending is of no use to others.
        if matches!(connection.sender, Sender::One { .. }) && sent.is_sent() {
            upstreams.pool.put(origin, connection);
        }
        Ok(Step::End)
    }

    /// Counts while it arrives: neither a declared length nor a missing one makes us hold more than `bytes_max`.
    fn count(&mut self, bytes: usize) -> Result<(), Failure> {
        self.bytes += bytes as u64;
        if self.bytes > self.bytes_max { Err(self.too_large()) } else { Ok(()) }
    }

    fn too_large(&self) -> Failure {
        Failure::limit(format!("the reply of {} is above {} bytes; ask for less of it", self.host, self.bytes_max))
    }

    fn undecodable(&self, why: Undecodable) -> Failure {
        let host = &self.host;
        match why {
            Undecodable::Corrupt => Failure::network(format!(
                "the reply of {host} is not what its content-encoding says, or was damaged; try again later"
            )),
            Undecodable::NoRoom => budget::full(),
            Undecodable::Bomb => Failure::limit(format!(
                "the reply of {host} becomes more than {DECODE_RATIO_MAX} times larger when it is decompressed; ask for less of it"
            )),
        }
    }
}
