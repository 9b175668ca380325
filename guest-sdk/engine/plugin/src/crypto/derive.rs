//! In: key material, salt and parameters. Out: an array filled with what HKDF or PBKDF2 makes of them.
//! May touch: that array.
//! Security boundary: no. How long PBKDF2 may take is the host's matter, as of every other loop.

use super::hash::{Hash, with_hash};
use super::key::KeyRef;
use super::values::{Bytes, Out};
use hkdf::Hkdf;

/// False where more is asked for than HKDF can give, 255 times the size of the hash.
pub fn hkdf<'js>(hash: Hash, key: KeyRef<'js>, salt: Bytes<'js>, info: Bytes<'js>, mut out: Out<'js>) -> bool {
    let key = key.borrow();
    let Some(secret) = key.secret() else { return false };
    with_hash!(hash, D => Hkdf::<D>::new(Some(&salt), secret).expand(&info, out.as_mut()).is_ok())
}

pub fn pbkdf2<'js>(hash: Hash, key: KeyRef<'js>, salt: Bytes<'js>, iterations: u32, mut out: Out<'js>) -> bool {
    let key = key.borrow();
    let Some(password) = key.secret() else { return false };
    with_hash!(hash, D => pbkdf2::pbkdf2_hmac::<D>(password, &salt, iterations, out.as_mut()));
    true
}
