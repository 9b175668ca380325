//! In: a key, an initialisation vector of any length, data. Out: an array filled with AES-GCM of it, tag last.
//! May touch: that array.
//! Security boundary: no.
//!
//! Put together from RustCrypto's AES, CTR and GHASH as NIST SP 800-38D says. Rejected: its `aes-gcm`, which has the
//! lengths of vector and tag in its types, where a script chooses them at run time.

use super::aes::{Aes, BLOCK_BYTES, with_aes};
use super::key::KeyRef;
use super::values::{Bytes, Out};
use aes::cipher::{Array, InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::{CtrCore, flavors};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

type Block = [u8; BLOCK_BYTES];

/// A vector of this length stands in the first counter block as it is.
const IV_BYTES: usize = 12;

struct Gcm<A> {
    aes: A,
    ghash: GHash,
}

/// `out` is `tag_bytes` longer than `data`, or so much shorter. False where the tag is not that of the data.
pub fn gcm<'js>(
    encrypt: bool,
    key: KeyRef<'js>,
    iv: Bytes<'js>,
    additional: Bytes<'js>,
    tag_bytes: usize,
    data: Bytes<'js>,
    mut out: Out<'js>,
) -> bool {
    let key = key.borrow();
    let Some(key) = key.secret() else { return false };
    let out = out.as_mut();
    let done = with_aes!(key, A => Gcm::<A>::new(key).and_then(|gcm| match encrypt {
        true => gcm.seal(&iv, &additional, &data, out, tag_bytes),
        false => gcm.open(&iv, &additional, &data, out, tag_bytes),
    }), None);
    done.is_some()
}

impl<A: Aes> Gcm<A> {
    fn new(key: &[u8]) -> Option<Self> {
        let aes = A::new_from_slice(key).ok()?;
        let mut hash_key = Array::default();
        aes.encrypt_block(&mut hash_key);
        let ghash = GHash::new(&hash_key);
        hash_key.zeroize();
        Some(Gcm { aes, ghash })
    }

    fn seal(&self, iv: &[u8], additional: &[u8], data: &[u8], out: &mut [u8], tag_bytes: usize) -> Option<()> {
        let (text, tag) = out.split_at_mut_checked(data.len())?;
        text.copy_from_slice(data);
        let mask = self.apply_keystream(iv, text)?;
        tag.copy_from_slice(self.tag(mask, additional, text).get(..tag_bytes)?);
        Some(())
    }

    /// Nothing is decrypted before the tag was found to be right.
    fn open(&self, iv: &[u8], additional: &[u8], data: &[u8], out: &mut [u8], tag_bytes: usize) -> Option<()> {
        let (text, tag) = data.split_at_checked(data.len().checked_sub(tag_bytes)?)?;
        let mask = self.apply_keystream(iv, &mut [])?;
        let expected = self.tag(mask, additional, text);
        if !bool::from(expected.get(..tag_bytes)?.ct_eq(tag)) {
            return None;
        }
        out.get_mut(..text.len())?.copy_from_slice(text);
        self.apply_keystream(iv, out).map(drop)
    }

    /// Encrypts or decrypts, and gives the first block of the stream, which masks the tag.
    fn apply_keystream(&self, iv: &[u8], text: &mut [u8]) -> Option<Block> {
        let core = CtrCore::<_, flavors::Ctr32BE>::inner_iv_init(&self.aes, &self.first_counter(iv).into());
        let mut stream = StreamCipherCoreWrapper::from_core(core);
        let mut mask = [0; BLOCK_BYTES];
        stream.try_apply_keystream(&mut mask).ok()?;
        stream.try_apply_keystream(text).ok()?;
        Some(mask)
    }

    fn first_counter(&self, iv: &[u8]) -> Block {
        if iv.len() == IV_BYTES {
            let mut block = [0; BLOCK_BYTES];
            block[..IV_BYTES].copy_from_slice(iv);
            block[BLOCK_BYTES - 1] = 1;
            return block;
        }
        let mut ghash = self.ghash.clone();
        ghash.update_padded(iv);
        ghash.update(&[lengths(0, iv.len()).into()]);
        ghash.finalize().into()
    }

    fn tag(&self, mask: Block, additional: &[u8], text: &[u8]) -> Block {
        let mut ghash = self.ghash.clone();
        ghash.update_padded(additional);
        ghash.update_padded(text);
        ghash.update(&[lengths(additional.len(), text.len()).into()]);
        let mut tag: Block = ghash.finalize().into();
        tag.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        tag
    }
}

/// Two lengths in bits, 64 bits each.
fn lengths(first_bytes: usize, second_bytes: usize) -> Block {
    let bits = |bytes: usize| (bytes as u128) << 3;
    (bits(first_bytes) << 64 | bits(second_bytes)).to_be_bytes()
}
