//! In: the name of a hash function. Out: the type that computes it; digests.
//! May touch: nothing.
//! Security boundary: no.

use super::values::{Buffer, Bytes};
use crate::text::Text;
use rquickjs::{Ctx, Exception, FromJs, Result, Value};
use sha2::Digest;

#[derive(Clone, Copy)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// Runs `$body` with `$D` as the type of the hash function.
macro_rules! with_hash {
    ($hash:expr, $D:ident => $body:expr) => {
        match $hash {
            $crate::crypto::hash::Hash::Sha1 => {
                type $D = sha1::Sha1;
                $body
            }
            $crate::crypto::hash::Hash::Sha256 => {
                type $D = sha2::Sha256;
                $body
            }
            $crate::crypto::hash::Hash::Sha384 => {
                type $D = sha2::Sha384;
                $body
            }
            $crate::crypto::hash::Hash::Sha512 => {
                type $D = sha2::Sha512;
                $body
            }
        }
    };
}
pub(super) use with_hash;

pub fn digest(hash: Hash, data: Bytes<'_>) -> Buffer<Vec<u8>> {
    Buffer(hash.digest(&data))
}

impl Hash {
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        with_hash!(self, D => D::digest(data).to_vec())
    }
}

impl<'js> FromJs<'js> for Hash {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        match Text::from_js(ctx, value)?.0.as_str() {
            "SHA-1" => Ok(Hash::Sha1),
            "SHA-256" => Ok(Hash::Sha256),
            "SHA-384" => Ok(Hash::Sha384),
            "SHA-512" => Ok(Hash::Sha512),
            _ => Err(Exception::throw_internal(ctx, "no such hash function")),
        }
    }
}
