//! In: a credential. Out: the ways in which a reply could repeat it.
//! May touch: nothing.
//! Security boundary: yes; a form that is not here is not found by `scrub.rs`.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use std::fmt::Write;

/// Shorter forms would be found in half of all replies.
const FORM_BYTES_MIN: usize = 4;

pub fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = spellings(secret);
    let decoded = BASE64_STANDARD.decode(secret).or_else(|_| BASE64_STANDARD_NO_PAD.decode(secret));
    if let Ok(inner) = decoded.or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(secret))
        && inner.len() >= 2 * FORM_BYTES_MIN
        && inner.iter().all(|byte| matches!(byte, b' '..=b'~'))
    {
        forms.extend(spellings(&inner));
    }
    forms.retain(|form| form.len() >= FORM_BYTES_MIN);
    forms
}

fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_vec()];
    for offset in 0..3 {
        forms.push(inner_base64(secret, offset));
        forms.push(inner_base64(secret, offset).iter().map(url_safe).collect());
    }
    forms.push(each(secret, |text, byte| write!(text, "{byte:02x}")));
    forms.push(each(secret, |text, byte| write!(text, "%{byte:02x}")));
    forms.push(each(secret, |text, byte| write!(text, "\\u{byte:04x}")));
    forms.push(each(secret, |text, byte| write!(text, "\\x{byte:02x}")));
    // As encodeURIComponent and as form encoding write it.
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    forms.push(each(secret, |text, byte| match byte {
        byte if kept(byte) => write!(text, "{}", char::from(byte)),
        byte => write!(text, "%{byte:02x}"),
    }));
    forms.push(url::form_urlencoded::byte_serialize(secret).collect::<String>().into_bytes());
    for inside in [json(secret), json(secret).replace('/', "\\/"), html(secret)] {
        forms.push(inside.into_bytes());
    }
    forms
}

fn each(secret: &[u8], mut write: impl FnMut(&mut String, u8) -> std::fmt::Result) -> Vec<u8> {
    let mut text = String::new();
    for byte in secret {
        // Writing to a String does not fail.
        let _ = write(&mut text, *byte);
    }
    text.into_bytes()
}

/// The middle of the base64 text in which `secret` stands after `offset` other bytes: without the characters at both
/// ends that depend on its neighbours.
fn inner_base64(secret: &[u8], offset: usize) -> Vec<u8> {
    let padded = [vec![0; offset], secret.to_vec()].concat();
    let text = BASE64_STANDARD_NO_PAD.encode(&padded).into_bytes();
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    text.get(first..last).unwrap_or_default().to_vec()
}

fn url_safe(byte: &u8) -> u8 {
    match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => *other,
    }
}

fn json(secret: &[u8]) -> String {
    let quoted = serde_json::Value::from(String::from_utf8_lossy(secret)).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

fn html(secret: &[u8]) -> String {
    let text = String::from_utf8_lossy(secret).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}
