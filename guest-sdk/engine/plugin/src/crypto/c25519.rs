//! In: keys and signatures on Curve25519. Out: the same checked; Ed25519 and X25519.
//! May touch: the turn's random stream, for new keys.
//! Security boundary: no.

use super::curves::Curve;
use super::key::KeyRef;
use super::random::TurnStream;
use super::values::{Buffer, Bytes, Secret};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rsa::rand_core::Rng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Of private keys and of points.
const KEY_BYTES: usize = 32;

pub struct Ed25519;
pub struct X25519;

impl Curve for Ed25519 {
    fn generate(&self) -> Secret {
        random()
    }

    fn point_of(&self, private: &[u8]) -> Option<Vec<u8>> {
        Some(signing_key(private)?.verifying_key().to_bytes().to_vec())
    }

    /// Any 32 bytes: what is no point verifies nothing, as the standard says.
    fn point(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        (bytes.len() == KEY_BYTES).then(|| bytes.to_vec())
    }

    fn agree(&self, _: &[u8], _: &[u8]) -> Option<Secret> {
        None
    }
}

impl Curve for X25519 {
    fn generate(&self) -> Secret {
        random()
    }

    fn point_of(&self, private: &[u8]) -> Option<Vec<u8>> {
        Some(PublicKey::from(&static_secret(private)?).to_bytes().to_vec())
    }

    fn point(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        (bytes.len() == KEY_BYTES).then(|| bytes.to_vec())
    }

    /// Nothing where the other key is of small order, so that anybody would know the secret.
    fn agree(&self, private: &[u8], point: &[u8]) -> Option<Secret> {
        let public = PublicKey::from(<[u8; KEY_BYTES]>::try_from(point).ok()?);
        let shared = static_secret(private)?.diffie_hellman(&public);
        shared.was_contributory().then(|| Zeroizing::new(shared.as_bytes().to_vec()))
    }
}

pub fn sign<'js>(key: KeyRef<'js>, data: Bytes<'js>) -> Option<Buffer<Vec<u8>>> {
    let signature = signing_key(key.borrow().secret()?)?.sign(&data);
    Some(Buffer(signature.to_bytes().to_vec()))
}

/// Strict: keys and commitments of small order are refused, as the standard says.
pub fn verify<'js>(key: KeyRef<'js>, signature: Bytes<'js>, data: Bytes<'js>) -> bool {
    let key = key.borrow();
    let public = key.point().and_then(|point| VerifyingKey::from_bytes(point.try_into().ok()?).ok());
    match (public, Signature::from_slice(&signature)) {
        (Some(public), Ok(signature)) => public.verify_strict(&data, &signature).is_ok(),
        _ => false,
    }
}

fn random() -> Secret {
    let mut bytes = Zeroizing::new(vec![0; KEY_BYTES]);
    TurnStream.fill_bytes(&mut bytes);
    bytes
}

fn signing_key(private: &[u8]) -> Option<SigningKey> {
    Some(SigningKey::from_bytes(private.try_into().ok()?))
}

fn static_secret(private: &[u8]) -> Option<StaticSecret> {
    let bytes = Zeroizing::new(<[u8; KEY_BYTES]>::try_from(private).ok()?);
    Some(StaticSecret::from(*bytes))
}
