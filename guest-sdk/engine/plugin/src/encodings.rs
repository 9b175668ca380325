//! In: text and bytes from the prelude. Out: the other, in any encoding of the Encoding standard (`encoding_rs`).
//! May touch: nothing.
//! Security boundary: no.

use crate::text::Text;
use encoding_rs::{CoderResult, Decoder, DecoderResult, Encoding, UTF_8};
use rquickjs::String as JsString;
use rquickjs::class::{JsClass, Trace, Tracer, Writable};
use rquickjs::function::Constructor;
use rquickjs::{Array, Class, Ctx, Exception, Function, IntoJs, JsLifetime, Object, Result, TypedArray, Value};

/// Room that a chunk's text gets at first beyond one byte for each of its own.
const TEXT_SPARE_BYTES: usize = 16;

pub fn register<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    natives.set("utf8Encode", Function::new(ctx.clone(), utf8_encode)?)?;
    natives.set("utf8EncodeInto", Function::new(ctx.clone(), utf8_encode_into)?)?;
    natives.set("utf8Decode", Function::new(ctx.clone(), utf8_decode)?)?;
    natives.set("encodingOf", Function::new(ctx.clone(), encoding_of)?)?;
    natives.set("decode", Function::new(ctx.clone(), decode)?)?;
    natives.set("decoder", Function::new(ctx.clone(), decoder)?)?;
    natives.set("decodeChunk", Function::new(ctx.clone(), decode_chunk)?)?;
    // The class is known to QuickJS from its first object on: that is before the snapshot.
    Class::instance(ctx.clone(), Chunks(UTF_8.new_decoder())).map(drop)
}

fn utf8_encode<'js>(ctx: Ctx<'js>, text: Text) -> Result<TypedArray<'js, u8>> {
    TypedArray::new_copy(ctx, text.0)
}

/// `[read, written]`: UTF-16 units that fitted, and the bytes they took. No character is cut in two.
fn utf8_encode_into<'js>(ctx: Ctx<'js>, text: Text, into: TypedArray<'js, u8>) -> Result<Array<'js>> {
    let counts = Array::new(ctx)?;
    let Some(raw) = into.as_raw() else {
        // A detached array has room for nothing.
        counts.set(0, 0)?;
        counts.set(1, 0)?;
        return Ok(counts);
    };
    let written = text.0.floor_char_boundary(raw.len);
    let fitting = text.0.get(..written).unwrap_or_default();
    // SAFETY: pointer and length are those of the view's own buffer, which nothing else reads or frees in this call.
    let out = unsafe { std::slice::from_raw_parts_mut(raw.ptr.as_ptr(), raw.len) };
    if let Some(out) = out.get_mut(..written) {
        out.copy_from_slice(fitting.as_bytes());
    }
    counts.set(0, if fitting.is_ascii() { written } else { fitting.encode_utf16().count() })?;
    counts.set(1, written)?;
    Ok(counts)
}

/// Text of UTF-8 bytes; `null` when `fatal` and the bytes are not UTF-8. A byte order mark is a character.
fn utf8_decode<'js>(ctx: Ctx<'js>, view: TypedArray<'js, u8>, fatal: bool) -> Result<Value<'js>> {
    from_utf8(ctx, view.as_bytes().unwrap_or_default(), fatal)
}

fn from_utf8<'js>(ctx: Ctx<'js>, bytes: &[u8], fatal: bool) -> Result<Value<'js>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => JsString::from_str(ctx.clone(), text)?.into_js(&ctx),
        Err(_) if fatal => Ok(Value::new_null(ctx)),
        Err(_) => JsString::from_str(ctx.clone(), &String::from_utf8_lossy(bytes))?.into_js(&ctx),
    }
}

/// The name of the encoding that a label stands for, in lower case, or `null`.
fn encoding_of<'js>(ctx: Ctx<'js>, label: Text) -> Result<Value<'js>> {
    match Encoding::for_label_no_replacement(label.0.as_bytes()) {
        Some(encoding) => encoding.name().to_ascii_lowercase().into_js(&ctx),
        None => Ok(Value::new_null(ctx)),
    }
}

fn named(ctx: &Ctx<'_>, name: &Text) -> Result<&'static Encoding> {
    if name.0 == "utf-8" {
        return Ok(UTF_8);
    }
    Encoding::for_label(name.0.as_bytes()).ok_or_else(|| Exception::throw_internal(ctx, "no such encoding"))
}

/// All of the bytes at once; `null` when `fatal` and they are not of the encoding.
fn decode<'js>(
    ctx: Ctx<'js>,
    name: Text,
    view: TypedArray<'js, u8>,
    fatal: bool,
    keep_mark: bool,
) -> Result<Value<'js>> {
    let encoding = named(&ctx, &name)?;
    let bytes = view.as_bytes().unwrap_or_default();
    if encoding == UTF_8 {
        let marked = if keep_mark { None } else { bytes.strip_prefix(b"\xef\xbb\xbf") };
        return from_utf8(ctx, marked.unwrap_or(bytes), fatal);
    }
    let (text, malformed) = match keep_mark {
        true => encoding.decode_without_bom_handling(bytes),
        false => encoding.decode_with_bom_removal(bytes),
    };
    if fatal && malformed {
        return Ok(Value::new_null(ctx));
    }
    JsString::from_str(ctx.clone(), &text)?.into_js(&ctx)
}

/// The state between two chunks. It is freed with the object that holds it.
struct Chunks(Decoder);

// SAFETY: it holds nothing that lives as long as a context.
unsafe impl<'js> JsLifetime<'js> for Chunks {
    type Changed<'to> = Chunks;
}

impl<'js> Trace<'js> for Chunks {
    fn trace<'a>(&self, _tracer: Tracer<'a, 'js>) {}
}

impl<'js> JsClass<'js> for Chunks {
    const NAME: &'static str = "Decoder";
    type Mutable = Writable;

    fn constructor(_ctx: &Ctx<'js>) -> Result<Option<Constructor<'js>>> {
        Ok(None)
    }
}

fn decoder<'js>(ctx: Ctx<'js>, name: Text, keep_mark: bool) -> Result<Class<'js, Chunks>> {
    let encoding = named(&ctx, &name)?;
    let decoder = match keep_mark {
        true => encoding.new_decoder_without_bom_handling(),
        false => encoding.new_decoder_with_bom_removal(),
    };
    Class::instance(ctx, Chunks(decoder))
}

fn decode_chunk<'js>(
    ctx: Ctx<'js>,
    decoder: Class<'js, Chunks>,
    view: TypedArray<'js, u8>,
    fatal: bool,
    last: bool,
) -> Result<Value<'js>> {
    let mut chunks = decoder.try_borrow_mut()?;
    match text_of(&mut chunks.0, view.as_bytes().unwrap_or_default(), fatal, last) {
        Some(text) => JsString::from_str(ctx.clone(), &text)?.into_js(&ctx),
        None => Ok(Value::new_null(ctx)),
    }
}

fn text_of(decoder: &mut Decoder, mut bytes: &[u8], fatal: bool, last: bool) -> Option<String> {
    let mut text = String::with_capacity(bytes.len() + TEXT_SPARE_BYTES);
    loop {
        let (full, read) = if fatal {
            let (result, read) = decoder.decode_to_string_without_replacement(bytes, &mut text, last);
            if let DecoderResult::Malformed(..) = result {
                return None;
            }
            (result == DecoderResult::OutputFull, read)
        } else {
            let (result, read, _) = decoder.decode_to_string(bytes, &mut text, last);
            (result == CoderResult::OutputFull, read)
        };
        if !full {
            return Some(text);
        }
        bytes = bytes.get(read..).unwrap_or_default();
        text.reserve(bytes.len() + TEXT_SPARE_BYTES);
    }
}
