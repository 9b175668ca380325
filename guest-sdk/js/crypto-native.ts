// In: nothing. Out: the types of what the plugin does for `crypto.subtle` (plugin/src/crypto).
// May touch: nothing.
// Security boundary: no.

/** Key material on the other side. Script code that gets hold of one can read nothing from it. */
export interface NativeKey {
  readonly [opaque]: never;
}
declare const opaque: unique symbol;

export type Bytes = Uint8Array<ArrayBuffer>;
export type Hash = "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";
export type NistCurve = "P-256" | "P-384" | "P-521";
export type Curve = NistCurve | "Ed25519" | "X25519";
export type Kind = Curve | "RSA";
/** A private key and its public one. */
export type NativePair = [private_key: NativeKey, public_key: NativeKey];

/**
 * Arguments were checked before; what remains to go wrong is answered with `undefined` or `false`. An `out` is a fresh
 * array of the right length, filled where the answer is good. No argument is kept.
 */
export interface NativeCrypto {
  digest(hash: Hash, data: Bytes): ArrayBuffer;
  hmac(hash: Hash, key: NativeKey, data: Bytes): ArrayBuffer;
  hmacVerify(hash: Hash, key: NativeKey, signature: Bytes, data: Bytes): boolean;
  aesGcm(encrypt: boolean, key: NativeKey, iv: Bytes, additional: Bytes, tag_bytes: number, data: Bytes, out: Bytes): boolean;
  /** How many bytes of `out` were filled. */
  aesCbc(encrypt: boolean, key: NativeKey, iv: Bytes, data: Bytes, out: Bytes): number | undefined;
  aesCtr(key: NativeKey, counter: Bytes, counter_bits: number, data: Bytes, out: Bytes): boolean;
  aesKw(wrap: boolean, key: NativeKey, data: Bytes, out: Bytes): boolean;
  hkdf(hash: Hash, key: NativeKey, salt: Bytes, info: Bytes, out: Bytes): boolean;
  pbkdf2(hash: Hash, key: NativeKey, salt: Bytes, iterations: number, out: Bytes): boolean;
  ecdsaSign(curve: NistCurve, hash: Hash, key: NativeKey, data: Bytes): ArrayBuffer | undefined;
  ecdsaVerify(curve: NistCurve, hash: Hash, key: NativeKey, signature: Bytes, data: Bytes): boolean;
  ed25519Sign(key: NativeKey, data: Bytes): ArrayBuffer | undefined;
  ed25519Verify(key: NativeKey, signature: Bytes, data: Bytes): boolean;
  agree(curve: Curve, key: NativeKey, other: NativeKey): ArrayBuffer | undefined;
  /** RSA-PSS where the length of a salt is given, else RSASSA-PKCS1-v1_5. */
  rsaSign(hash: Hash, key: NativeKey, data: Bytes, salt_bytes?: number): ArrayBuffer | undefined;
  rsaVerify(hash: Hash, key: NativeKey, signature: Bytes, data: Bytes, salt_bytes?: number): boolean;
  rsaEncrypt(hash: Hash, key: NativeKey, label: Bytes, data: Bytes): ArrayBuffer | undefined;
  rsaDecrypt(hash: Hash, key: NativeKey, label: Bytes, data: Bytes): ArrayBuffer | undefined;
  /** Symmetric keys: of bytes, or of their base64url as a JWK has it. */
  secretKey(bytes: Bytes): NativeKey;
  secretKeyOfText(text: string): NativeKey | undefined;
  secretBits(key: NativeKey): number;
  /** The key of the first bits of another. */
  cutSecret(key: NativeKey, bits: number): NativeKey;
  secretText(key: NativeKey): string;
  secretBytes(key: NativeKey): ArrayBuffer;
  randomKey(bits: number): NativeKey;
  generatePair(curve: Curve): NativePair;
  isRsaPossible(bits: number, exponent: Bytes): boolean;
  generateRsa(bits: number, exponent: Bytes): NativePair | undefined;
  decodeKey(kind: Kind, format: string, bytes: Bytes): NativeKey | undefined;
  encodeKey(kind: Kind, format: string, key: NativeKey): ArrayBuffer;
  /**
   * In base64url: RSA's n, e, d, p, q, dp, dq, qi; x, y, d of NIST's curves; x, d of the others. A public key has those
   * that come first.
   */
  joinKey(kind: Kind, numbers: string[]): NativeKey | undefined;
  splitKey(kind: Kind, key: NativeKey): string[];
  modulusBits(key: NativeKey): number;
  publicExponent(key: NativeKey): ArrayBuffer;
}
