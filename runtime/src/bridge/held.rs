//! In: a call that the bridge has not sent, because somebody has to say yes first. Out: what is told of it.
//! May touch: nothing.
//! Security boundary: no; the bridge binds a yes to the digest, and makes the digest anew when it sends.

use mayfly_schemas::bridge_capnp::held;
use serde::{Deserialize, Serialize};

/// A request as it will be sent, but for its credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// SHA-256 of method, URL and body, in hexadecimal digits.
    pub digest: String,
    pub method: String,
    pub url: String,
    /// The beginning of it, where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    pub body_bytes: u64,
}

impl Held {
    pub(super) fn read(held: held::Reader<'_>) -> capnp::Result<Held> {
        let body = held.get_body()?;
        // A letter that was cut in the middle is none.
        let text = match std::str::from_utf8(body) {
            Ok(text) => Some(text),
            Err(error) if error.error_len().is_none() => {
                body.get(..error.valid_up_to()).and_then(|whole| std::str::from_utf8(whole).ok())
            }
            Err(_) => None,
        };
        Ok(Held {
            digest: held.get_digest()?.iter().map(|byte| format!("{byte:02x}")).collect(),
            method: held.get_method()?.to_string()?,
            url: held.get_url()?.to_string()?,
            body: text.filter(|text| !text.is_empty()).map(str::to_owned),
            body_bytes: held.get_body_bytes(),
        })
    }

    /// The digest as bytes; empty where it is none.
    pub(super) fn digest_bytes(&self) -> Vec<u8> {
        let pairs = self.digest.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
        pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<Vec<u8>>>().unwrap_or_default()
    }
}
