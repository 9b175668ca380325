//! In: bytes of a stream, compressed or not. Out: the other, as much of it as there is by now.
//! May touch: its own table of streams under way, which lives in linear memory like everything else.
//! Security boundary: no. What a bomb unpacks to ends at the run's memory limit.

use crate::limits::{INFLATED_BYTES_MAX, ZSTREAMS_MAX};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use rquickjs::{Ctx, Exception, Function, Object, Result, TypedArray};
use std::cell::RefCell;

thread_local! {
    static STREAMS: RefCell<Vec<Option<Zstream>>> = const { RefCell::new(Vec::new()) };
}

enum Zstream {
    Deflate(Compress),
    Inflate { state: Decompress, ended: bool },
}

/// Adds `zlibOpen`, `zlibPush`, `zlibClose` of `guest-sdk/js/native.ts`.
pub fn register<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    natives.set("zlibOpen", Function::new(ctx.clone(), open)?)?;
    natives.set("zlibPush", Function::new(ctx.clone(), push)?)?;
    natives.set("zlibClose", Function::new(ctx.clone(), close)?)
}

/// A new stream's number. `format` is `gzip`, `deflate` (RFC 1950) or `deflate-raw`; the prelude has checked it.
fn open(ctx: Ctx<'_>, format: String, compress: bool) -> Result<u32> {
    const WINDOW_BITS: u8 = 15;
    let stream = match (compress, format.as_str()) {
        (true, "gzip") => Zstream::Deflate(Compress::new_gzip(Compression::default(), WINDOW_BITS)),
        (true, zlib) => Zstream::Deflate(Compress::new(Compression::default(), zlib == "deflate")),
        (false, "gzip") => Zstream::Inflate { state: Decompress::new_gzip(WINDOW_BITS), ended: false },
        (false, zlib) => Zstream::Inflate { state: Decompress::new(zlib == "deflate"), ended: false },
    };
    STREAMS.with_borrow_mut(|streams| {
        let free = streams.iter().position(Option::is_none).unwrap_or(streams.len());
        if free >= ZSTREAMS_MAX {
            return Err(Exception::throw_range(&ctx, "Too many compression streams are open at once."));
        }
        if free == streams.len() {
            streams.push(None);
        }
        if let Some(slot) = streams.get_mut(free) {
            *slot = Some(stream);
        }
        Ok(free as u32)
    })
}

/// What comes out of `bytes`, and with `end` of everything that was held back.
fn push<'js>(ctx: Ctx<'js>, number: u32, bytes: TypedArray<'js, u8>, end: bool) -> Result<TypedArray<'js, u8>> {
    let input = bytes.as_bytes().unwrap_or_default();
    let done = STREAMS.with_borrow_mut(|streams| match streams.get_mut(number as usize) {
        Some(Some(Zstream::Deflate(state))) => deflate(state, input, end),
        Some(Some(Zstream::Inflate { state, ended })) => inflate(state, ended, input, end),
        _ => Err("The stream is closed."),
    });
    match done {
        Ok(output) => TypedArray::new_copy(ctx, output),
        Err(why) => Err(Exception::throw_type(&ctx, why)),
    }
}

fn close(number: u32) {
    STREAMS.with_borrow_mut(|streams| {
        if let Some(slot) = streams.get_mut(number as usize) {
            *slot = None;
        }
    });
}

/// Room for what the next step may write, in bytes.
const STEP_BYTES: usize = 16 * 1024;

fn deflate(state: &mut Compress, mut input: &[u8], end: bool) -> std::result::Result<Vec<u8>, &'static str> {
    let flush = if end { FlushCompress::Finish } else { FlushCompress::None };
    let mut output = Vec::new();
    loop {
        output.reserve(STEP_BYTES);
        let before = state.total_in();
        let status = state.compress_vec(input, &mut output, flush).map_err(|_| "The data cannot be compressed.")?;
        input = input.get((state.total_in() - before) as usize..).unwrap_or_default();
        let roomy = output.len() < output.capacity();
        if status == Status::StreamEnd || (!end && input.is_empty() && roomy) {
            return Ok(output);
        }
    }
}

fn inflate(
    state: &mut Decompress,
    ended: &mut bool,
    mut input: &[u8],
    end: bool,
) -> std::result::Result<Vec<u8>, &'static str> {
    let mut output = Vec::new();
    while !*ended && !input.is_empty() {
        output.reserve(STEP_BYTES);
        if output.len() > INFLATED_BYTES_MAX {
            return Err("One chunk unpacks to more than any chunk may.");
        }
        let before = (state.total_in(), output.len());
        let status = state.decompress_vec(input, &mut output, FlushDecompress::None);
        let status = status.map_err(|_| "The compressed data is damaged.")?;
        let taken = (state.total_in() - before.0) as usize;
        input = input.get(taken..).unwrap_or_default();
        *ended = status == Status::StreamEnd;
        if taken == 0 && output.len() == before.1 {
            break;
        }
    }
    match (*ended, input.is_empty()) {
        (true, false) => Err("There is more after the end of the compressed data."),
        (false, _) if end => Err("The compressed data ends too early."),
        _ => Ok(output),
    }
}
