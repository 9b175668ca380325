//! In: text. Out: the same as a JSON string. The engine needs no JSON writer but this one.
//! May touch: nothing.
//! Security boundary: no; the host parses what it gets.

use std::fmt::Write;

/// Appends `text` in quotes.
pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        match special.as_bytes().first() {
            Some(byte @ (b'"' | b'\\')) => out.extend(['\\', char::from(*byte)]),
            Some(byte) => drop(write!(out, "\\u{byte:04x}")),
            None => {}
        }
        // What was found is one byte of ASCII.
        rest = special.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
    out.push('"');
}

pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote(&mut out, text);
    out
}
