//! In: the name of a curve. Out: what all curves do: make keys, check them, agree on a secret.
//! May touch: the turn's random stream.
//! Security boundary: no.

use super::c25519::{Ed25519, X25519};
use super::key::{Key, KeyRef};
use super::nist::Nist;
use super::values::{Buffer, Secret};
use crate::text::Text;
use p256::NistP256;
use p384::NistP384;
use p521::NistP521;
use rquickjs::{Class, Ctx, Exception, Result};

/// Private keys and points are in the only form that they have inside: fixed length, points of NIST's uncompressed.
pub trait Curve {
    fn generate(&self) -> Secret;

    /// The point of a private key; nothing for bytes that are none.
    fn point_of(&self, private: &[u8]) -> Option<Vec<u8>>;

    /// The point of this encoding; nothing for bytes that are none.
    fn point(&self, bytes: &[u8]) -> Option<Vec<u8>>;

    /// What the holders of both keys know; nothing where the curve is not for that.
    fn agree(&self, private: &[u8], point: &[u8]) -> Option<Secret>;
}

pub fn by_name(name: &str) -> Option<&'static dyn Curve> {
    Some(match name {
        "P-256" => const { &Nist::<NistP256>::NEW },
        "P-384" => const { &Nist::<NistP384>::NEW },
        "P-521" => const { &Nist::<NistP521>::NEW },
        "Ed25519" => &Ed25519,
        "X25519" => &X25519,
        _ => return None,
    })
}

/// A private key and its point.
pub fn generate<'js>(ctx: Ctx<'js>, name: Text) -> Result<Vec<KeyRef<'js>>> {
    let made = by_name(&name.0).and_then(|curve| {
        let private = curve.generate();
        Some((curve.point_of(&private)?, private))
    });
    let Some((point, private)) = made else { return Err(Exception::throw_internal(&ctx, "no such curve")) };
    Ok(vec![Class::instance(ctx.clone(), Key::Secret(private))?, Class::instance(ctx, Key::Point(point))?])
}

/// The secret that a private key shares with the holder of another one.
pub fn agree<'js>(name: Text, private: KeyRef<'js>, public: KeyRef<'js>) -> Option<Buffer<Secret>> {
    by_name(&name.0)?.agree(private.borrow().secret()?, public.borrow().point()?).map(Buffer)
}
