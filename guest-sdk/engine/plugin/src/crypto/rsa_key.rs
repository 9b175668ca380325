//! In: the numbers of an RSA key, as JWK and PKCS#1 have them. Out: keys that hold together, and their numbers again.
//! May touch: the turn's random stream, for new keys.
//! Security boundary: no. The bounds keep a key from costing more than its use.

use super::key::{Key, KeyRef};
use super::random::TurnStream;
use super::values::{Buffer, Bytes, Secret};
use crate::limits::{RSA_BITS_MAX, RSA_BITS_MIN, RSA_EXPONENT_MAX};
use pkcs1::UintRef;
use pkcs8::der::{Decode, Encode};
use rquickjs::{Class, Ctx, Result};
use rsa::BoxedUint;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use zeroize::Zeroizing;

/// Whether a key can have this length and this exponent.
pub fn is_possible(bits: usize, exponent: Bytes<'_>) -> bool {
    (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) && checked_exponent(&exponent).is_some()
}

/// A private and a public key, of a length and with an exponent that are possible.
pub fn generate<'js>(ctx: Ctx<'js>, bits: usize, exponent: Bytes<'js>) -> Result<Option<Vec<KeyRef<'js>>>> {
    let Some(exponent) = checked_exponent(&exponent) else { return Ok(None) };
    let Ok(private) = rsa::PrivateKey::new_with_exp(&mut TurnStream, bits, exponent) else { return Ok(None) };
    let public = Key::RsaPublic(Box::new(private.to_public_key()));
    let private = Key::RsaPrivate(Box::new(private));
    Ok(Some(vec![Class::instance(ctx.clone(), private)?, Class::instance(ctx, public)?]))
}

/// How long the modulus of a key is, in bits.
pub fn modulus_bits(key: KeyRef<'_>) -> Option<u32> {
    Some(public_part(&key.borrow())?.n().bit_width_vartime())
}

/// The public exponent of a key, big-endian.
pub fn public_exponent(key: KeyRef<'_>) -> Option<Buffer<Box<[u8]>>> {
    Some(Buffer(public_part(&key.borrow())?.e_bytes()))
}

fn public_part(key: &Key) -> Option<&rsa::PublicKey> {
    key.rsa_public().or_else(|| key.rsa_private().map(rsa::PrivateKey::as_public_key))
}

/// The key of `[n, e]` or of `[n, e, d, p, q, dp, dq, qi]`, each big-endian.
pub fn join(parts: &[&[u8]]) -> Option<Key> {
    match *parts {
        [n, e] => {
            let public = rsa::PublicKey::new(number(n)?, checked_exponent(e)?).ok()?;
            Some(Key::RsaPublic(Box::new(public)))
        }
        [n, e, d, p, q, ..] if parts.len() == 8 => {
            let primes = vec![number(p)?, number(q)?];
            let private =
                rsa::PrivateKey::from_components(number(n)?, checked_exponent(e)?, number(d)?, primes).ok()?;
            let fits = (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&(private.n().bit_width_vartime() as usize));
            let key = Key::RsaPrivate(Box::new(private));
            // The last three follow from the others: a key in which they do not was damaged, or made to do damage.
            let same = split(&key)?.iter().zip(parts).all(|(own, given)| own.as_slice() == trimmed(given));
            (fits && same).then_some(key)
        }
        _ => None,
    }
}

/// What `join` takes.
pub fn split(key: &Key) -> Option<Vec<Secret>> {
    let bytes = |number: &BoxedUint| Zeroizing::new(number.to_be_bytes_trimmed_vartime().into_vec());
    match key {
        Key::RsaPublic(key) => Some(vec![bytes(key.n()), bytes(key.e())]),
        Key::RsaPrivate(key) => {
            let [p, q] = key.primes() else { return None };
            let (dp, dq, qi) = (key.dp()?, key.dq()?, Zeroizing::new(key.crt_coefficient()?));
            Some([key.n(), key.e(), key.d(), p, q, dp, dq, &qi].map(bytes).into())
        }
        _ => None,
    }
}

/// The key in PKCS#1's form.
pub fn from_pkcs1(private: bool, der: &[u8]) -> Option<Key> {
    if !private {
        let key = pkcs1::RsaPublicKeyRef::from_der(der).ok()?;
        return join(&[key.modulus.as_bytes(), key.public_exponent.as_bytes()]);
    }
    let key = pkcs1::RsaPrivateKeyRef::from_der(der).ok()?;
    if key.other_prime_infos.is_some() {
        return None;
    }
    let parts = [
        &key.modulus,
        &key.public_exponent,
        &key.private_exponent,
        &key.prime1,
        &key.prime2,
        &key.exponent1,
        &key.exponent2,
        &key.coefficient,
    ];
    join(&parts.map(UintRef::as_bytes))
}

pub fn to_pkcs1(key: &Key) -> Option<Secret> {
    let parts = split(key)?;
    let parts = parts.iter().map(|part| UintRef::new(part)).collect::<std::result::Result<Vec<_>, _>>().ok()?;
    let der = match *parts {
        [modulus, public_exponent] => pkcs1::RsaPublicKeyRef { modulus, public_exponent }.to_der(),
        [modulus, public_exponent, private_exponent, prime1, prime2, exponent1, exponent2, coefficient] => {
            let other_prime_infos = None;
            pkcs1::RsaPrivateKeyRef {
                modulus,
                public_exponent,
                private_exponent,
                prime1,
                prime2,
                exponent1,
                exponent2,
                coefficient,
                other_prime_infos,
            }
            .to_der()
        }
        _ => return None,
    };
    der.ok().map(Zeroizing::new)
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Nothing for zero, and for what is longer than a modulus may be.
fn number(bytes: &[u8]) -> Option<BoxedUint> {
    let bytes = trimmed(bytes);
    let bits = u32::try_from(bytes.len() * 8).ok()?;
    if bits == 0 || bits as usize > RSA_BITS_MAX {
        return None;
    }
    BoxedUint::from_be_slice(bytes, bits).ok()
}

/// Odd, at least 3, and small enough. With an even one, looking for primes would never end.
fn checked_exponent(bytes: &[u8]) -> Option<BoxedUint> {
    let value =
        trimmed(bytes).iter().try_fold(0_u64, |value, &byte| Some(value.checked_mul(256)? + u64::from(byte)))?;
    (value >= 3 && value % 2 == 1 && value <= RSA_EXPONENT_MAX).then(|| BoxedUint::from(value))
}
