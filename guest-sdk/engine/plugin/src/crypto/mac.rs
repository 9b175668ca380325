//! In: a key and data. Out: their HMAC, or whether one is theirs, compared in constant time.
//! May touch: nothing.
//! Security boundary: no.

use super::hash::{Hash, with_hash};
use super::key::KeyRef;
use super::values::{Buffer, Bytes};
use hmac::{Hmac, KeyInit, Mac};

pub fn sign<'js>(hash: Hash, key: KeyRef<'js>, data: Bytes<'js>) -> Option<Buffer<Vec<u8>>> {
    with_hash!(hash, D => {
        let mut mac = Hmac::<D>::new_from_slice(key.borrow().secret()?).ok()?;
        mac.update(&data);
        Some(Buffer(mac.finalize().into_bytes().to_vec()))
    })
}

pub fn verify<'js>(hash: Hash, key: KeyRef<'js>, signature: Bytes<'js>, data: Bytes<'js>) -> bool {
    with_hash!(hash, D => {
        let key = key.borrow();
        let Some(Ok(mut mac)) = key.secret().map(Hmac::<D>::new_from_slice) else { return false };
        mac.update(&data);
        mac.verify_slice(&signature).is_ok()
    })
}
