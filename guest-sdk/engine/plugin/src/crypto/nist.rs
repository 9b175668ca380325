//! In: private keys, points and signatures on P-256, P-384 and P-521. Out: the same checked; ECDSA and ECDH.
//! May touch: the turn's random stream, for new keys. Nonces of signatures are those of RFC 6979.
//! Security boundary: no.

use super::curves::Curve;
use super::hash::{Hash, with_hash};
use super::key::KeyRef;
use super::random::TurnStream;
use super::values::{Buffer, Bytes, Secret};
use crate::text::Text;
use ecdsa::elliptic_curve::array::ArraySize;
use ecdsa::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use ecdsa::elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, Generate, PublicKey, SecretKey, ecdh,
};
use ecdsa::{EcdsaCurve, Signature, SignatureSize, hazmat};
use p256::NistP256;
use p384::NistP384;
use p521::NistP521;
use std::marker::PhantomData;
use zeroize::Zeroizing;

/// First byte of an encoded point: compressed (even, odd), uncompressed.
const POINT_TAGS: [u8; 3] = [2, 3, 4];

pub struct Nist<C>(PhantomData<C>);

impl<C> Nist<C> {
    pub const NEW: Self = Nist(PhantomData);
}

impl<C> Nist<C>
where
    C: EcdsaCurve + CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
    SignatureSize<C>: ArraySize,
{
    fn private(bytes: &[u8]) -> Option<SecretKey<C>> {
        SecretKey::from_bytes(<&FieldBytes<C>>::try_from(bytes).ok()?).ok()
    }

    fn public(bytes: &[u8]) -> Option<PublicKey<C>> {
        let known = bytes.first().is_some_and(|tag| POINT_TAGS.contains(tag));
        if known { PublicKey::from_sec1_bytes(bytes).ok() } else { None }
    }

    fn encode(public: &PublicKey<C>) -> Vec<u8> {
        public.as_affine().to_sec1_point(false).as_bytes().to_vec()
    }

    fn sign(hash: Hash, private: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        let scalar = Zeroizing::new(Self::private(private)?.to_nonzero_scalar());
        let digest = hash.digest(data);
        let (signature, _) = with_hash!(hash, D => hazmat::sign_prehashed_rfc6979::<C, D>(&scalar, &digest, &[]));
        Some(signature.to_bytes().to_vec())
    }

    fn verify(hash: Hash, public: &[u8], signature: &[u8], data: &[u8]) -> Option<()> {
        let signature = Signature::<C>::from_slice(signature).ok()?;
        hazmat::verify_prehashed(&Self::public(public)?.to_projective(), &hash.digest(data), &signature).ok()
    }
}

impl<C> Curve for Nist<C>
where
    C: EcdsaCurve + CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
    SignatureSize<C>: ArraySize,
{
    fn generate(&self) -> Secret {
        let bytes = Zeroizing::new(SecretKey::<C>::generate_from_rng(&mut TurnStream).to_bytes());
        Zeroizing::new(bytes.to_vec())
    }

    fn point_of(&self, private: &[u8]) -> Option<Vec<u8>> {
        Some(Self::encode(&Self::private(private)?.public_key()))
    }

    fn point(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        Some(Self::encode(&Self::public(bytes)?))
    }

    fn agree(&self, private: &[u8], point: &[u8]) -> Option<Secret> {
        let scalar = Zeroizing::new(Self::private(private)?.to_nonzero_scalar());
        let shared = ecdh::diffie_hellman::<C>(&*scalar, Self::public(point)?.as_affine());
        Some(Zeroizing::new(shared.raw_secret_bytes().to_vec()))
    }
}

/// `r` and `s`, each as long as the curve's order.
pub fn sign<'js>(curve: Text, hash: Hash, key: KeyRef<'js>, data: Bytes<'js>) -> Option<Buffer<Vec<u8>>> {
    let key = key.borrow();
    let private = key.secret()?;
    let signature = match curve.0.as_str() {
        "P-256" => Nist::<NistP256>::sign(hash, private, &data),
        "P-384" => Nist::<NistP384>::sign(hash, private, &data),
        "P-521" => Nist::<NistP521>::sign(hash, private, &data),
        _ => None,
    };
    signature.map(Buffer)
}

pub fn verify<'js>(curve: Text, hash: Hash, key: KeyRef<'js>, signature: Bytes<'js>, data: Bytes<'js>) -> bool {
    let key = key.borrow();
    let Some(public) = key.point() else { return false };
    let verified = match curve.0.as_str() {
        "P-256" => Nist::<NistP256>::verify(hash, public, &signature, &data),
        "P-384" => Nist::<NistP384>::verify(hash, public, &signature, &data),
        "P-521" => Nist::<NistP521>::verify(hash, public, &signature, &data),
        _ => None,
    };
    verified.is_some()
}
