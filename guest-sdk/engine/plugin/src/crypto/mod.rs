//! In: bytes and keys from the prelude's `crypto-*.ts`, parameters already checked there. Out: the algorithms of
//! `crypto.subtle` on them; `undefined` or `false` where one fails.
//! May touch: the turn's random stream. Security boundary: no; the secrets are the script's own.

mod aes;
mod c25519;
mod curves;
mod derive;
mod formats;
mod gcm;
mod hash;
mod key;
mod mac;
mod nist;
mod random;
mod rsa_key;
mod rsa_schemes;
mod values;

use rquickjs::{Ctx, Function, Object, Result};

/// Adds `crypto` to the natives, as `guest-sdk/js/crypto-native.ts` describes it.
pub fn register<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    let crypto = Object::new(ctx.clone())?;
    crypto.set("digest", Function::new(ctx.clone(), hash::digest)?)?;
    crypto.set("hmac", Function::new(ctx.clone(), mac::sign)?)?;
    crypto.set("hmacVerify", Function::new(ctx.clone(), mac::verify)?)?;
    crypto.set("aesGcm", Function::new(ctx.clone(), gcm::gcm)?)?;
    crypto.set("aesCbc", Function::new(ctx.clone(), aes::cbc)?)?;
    crypto.set("aesCtr", Function::new(ctx.clone(), aes::ctr)?)?;
    crypto.set("aesKw", Function::new(ctx.clone(), aes::key_wrap)?)?;
    crypto.set("hkdf", Function::new(ctx.clone(), derive::hkdf)?)?;
    crypto.set("pbkdf2", Function::new(ctx.clone(), derive::pbkdf2)?)?;
    crypto.set("ecdsaSign", Function::new(ctx.clone(), nist::sign)?)?;
    crypto.set("ecdsaVerify", Function::new(ctx.clone(), nist::verify)?)?;
    crypto.set("ed25519Sign", Function::new(ctx.clone(), c25519::sign)?)?;
    crypto.set("ed25519Verify", Function::new(ctx.clone(), c25519::verify)?)?;
    crypto.set("agree", Function::new(ctx.clone(), curves::agree)?)?;
    crypto.set("rsaSign", Function::new(ctx.clone(), rsa_schemes::sign)?)?;
    crypto.set("rsaVerify", Function::new(ctx.clone(), rsa_schemes::verify)?)?;
    crypto.set("rsaEncrypt", Function::new(ctx.clone(), rsa_schemes::encrypt)?)?;
    crypto.set("rsaDecrypt", Function::new(ctx.clone(), rsa_schemes::decrypt)?)?;
    crypto.set("secretKey", Function::new(ctx.clone(), key::secret)?)?;
    crypto.set("secretKeyOfText", Function::new(ctx.clone(), key::secret_of_text)?)?;
    crypto.set("secretBits", Function::new(ctx.clone(), key::secret_bits)?)?;
    crypto.set("cutSecret", Function::new(ctx.clone(), key::cut_secret)?)?;
    crypto.set("secretText", Function::new(ctx.clone(), key::secret_text)?)?;
    crypto.set("secretBytes", Function::new(ctx.clone(), key::secret_bytes)?)?;
    crypto.set("randomKey", Function::new(ctx.clone(), key::random)?)?;
    crypto.set("generatePair", Function::new(ctx.clone(), curves::generate)?)?;
    crypto.set("isRsaPossible", Function::new(ctx.clone(), rsa_key::is_possible)?)?;
    crypto.set("generateRsa", Function::new(ctx.clone(), rsa_key::generate)?)?;
    crypto.set("modulusBits", Function::new(ctx.clone(), rsa_key::modulus_bits)?)?;
    crypto.set("publicExponent", Function::new(ctx.clone(), rsa_key::public_exponent)?)?;
    crypto.set("decodeKey", Function::new(ctx.clone(), formats::decode)?)?;
    crypto.set("encodeKey", Function::new(ctx.clone(), formats::encode)?)?;
    crypto.set("joinKey", Function::new(ctx.clone(), formats::join)?)?;
    crypto.set("splitKey", Function::new(ctx.clone(), formats::split)?)?;
    natives.set("crypto", crypto)
}
