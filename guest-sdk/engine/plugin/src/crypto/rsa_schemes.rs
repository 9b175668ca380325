//! In: RSA keys, data and the parameters of a scheme. Out: signatures and ciphertexts, or what was in them.
//! May touch: the turn's random stream, for salts, seeds and blinding.
//! Security boundary: no.

use super::hash::{Hash, with_hash};
use super::key::KeyRef;
use super::random::TurnStream;
use super::values::{Buffer, Bytes, Secret};
use rsa::{Oaep, Pkcs1v15Sign, Pss};
use zeroize::Zeroizing;

/// RSA-PSS with a salt of so many bytes, else RSASSA-PKCS1-v1_5. Nothing where the key is too small for both.
pub fn sign<'js>(hash: Hash, key: KeyRef<'js>, data: Bytes<'js>, salt_bytes: Option<usize>) -> Option<Buffer<Vec<u8>>> {
    let key = key.borrow();
    let key = key.rsa_private()?;
    let digest = hash.digest(&data);
    let signature = with_hash!(hash, D => match salt_bytes {
        Some(bytes) if bytes > key_bytes(key) => return None,
        Some(bytes) => key.sign_with_rng(&mut TurnStream, Pss::<D>::new_with_salt(bytes), &digest),
        None => key.sign_with_rng(&mut TurnStream, Pkcs1v15Sign::new::<D>(), &digest),
    });
    signature.ok().map(Buffer)
}

pub fn verify<'js>(
    hash: Hash,
    key: KeyRef<'js>,
    signature: Bytes<'js>,
    data: Bytes<'js>,
    salt_bytes: Option<usize>,
) -> bool {
    let key = key.borrow();
    let Some(key) = key.rsa_public() else { return false };
    let digest = hash.digest(&data);
    let verified = with_hash!(hash, D => match salt_bytes {
        Some(bytes) if bytes > key_bytes(key) => return false,
        Some(bytes) => key.verify(Pss::<D>::new_with_salt(bytes), &digest, &signature),
        None => key.verify(Pkcs1v15Sign::new::<D>(), &digest, &signature),
    });
    verified.is_ok()
}

/// RSA-OAEP; MGF1 takes the same hash, as the standard says.
pub fn encrypt<'js>(hash: Hash, key: KeyRef<'js>, label: Bytes<'js>, data: Bytes<'js>) -> Option<Buffer<Vec<u8>>> {
    let key = key.borrow();
    let key = key.rsa_public()?;
    let done = with_hash!(hash, D => key.encrypt(&mut TurnStream, Oaep::<D>::new_with_label(&*label), &data));
    done.ok().map(Buffer)
}

pub fn decrypt<'js>(hash: Hash, key: KeyRef<'js>, label: Bytes<'js>, data: Bytes<'js>) -> Option<Buffer<Secret>> {
    let key = key.borrow();
    let key = key.rsa_private()?;
    let done = with_hash!(hash, D => key.decrypt_blinded(&mut TurnStream, Oaep::<D>::new_with_label(&*label), &data));
    done.ok().map(|bytes| Buffer(Zeroizing::new(bytes)))
}

fn key_bytes(key: &impl rsa::traits::PublicKeyParts) -> usize {
    key.size()
}
