// Signing, hashing, encrypting, deriving.

export default async function (input: { secret: string; text: string }) {
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", encoder.encode(input.secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(input.text)));
  const digest = Buffer.from(await crypto.subtle.digest("SHA-256", encoder.encode(input.text))).toString("hex");
  const aes = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, aes, encoder.encode("x"));
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const jwk = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const base = await crypto.subtle.importKey("raw", encoder.encode("p"), "PBKDF2", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", iterations: 1_000, salt: iv }, base, 256);
  return {
    hex: signature.toHex(), base64: signature.toBase64({ alphabet: "base64url", omitPadding: true }), digest, id: crypto.randomUUID(),
    sealed: sealed.byteLength, curve: jwk.crv, bits: bits.byteLength, again: Uint8Array.fromBase64("AQI=").length,
  };
}
