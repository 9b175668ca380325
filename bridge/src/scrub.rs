//! In: a reply as the upstream sent it. Out: the same, if no form of any of the tenant's credentials is in it.
//! May touch: nothing.
//! Security boundary: yes; the only way from `dial.rs` to a script. On a hit the whole reply is withheld: a masked one
//! would tell where the secret stood, and a script could bisect it.
//!
//! Looked for: every credential of the tenant, not only this call's, for a service may store what another call sent it.
//! Where: status text, names and values of headers, final URL, body; trailers never leave `dial.rs`.
//! As: itself, base64 and base64url (at three offsets, so inside longer text too), hex, percent-encoded, JSON-escaped,
//! each in any letter case; if the credential is base64 itself, also what it says.
//! What this cannot see: a secret reversed, enciphered, compressed, broken by line ends, in UTF-16, or told one byte per
//! reply. So a credential belongs only on hosts that do not echo; this is the second wall, not the first.

use crate::dial::{Held, RawReply};
use crate::failure::{Failure, Reason};
use crate::tenants::{Credential, Tenant};
use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::HeaderMap;
use mayfly_schemas::limits::SCRUB_INLINE_BYTES_MAX;
use std::fmt::Write;
use std::sync::Arc;

/// A reply that a script may see. Only `scrub` makes it.
pub struct CleanReply {
    pub status: u16,
    pub status_text: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Its share of the memory that bodies may take; given back with the reply.
    _held: Held,
}

/// Shorter forms would be found in half of all replies.
const FORM_BYTES_MIN: usize = 4;

pub struct Scrubber {
    forms: Option<AhoCorasick>,
}

impl Scrubber {
    pub fn new(credentials: &[Arc<Credential>]) -> Scrubber {
        let forms: Vec<Vec<u8>> = credentials.iter().flat_map(|credential| forms(credential.value.expose())).collect();
        if forms.is_empty() {
            return Scrubber { forms: None };
        }
        // Building fails only for more patterns than 31 bits count.
        Scrubber { forms: AhoCorasick::builder().ascii_case_insensitive(true).build(forms).ok() }
    }

    fn finds(&self, text: &[u8]) -> bool {
        self.forms.as_ref().is_some_and(|forms| forms.is_match(text))
    }
}

pub async fn scrub(raw: RawReply, tenant: &Arc<Tenant>) -> Result<CleanReply, Failure> {
    let (target, parts) = raw.open(Key(()));
    let scrubber = &tenant.scrubber;
    let in_headers = parts
        .headers
        .iter()
        .any(|(name, value)| scrubber.finds(name.as_str().as_bytes()) || scrubber.finds(value.as_bytes()));
    let in_head = in_headers || scrubber.finds(parts.status_text.as_bytes());
    if in_head || scrubber.finds(target.url().as_str().as_bytes()) || in_body(&parts.body, tenant).await {
        let text = format!(
            "the reply of {} contained a credential of tenant \"{}\" and was withheld; call something that does not echo it",
            target.shown(),
            tenant.name
        );
        return Err(Failure::policy(Reason::CredentialEchoed, "", text).about(&target));
    }
    let (status, status_text) = (parts.status, parts.status_text);
    Ok(CleanReply { status, status_text, headers: parts.headers, body: parts.body, _held: parts.held })
}

/// Opens a `RawReply`; nobody else has one.
pub struct Key(());

async fn in_body(body: &Bytes, tenant: &Arc<Tenant>) -> bool {
    if body.len() <= SCRUB_INLINE_BYTES_MAX || tenant.scrubber.forms.is_none() {
        return tenant.scrubber.finds(body);
    }
    let (body, tenant) = (body.clone(), tenant.clone());
    // A search that did not end found something, as far as we know.
    tokio::task::spawn_blocking(move || tenant.scrubber.finds(&body)).await.unwrap_or(true)
}

fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
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
