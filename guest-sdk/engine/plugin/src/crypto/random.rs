//! In: the wish for randomness of a key, a salt or a blinding factor. Out: the turn's stream, in the trait that
//! RustCrypto takes.
//! May touch: the turn's random stream. Security boundary: no; the host chooses the seed.

use crate::stimulus;
use rsa::rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;

/// The stream that `crypto.getRandomValues` draws from: same program, same events, same keys.
pub struct TurnStream;

impl TryRng for TurnStream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        stimulus::fill_random(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        stimulus::fill_random(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        stimulus::fill_random(out);
        Ok(())
    }
}

impl TryCryptoRng for TurnStream {}
