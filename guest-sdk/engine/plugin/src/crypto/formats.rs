//! In: keys as others write them: raw points, SPKI, PKCS#8, and the numbers of a JWK. Out: keys, and the same of keys.
//! May touch: nothing.
//! Security boundary: no. Everything here is parsed by RustCrypto's `der`, which refuses what is not DER.

use super::curves::{self, Curve};
use super::key::{Key, KeyRef, from_base64, to_base64};
use super::rsa_key;
use super::values::{Buffer, Bytes, Secret};
use crate::text::Text;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef};
use pkcs8::der::oid::ObjectIdentifier;
use pkcs8::der::{Decode, Encode};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use rquickjs::{Class, Ctx, Result};
use sec1::EcPrivateKey;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const RSA: &str = "RSA";
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const NAMED_CURVES: [(&str, ObjectIdentifier); 3] = [
    ("P-256", ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7")),
    ("P-384", ObjectIdentifier::new_unwrap("1.3.132.0.34")),
    ("P-521", ObjectIdentifier::new_unwrap("1.3.132.0.35")),
];
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");

/// First byte of a point that is not compressed.
const UNCOMPRESSED: u8 = 4;

/// The key of kind `RSA` or of a curve that these bytes are, in the format `raw`, `spki` or `pkcs8`.
pub fn decode<'js>(ctx: Ctx<'js>, kind: Text, format: Text, bytes: Bytes<'js>) -> Result<Option<KeyRef<'js>>> {
    let key = match format.0.as_str() {
        "raw" => public(&kind.0, &bytes),
        "spki" => from_spki(&kind.0, &bytes),
        _ => from_pkcs8(&kind.0, &bytes),
    };
    key.map(|key| Class::instance(ctx, key)).transpose()
}

pub fn encode<'js>(kind: Text, format: Text, key: KeyRef<'js>) -> Option<Buffer<Secret>> {
    let key = key.borrow();
    let encoded = match format.0.as_str() {
        "raw" => Some(Zeroizing::new(key.point()?.to_vec())),
        "spki" => to_spki(&kind.0, &key),
        _ => to_pkcs8(&kind.0, &key),
    };
    encoded.map(Buffer)
}

/// The key with these numbers, each in base64url: RSA as in `rsa_key::join`; a curve's `[x, y]` or `[x]`, and after them
/// `d` of a private key.
pub fn join<'js>(ctx: Ctx<'js>, kind: Text, numbers: Vec<Text>) -> Result<Option<KeyRef<'js>>> {
    let decoded: Option<Vec<Secret>> = numbers.iter().map(|number| from_base64(&number.0)).collect();
    let Some(decoded) = decoded else { return Ok(None) };
    let numbers: Vec<&[u8]> = decoded.iter().map(|number| number.as_slice()).collect();
    let key = match kind.0.as_str() {
        RSA => rsa_key::join(&numbers),
        name => join_curve(name, &numbers),
    };
    key.map(|key| Class::instance(ctx, key)).transpose()
}

/// What `join` takes.
pub fn split(kind: Text, key: KeyRef<'_>) -> Option<Vec<String>> {
    let key = key.borrow();
    let numbers = match kind.0.as_str() {
        RSA => rsa_key::split(&key),
        name => split_curve(name, &key),
    };
    Some(numbers?.iter().map(|number| to_base64(number)).collect())
}

fn join_curve(name: &str, parts: &[&[u8]]) -> Option<Key> {
    let curve = curves::by_name(name)?;
    let (point, private) = match (named_curve(name), parts) {
        (Some(_), [x, y]) => (uncompressed(x, y)?, None),
        (Some(_), [x, y, d]) => (uncompressed(x, y)?, Some(*d)),
        (None, [x]) => (x.to_vec(), None),
        (None, [x, d]) => (x.to_vec(), Some(*d)),
        _ => return None,
    };
    match private {
        Some(private) => private_with(curve, private, Some(&point)),
        None => curve.point(&point).map(Key::Point),
    }
}

fn split_curve(name: &str, key: &Key) -> Option<Vec<Secret>> {
    let point = match key {
        Key::Secret(private) => curves::by_name(name)?.point_of(private)?,
        _ => key.point()?.to_vec(),
    };
    let mut parts: Vec<Secret> = match named_curve(name) {
        Some(_) => {
            let coordinates = point.get(1..)?;
            coordinates.chunks(coordinates.len() / 2).map(|half| Zeroizing::new(half.to_vec())).collect()
        }
        None => vec![Zeroizing::new(point)],
    };
    parts.extend(key.secret().map(|private| Zeroizing::new(private.to_vec())));
    Some(parts)
}

fn uncompressed(x: &[u8], y: &[u8]) -> Option<Vec<u8>> {
    (x.len() == y.len()).then(|| [&[UNCOMPRESSED], x, y].concat())
}

/// A private key whose point, where one is given, is its own.
fn private_with(curve: &dyn Curve, private: &[u8], point: Option<&[u8]>) -> Option<Key> {
    let own = curve.point_of(private)?;
    if let Some(point) = point
        && !bool::from(curve.point(point)?.ct_eq(&own))
    {
        return None;
    }
    Some(Key::Secret(Zeroizing::new(private.to_vec())))
}

fn public(kind: &str, bytes: &[u8]) -> Option<Key> {
    match kind {
        RSA => rsa_key::from_pkcs1(false, bytes),
        name => curves::by_name(name)?.point(bytes).map(Key::Point),
    }
}

fn from_spki(kind: &str, der: &[u8]) -> Option<Key> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    if !is_of(kind, &info.algorithm) {
        return None;
    }
    public(kind, info.subject_public_key.as_bytes()?)
}

fn to_spki(kind: &str, key: &Key) -> Option<Secret> {
    let bytes = match kind {
        RSA => rsa_key::to_pkcs1(key)?,
        _ => Zeroizing::new(key.point()?.to_vec()),
    };
    let subject_public_key = BitStringRef::from_bytes(&bytes).ok()?;
    with_identifier(kind, |algorithm| SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().ok())
}

fn from_pkcs8(kind: &str, der: &[u8]) -> Option<Key> {
    let info = PrivateKeyInfoRef::from_der(der).ok()?;
    if !is_of(kind, &info.algorithm) {
        return None;
    }
    let inner = info.private_key.as_bytes();
    match (kind, named_curve(kind)) {
        (RSA, _) => rsa_key::from_pkcs1(true, inner),
        (_, Some(oid)) => {
            let key = EcPrivateKey::from_der(inner).ok()?;
            if key.parameters.is_some_and(|parameters| parameters.named_curve() != Some(oid)) {
                return None;
            }
            private_with(curves::by_name(kind)?, key.private_key, key.public_key)
        }
        (_, None) => {
            let private = <&OctetStringRef>::from_der(inner).ok()?;
            private_with(curves::by_name(kind)?, private.as_bytes(), None)
        }
    }
}

fn to_pkcs8(kind: &str, key: &Key) -> Option<Secret> {
    let inner = match (kind, named_curve(kind)) {
        (RSA, _) => rsa_key::to_pkcs1(key)?,
        (_, Some(_)) => {
            let private_key = key.secret()?;
            let point = curves::by_name(kind)?.point_of(private_key)?;
            Zeroizing::new(EcPrivateKey { private_key, parameters: None, public_key: Some(&point) }.to_der().ok()?)
        }
        (_, None) => Zeroizing::new(OctetStringRef::new(key.secret()?).ok()?.to_der().ok()?),
    };
    let private_key = OctetStringRef::new(&inner).ok()?;
    with_identifier(kind, |algorithm| PrivateKeyInfoRef::new(algorithm, private_key).to_der().ok())
}

fn named_curve(name: &str) -> Option<ObjectIdentifier> {
    NAMED_CURVES.iter().find(|(known, _)| *known == name).map(|(_, oid)| *oid)
}

/// Whether a key's algorithm is that of the kind. The parameters of RSA say nothing and are not looked at.
fn is_of(kind: &str, algorithm: &AlgorithmIdentifierRef<'_>) -> bool {
    match kind {
        RSA => algorithm.oid == RSA_ENCRYPTION,
        "Ed25519" => algorithm.oid == ED25519 && algorithm.parameters.is_none(),
        "X25519" => algorithm.oid == X25519 && algorithm.parameters.is_none(),
        name => algorithm.oid == EC_PUBLIC_KEY && algorithm.parameters_oid().ok() == named_curve(name),
    }
}

fn with_identifier(kind: &str, encode: impl FnOnce(AlgorithmIdentifierRef<'_>) -> Option<Vec<u8>>) -> Option<Secret> {
    let curve = named_curve(kind);
    let (oid, parameters) = match (kind, &curve) {
        (RSA, _) => (RSA_ENCRYPTION, Some(AnyRef::NULL)),
        ("Ed25519", _) => (ED25519, None),
        ("X25519", _) => (X25519, None),
        (_, Some(curve)) => (EC_PUBLIC_KEY, Some(AnyRef::from(curve))),
        _ => return None,
    };
    encode(AlgorithmIdentifierRef { oid, parameters }).map(Zeroizing::new)
}
