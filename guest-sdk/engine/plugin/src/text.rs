//! In: JavaScript strings and byte views as native functions get them. Out: UTF-8 and bytes.
//! May touch: QuickJS through its C interface, for the two conversions that rquickjs does not offer.
//! Security boundary: no.

use rquickjs::{Ctx, Error, FromJs, Result, TypedArray, Value, qjs};

/// A string argument. What UTF-8 cannot carry (lone surrogates) becomes U+FFFD, as everywhere on the web.
pub struct Text(pub String);

impl<'js> FromJs<'js> for Text {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let mut length = 0;
        // SAFETY: `value` belongs to `ctx`; the pointer is checked, read for `length` bytes only, and given back.
        let bytes = unsafe {
            let start = qjs::JS_ToCStringLen2(ctx.as_raw().as_ptr(), &mut length, value.as_raw(), false);
            if start.is_null() {
                return Err(Error::Exception);
            }
            let bytes = std::slice::from_raw_parts(start.cast::<u8>(), length as usize).to_vec();
            qjs::JS_FreeCString(ctx.as_raw().as_ptr(), start);
            bytes
        };
        Ok(Text(well_formed(bytes)))
    }
}

/// The bytes of a string or a Uint8Array; nothing for `undefined`.
pub struct Body(pub Vec<u8>);

impl<'js> FromJs<'js> for Body {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        if value.is_undefined() {
            return Ok(Body(Vec::new()));
        }
        if value.is_string() {
            return Text::from_js(ctx, value).map(|text| Body(text.0.into_bytes()));
        }
        let view = TypedArray::<u8>::from_value(value)?;
        Ok(Body(view.as_bytes().unwrap_or_default().to_vec()))
    }
}

/// QuickJS writes a lone surrogate as three bytes (ED A0..BF xx); so long is U+FFFD too.
fn well_formed(mut bytes: Vec<u8>) -> String {
    loop {
        match String::from_utf8(bytes) {
            Ok(text) => return text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                bytes = error.into_bytes();
                replace_surrogates(bytes.get_mut(at..).unwrap_or_default());
                if let Err(error) = std::str::from_utf8(&bytes) {
                    // Not a surrogate: QuickJS does not write such bytes, but nothing depends on that.
                    let at = error.valid_up_to();
                    bytes.truncate(at);
                }
            }
        }
    }
}

fn replace_surrogates(bytes: &mut [u8]) {
    let mut at = 0;
    while at + 2 < bytes.len() {
        if let Some([0xed, 0xa0..=0xbf, _]) = bytes.get(at..at + 3) {
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
        at += 1;
    }
}
