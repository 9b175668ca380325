//! In: bytes that the store is to keep, and what they are. Out: the same sealed; and opened again, if nothing was changed.
//! May touch: nothing; the master key comes from `master_key.rs`.
//! Security boundary: yes. Who can write to the database can take a record away, and no more: one that was altered, that is
//! another tenant's, another run's, or of another moment of the same run does not open.
//!
//! AES-256-GCM with a key for each record, derived by HKDF-SHA256 (RFC 5869) from the tenant's key and 32 random bytes that
//! stand before the record; so no nonce is ever used twice, however many records there are. The tenant's key comes from the
//! master key and the tenant's name; the master key is drawn uniformly, so nothing has to be extracted. All that a record is bound to is its associated data, every length included.

use crate::master_key::MasterKey;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 32;
/// Stands first in each record; another form of records will have another one.
const FORM: u8 = 1;

/// Why a record was not opened. Which of the reasons it is nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record was altered, belongs elsewhere, or was sealed with another key")]
pub struct NotOpened;

/// A tenant's key.
pub struct TenantKey(Prk);

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl TenantKey {
    pub fn of(master: &MasterKey, tenant: &str) -> Result<TenantKey, NotOpened> {
        let master = Prk::new_less_safe(HKDF_SHA256, master.expose());
        Ok(TenantKey(Prk::new_less_safe(HKDF_SHA256, &*derive(&master, &[b"mayfly tenant", tenant.as_bytes()])?)))
    }

    /// `bound`: everything that the record is only good for.
    pub fn seal(&self, bound: &[&[u8]], content: &[u8]) -> std::io::Result<Vec<u8>> {
        let failed = |_| std::io::Error::other("AES-GCM is not available");
        let mut sealed = vec![0; 1 + SALT_BYTES];
        let (form, salt) = sealed.split_at_mut(1);
        form.fill(FORM);
        getrandom::fill(salt).map_err(std::io::Error::other)?;
        let key = self.record(salt).map_err(failed)?;
        let mut text = content.to_vec();
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        key.seal_in_place_append_tag(nonce, Aad::from(joined(bound)), &mut text)
            .map_err(|_| std::io::Error::other("the content is too long to be sealed"))?;
        sealed.append(&mut text);
        Ok(sealed)
    }

    pub fn open(&self, bound: &[&[u8]], sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let (head, text) = sealed.split_at_checked(1 + SALT_BYTES).ok_or(NotOpened)?;
        let (form, salt) = head.split_first().ok_or(NotOpened)?;
        if *form != FORM {
            return Err(NotOpened);
        }
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let content = self.record(salt)?.open_in_place(nonce, Aad::from(joined(bound)), &mut text);
        let bytes = content.map_err(|_| NotOpened)?.len();
        text.truncate(bytes);
        Ok(text)
    }

    fn record(&self, salt: &[u8]) -> Result<LessSafeKey, NotOpened> {
        let key = derive(&self.0, &[b"mayfly record", salt])?;
        Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| NotOpened)?))
    }
}

fn derive(from: &Prk, info: &[&[u8]]) -> Result<Zeroizing<[u8; KEY_BYTES]>, NotOpened> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let info = joined(info);
    let info = [info.as_slice()];
    from.expand(&info, Length).and_then(|okm| okm.fill(&mut *key)).map_err(|_| NotOpened)?;
    Ok(key)
}

/// Every length is part of it, so that no two lists can meet.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_le_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8, tenant: &str) -> TenantKey {
        TenantKey::of(&MasterKey::from([byte; 32]), tenant).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_where_it_belongs() {
        let acme = key(1, "acme");
        let sealed = acme.seal(&[b"run", b"1"], b"content").unwrap();
        assert_eq!(sealed.len(), b"content".len() + 1 + SALT_BYTES + 16);
        assert_eq!(acme.open(&[b"run", b"1"], &sealed).as_deref(), Ok(&b"content"[..]));
        for (other, bound) in [
            (&acme, &[&b"run"[..], b"2"][..]),
            (&acme, &[b"run1", b""]),
            (&acme, &[b"run", b"1", b""]),
            (&key(1, "evil"), &[b"run", b"1"]),
            (&key(2, "acme"), &[b"run", b"1"]),
        ] {
            assert_eq!(other.open(bound, &sealed), Err(NotOpened));
        }
        assert_ne!(acme.seal(&[b"run", b"1"], b"content").unwrap(), sealed, "each record has a key of its own");
    }

    #[test]
    fn every_bit_counts() {
        let acme = key(1, "acme");
        let sealed = acme.seal(&[b"a"], b"content").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(acme.open(&[b"a"], &altered), Err(NotOpened), "{bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(acme.open(&[b"a"], &sealed[..length]), Err(NotOpened), "{length}");
        }
        assert_eq!(acme.open(&[b"a"], &[&sealed[..], b"x"].concat()), Err(NotOpened));
    }
}
