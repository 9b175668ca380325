//! In: key material. Out: an object that JavaScript can hold and hand back, and in which it sees nothing.
//! May touch: the turn's random stream.
//! Security boundary: no. It keeps what is not extractable from scripts that change the prototypes of arrays.

use super::random::TurnStream;
use super::values::{Buffer, Bytes, Secret};
use crate::text::Text;
use base64ct::{Base64UrlUnpadded, Encoding};
use rquickjs::class::{JsClass, Readable, Trace, Tracer};
use rquickjs::function::Constructor;
use rquickjs::{Class, Ctx, Error, JsLifetime, Object, Result};
use rsa::rand_core::Rng;
use zeroize::Zeroizing;

/// A key as the natives pass it on: linear memory alone, wiped when JavaScript lets it go.
pub enum Key {
    /// Of a symmetric algorithm; or the private key of a curve.
    Secret(Secret),
    /// A point, uncompressed (SEC 1), or 32 bytes of Ed25519 or X25519.
    Point(Vec<u8>),
    RsaPrivate(Box<rsa::PrivateKey>),
    RsaPublic(Box<rsa::PublicKey>),
}

pub type KeyRef<'js> = Class<'js, Key>;

/// The key of these bytes.
pub fn secret<'js>(ctx: Ctx<'js>, bytes: Bytes<'js>) -> Result<KeyRef<'js>> {
    let mut copy: Secret = Zeroizing::new(Vec::new());
    copy.try_reserve_exact(bytes.len()).map_err(|_| Error::Allocation)?;
    copy.extend_from_slice(&bytes);
    Class::instance(ctx, Key::Secret(copy))
}

/// The key of these bytes in base64url, as a JWK has them; nothing for text that is not that.
pub fn secret_of_text(ctx: Ctx<'_>, text: Text) -> Result<Option<KeyRef<'_>>> {
    from_base64(&text.0).map(|bytes| Class::instance(ctx, Key::Secret(bytes))).transpose()
}

/// How many bits such a key has.
pub fn secret_bits(key: KeyRef<'_>) -> Option<usize> {
    Some(key.borrow().secret()?.len() * 8)
}

/// The key of its first bits.
pub fn cut_secret<'js>(ctx: Ctx<'js>, key: KeyRef<'js>, bits: usize) -> Result<Option<KeyRef<'js>>> {
    let bytes = key.borrow().secret().and_then(|bytes| bytes.get(..bits.div_ceil(8))).map(<[u8]>::to_vec);
    let Some(mut bytes) = bytes.map(Zeroizing::new) else { return Ok(None) };
    cut(&mut bytes, bits);
    Class::instance(ctx, Key::Secret(bytes)).map(Some)
}

/// Its bytes, for those who may have them.
pub fn secret_bytes(key: KeyRef<'_>) -> Option<Buffer<Secret>> {
    Some(Buffer(Zeroizing::new(key.borrow().secret()?.to_vec())))
}

/// The same in base64url.
pub fn secret_text(key: KeyRef<'_>) -> Option<String> {
    Some(to_base64(key.borrow().secret()?))
}

/// A key of so many random bits.
pub fn random(ctx: Ctx<'_>, bits: usize) -> Result<KeyRef<'_>> {
    let length = bits.div_ceil(8);
    let mut bytes: Secret = Zeroizing::new(Vec::new());
    bytes.try_reserve_exact(length).map_err(|_| Error::Allocation)?;
    bytes.resize(length, 0);
    TurnStream.fill_bytes(&mut bytes);
    cut(&mut bytes, bits);
    Class::instance(ctx, Key::Secret(bytes))
}

/// Without padding, decoded in a time that does not tell what it says.
pub fn from_base64(text: &str) -> Option<Secret> {
    Base64UrlUnpadded::decode_vec(text).ok().map(Zeroizing::new)
}

pub fn to_base64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Sets to zero what lies behind so many bits, in the byte where they end.
fn cut(bytes: &mut [u8], bits: usize) {
    if let Some(last) = bytes.get_mut(bits / 8) {
        *last &= !(0xff >> (bits % 8));
    }
}

impl Key {
    pub fn secret(&self) -> Option<&[u8]> {
        match self {
            Key::Secret(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn point(&self) -> Option<&[u8]> {
        match self {
            Key::Point(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn rsa_private(&self) -> Option<&rsa::PrivateKey> {
        match self {
            Key::RsaPrivate(key) => Some(key),
            _ => None,
        }
    }

    pub fn rsa_public(&self) -> Option<&rsa::PublicKey> {
        match self {
            Key::RsaPublic(key) => Some(key),
            _ => None,
        }
    }
}

impl<'js> Trace<'js> for Key {
    /// It refers to no JavaScript value.
    fn trace<'a>(&self, _: Tracer<'a, 'js>) {}
}

// SAFETY: the type has no lifetime.
unsafe impl JsLifetime<'_> for Key {
    type Changed<'to> = Key;
}

impl<'js> JsClass<'js> for Key {
    const NAME: &'static str = "Key";
    type Mutable = Readable;

    fn prototype(_: &Ctx<'js>) -> Result<Option<Object<'js>>> {
        Ok(None)
    }

    fn constructor(_: &Ctx<'js>) -> Result<Option<Constructor<'js>>> {
        Ok(None)
    }
}
