//! In: bytes in the gzip format (RFC 1952), in pieces of any size. Out: what they say, a buffer at a time.
//! May touch: nothing.
//! Security boundary: yes; hostile bytes are read here. Header and trailer are ours, the deflate stream between them is
//! miniz_oxide's, in safe Rust: the C libraries are faster, and this process holds the credentials.
//!
//! Members that follow one another are one text, as the RFC says; what follows the last one and is no member is ignored,
//! as browsers do.

use crate::decode::Undecodable::{self, Corrupt};
use bytes::{Buf, Bytes};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use mayfly_schemas::limits::GZIP_HEADER_BYTES_MAX;

pub struct Gzip {
    stage: Stage,
    inflate: Decompress,
    crc: Crc,
}

enum Stage {
    /// Before a member, or inside its header.
    Header(Header),
    Body,
    Trailer(Vec<u8>),
    /// After a member; another may follow.
    Between,
    /// What follows is no member.
    Over,
}

/// What is still to come of a member's header. Nothing of it is kept: file name, comment and extra field say nothing to us.
struct Header {
    /// Of the field under way.
    seen: Vec<u8>,
    /// Fields to come; unknown until the fixed part is whole.
    flags: Option<u8>,
    skip: usize,
    bytes_left: usize,
}

/// Length of the fixed part of a header, and of a trailer.
const FIXED: usize = 10;
const TRAILER: usize = 8;
const SUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

impl Gzip {
    pub fn new() -> Gzip {
        Gzip { stage: Stage::Header(Header::new()), inflate: Decompress::new(false), crc: Crc::new() }
    }

    /// Writes what can be had of `input` to `to`, and says how much that is.
    pub fn step(&mut self, input: &mut Bytes, to: &mut [u8]) -> Result<usize, Undecodable> {
        loop {
            match &mut self.stage {
                Stage::Header(header) => {
                    if !header.pass(input)? {
                        return Ok(0);
                    }
                    self.inflate.reset(false);
                    self.crc.reset();
                    self.stage = Stage::Body;
                }
                Stage::Body => {
                    let (written, ended) = inflate(&mut self.inflate, input, to)?;
                    self.crc.update(to.get(..written).unwrap_or_default());
                    if ended {
                        self.stage = Stage::Trailer(Vec::with_capacity(TRAILER));
                    }
                    if written > 0 || !ended {
                        return Ok(written);
                    }
                }
                Stage::Trailer(seen) => {
                    take(seen, input, TRAILER);
                    let Some((sum, length)) = trailer(seen) else { return Ok(0) };
                    if sum != self.crc.sum() || length != self.crc.amount() {
                        return Err(Corrupt);
                    }
                    self.stage = Stage::Between;
                }
                Stage::Between => match input.first() {
                    None => return Ok(0),
                    Some(0x1f) => self.stage = Stage::Header(Header::new()),
                    Some(_) => self.stage = Stage::Over,
                },
                Stage::Over => return Ok(0),
            }
        }
    }

    /// All that there will be has come.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// The input may end here.
    pub fn may_end(&self) -> bool {
        matches!(self.stage, Stage::Between | Stage::Over)
    }
}

/// One call of the decompressor: how much it wrote, and whether its stream ended.
pub fn inflate(inflate: &mut Decompress, input: &mut Bytes, to: &mut [u8]) -> Result<(usize, bool), Undecodable> {
    let (read, written) = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, to, FlushDecompress::None).map_err(|_| Corrupt)?;
    let (read, written) = (inflate.total_in() - read, inflate.total_out() - written);
    input.advance((read as usize).min(input.len()));
    Ok((written as usize, status == Status::StreamEnd))
}

impl Header {
    fn new() -> Header {
        Header { seen: Vec::with_capacity(FIXED), flags: None, skip: 0, bytes_left: GZIP_HEADER_BYTES_MAX }
    }

    /// Takes what belongs to the header; true when that was its end.
    fn pass(&mut self, input: &mut Bytes) -> Result<bool, Undecodable> {
        loop {
            let skipped = self.skip.min(input.len());
            self.skip -= skipped;
            self.advance(input, skipped)?;
            let Some(flags) = self.flags else {
                take(&mut self.seen, input, FIXED);
                let Some(fixed) = self.seen.first_chunk::<FIXED>() else { return Ok(false) };
                let [0x1f, 0x8b, 8, flags, ..] = *fixed else { return Err(Corrupt) };
                self.seen.clear();
                self.flags = Some(flags).filter(|flags| flags & RESERVED == 0);
                self.flags.ok_or(Corrupt)?;
                continue;
            };
            if self.skip > 0 {
                return Ok(false);
            }
            if flags & EXTRA != 0 {
                take(&mut self.seen, input, 2);
                let Some(length) = self.seen.first_chunk() else { return Ok(false) };
                self.skip = usize::from(u16::from_le_bytes(*length));
                self.flags = Some(flags & !EXTRA);
            } else if flags & (NAME | COMMENT) != 0 {
                let Some(end) = input.iter().position(|byte| *byte == 0) else {
                    self.advance(input, input.len())?;
                    return Ok(false);
                };
                self.advance(input, end + 1)?;
                self.flags = Some(flags & !if flags & NAME != 0 { NAME } else { COMMENT });
            } else if flags & SUM != 0 {
                // Not looked at: the body has one of its own.
                self.skip = 2;
                self.flags = Some(flags & !SUM);
            } else {
                return Ok(true);
            }
        }
    }

    fn advance(&mut self, input: &mut Bytes, bytes: usize) -> Result<(), Undecodable> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(Corrupt)?;
        input.advance(bytes);
        Ok(())
    }
}

fn take(seen: &mut Vec<u8>, input: &mut Bytes, length: usize) {
    let count = length.saturating_sub(seen.len()).min(input.len());
    seen.extend_from_slice(&input.split_to(count));
}

fn trailer(seen: &[u8]) -> Option<(u32, u32)> {
    let (sum, length) = (seen.first_chunk()?, seen.get(4..)?.first_chunk()?);
    Some((u32::from_le_bytes(*sum), u32::from_le_bytes(*length)))
}
