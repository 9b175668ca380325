//! In: an AES key of 16, 24 or 32 bytes and data. Out: an array filled with them in the modes CBC, CTR and KW.
//! May touch: that array.
//! Security boundary: no.

use super::key::KeyRef;
use super::values::{Bytes, Out};
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit, StreamCipher,
    consts::U16,
};
use aes_kw::AesKw;
use ctr::Ctr128BE;

pub const BLOCK_BYTES: usize = 16;

/// The cipher in both directions.
pub trait Aes: KeyInit + BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt<BlockSize = U16> {}

impl<A: KeyInit + BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt<BlockSize = U16>> Aes for A {}

/// Runs `$body` with `$A` as the cipher for a key of this length; `$otherwise` where AES has no such key.
macro_rules! with_aes {
    ($key:expr, $A:ident => $body:expr, $otherwise:expr) => {
        match $key.len() {
            16 => {
                type $A = aes::Aes128;
                $body
            }
            24 => {
                type $A = aes::Aes192;
                $body
            }
            32 => {
                type $A = aes::Aes256;
                $body
            }
            _ => $otherwise,
        }
    };
}
pub(super) use with_aes;

/// How many bytes of `out` it filled; nothing where the padding is wrong. `out` has room for data and padding.
pub fn cbc<'js>(encrypt: bool, key: KeyRef<'js>, iv: Bytes<'js>, data: Bytes<'js>, mut out: Out<'js>) -> Option<usize> {
    let key = key.borrow();
    let key = key.secret()?;
    with_aes!(key, A => cbc_with::<A>(encrypt, key, &iv, &data, out.as_mut()), None)
}

fn cbc_with<A: Aes>(encrypt: bool, key: &[u8], iv: &[u8], data: &[u8], out: &mut [u8]) -> Option<usize> {
    out.get_mut(..data.len())?.copy_from_slice(data);
    if encrypt {
        let mode = cbc::Encryptor::<A>::new_from_slices(key, iv).ok()?;
        return Some(mode.encrypt_padded::<Pkcs7>(out, data.len()).ok()?.len());
    }
    let mode = cbc::Decryptor::<A>::new_from_slices(key, iv).ok()?;
    Some(mode.decrypt_padded::<Pkcs7>(out).ok()?.len())
}

/// The counter is the last `counter_bits` of its block and starts again from zero within them. False where the same
/// counter would be used twice. `out` is as long as `data`.
pub fn ctr<'js>(key: KeyRef<'js>, counter: Bytes<'js>, counter_bits: u32, data: Bytes<'js>, mut out: Out<'js>) -> bool {
    let key = key.borrow();
    let (Some(key), Ok(counter)) = (key.secret(), <[u8; BLOCK_BYTES]>::try_from(&*counter)) else { return false };
    let out = out.as_mut();
    if out.len() != data.len() {
        return false;
    }
    out.copy_from_slice(&data);
    with_aes!(key, A => ctr_with::<A>(key, u128::from_be_bytes(counter), counter_bits, out), None).is_some()
}

fn ctr_with<A: Aes>(key: &[u8], start: u128, counter_bits: u32, out: &mut [u8]) -> Option<()> {
    let mask = u128::MAX.checked_shr(u128::BITS.checked_sub(counter_bits)?)?;
    let blocks = out.len().div_ceil(BLOCK_BYTES) as u128;
    if blocks.saturating_sub(1) > mask {
        return None;
    }
    let until_zero = (mask - (start & mask)).saturating_add(1).saturating_mul(BLOCK_BYTES as u128);
    let until_zero = usize::try_from(until_zero).unwrap_or(usize::MAX).min(out.len());
    let (head, tail) = out.split_at_mut(until_zero);
    for (counter, part) in [(start, head), (start & !mask, tail)] {
        let mut stream = Ctr128BE::<A>::new_from_slices(key, &counter.to_be_bytes()).ok()?;
        stream.try_apply_keystream(part).ok()?;
    }
    Some(())
}

/// RFC 3394. `out` is 8 bytes longer than `data`, or 8 shorter; false where what is unwrapped was not wrapped so.
pub fn key_wrap<'js>(wrap: bool, key: KeyRef<'js>, data: Bytes<'js>, mut out: Out<'js>) -> bool {
    let key = key.borrow();
    let Some(key) = key.secret() else { return false };
    with_aes!(key, A => key_wrap_with::<A>(wrap, key, &data, out.as_mut()), None).is_some()
}

fn key_wrap_with<A: Aes>(wrap: bool, key: &[u8], data: &[u8], out: &mut [u8]) -> Option<()> {
    let mode = AesKw::<A>::new_from_slice(key).ok()?;
    let done = if wrap { mode.wrap_key(data, out) } else { mode.unwrap_key(data, out) };
    done.ok().map(drop)
}
