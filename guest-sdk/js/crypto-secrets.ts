// In: hashes, HMAC keys, passwords and other key material. Out: the algorithms SHA-*, HMAC, HKDF and PBKDF2.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { noFormat, usableKey, type Algorithm, type KeyData, type Wanted } from "./crypto-algorithm.ts";
import { room, type Room } from "./crypto-bytes.ts";
import { checkJwk, secretOf, writeJwk } from "./crypto-jwk.ts";
import { checkUsages, type CryptoKey, type KeyUsage } from "./crypto-key.ts";
import { algorithm, bufferSource, fail, unsignedLong, type Member, type Params } from "./crypto-params.ts";
import type { Bytes, Hash, NativeKey } from "./crypto-native.ts";

export const digests: readonly Algorithm[] = (["SHA-1", "SHA-256", "SHA-384", "SHA-512"] as const).map((name) => ({
  name,
  members: {},
  digest: (_, data) => native.crypto.digest(name, data),
}));

/** What a hash function works on at a time: as long as an HMAC key is when nobody says how long. */
const BLOCK_BITS: Record<Hash, number> = { "SHA-1": 512, "SHA-256": 512, "SHA-384": 1024, "SHA-512": 1024 };
const JWK_NAMES: Record<Hash, string> = { "SHA-1": "HS1", "SHA-256": "HS256", "SHA-384": "HS384", "SHA-512": "HS512" };

const HMAC: readonly Member[] = [["hash", algorithm, true], ["length", unsignedLong]];
const HMAC_USAGES = ["sign", "verify"] as const;

function hmacSecret(params: Params, given: KeyData, { usages, extractable }: Wanted): NativeKey {
  if (given.format === "raw") return native.crypto.secretKey(given.bytes);
  if (given.format !== "jwk") return noFormat("HMAC", given.format);
  checkJwk(given.jwk, { kty: "oct", use: "sig", usages, extractable, alg: [JWK_NAMES[params.hash as Hash]] });
  return secretOf(given.jwk);
}

export const hmac: Algorithm = {
  name: "HMAC",
  members: { generateKey: HMAC, importKey: HMAC, getKeyLength: HMAC },
  sign: (_, key, data) => native.crypto.hmac(key.algorithm.hash as Hash, key.native, data),
  verify: (_, key, signature, data) => native.crypto.hmacVerify(key.algorithm.hash as Hash, key.native, signature, data),
  getKeyLength({ hash, length }) {
    if (length === 0) throw new TypeError("HMAC: 'length' must not be 0.");
    return length ?? BLOCK_BITS[hash as Hash];
  },
  generateKey(params, wanted): CryptoKey {
    const usages = checkUsages(wanted.usages, HMAC_USAGES, "An HMAC key");
    const hash = params.hash as Hash;
    const length = params.length ?? BLOCK_BITS[hash];
    if (length === 0) fail("OperationError", "HMAC: 'length' must not be 0.");
    return usableKey("secret", { name: "HMAC", hash, length }, { ...wanted, usages }, native.crypto.randomKey(length));
  },
  importKey(params, given, wanted): CryptoKey {
    const usages = checkUsages(wanted.usages, HMAC_USAGES, "An HMAC key");
    const secret = hmacSecret(params, given, wanted);
    const bits = native.crypto.secretBits(secret);
    const length = params.length ?? bits;
    if (bits === 0) fail("DataError", "HMAC: a key must not be empty.");
    if (length > bits || length <= bits - 8) fail("DataError", `HMAC: 'length' is ${length}, and the key has ${bits} bits.`);
    const key = { name: "HMAC", hash: params.hash as Hash, length };
    return usableKey("secret", key, { ...wanted, usages }, length === bits ? secret : native.crypto.cutSecret(secret, length));
  },
  exportKey(key, format) {
    if (format !== "raw" && format !== "jwk") return noFormat("HMAC", format);
    if (format === "raw") return native.crypto.secretBytes(key.native);
    const alg = JWK_NAMES[key.algorithm.hash as Hash];
    return writeJwk(key, { kty: "oct", alg }, ["k"], [native.crypto.secretText(key.native)]);
  },
};

const DERIVE_USAGES: readonly KeyUsage[] = ["deriveKey", "deriveBits"];

/** What HKDF and PBKDF2 have in common: key material that goes in as it is and never comes out. */
function derivation(name: string, members: readonly Member[], deriveBits: Algorithm["deriveBits"]): Algorithm {
  return {
    name,
    members: { deriveBits: members },
    deriveBits,
    getKeyLength: () => null,
    importKey(_, given, wanted): CryptoKey {
      if (given.format !== "raw") return noFormat(name, given.format);
      const usages = checkUsages(wanted.usages, DERIVE_USAGES, `A ${name} key`);
      if (wanted.extractable) fail("SyntaxError", `A ${name} key cannot be extractable.`);
      return usableKey("secret", { name }, { ...wanted, usages }, native.crypto.secretKey(given.bytes));
    },
  };
}

function roomFor(name: string, length: number | null): Room {
  if (length === null || length % 8 !== 0) fail("OperationError", `${name}: the length must be given in bits, a multiple of 8.`);
  return room(length / 8);
}

export const hkdf = derivation(
  "HKDF",
  [["hash", algorithm, true], ["info", bufferSource, true], ["salt", bufferSource, true]],
  ({ hash, info, salt }, key, length) => {
    const { buffer, out } = roomFor("HKDF", length);
    if (!native.crypto.hkdf(hash as Hash, key.native, salt as Bytes, info as Bytes, out)) {
      fail("OperationError", `HKDF: ${length} bits are more than 255 times those of ${hash}.`);
    }
    return buffer;
  },
);

export const pbkdf2 = derivation(
  "PBKDF2",
  [["hash", algorithm, true], ["iterations", unsignedLong, true], ["salt", bufferSource, true]],
  ({ hash, iterations, salt }, key, length) => {
    const { buffer, out } = roomFor("PBKDF2", length);
    if (iterations === 0) fail("OperationError", "PBKDF2: 'iterations' must not be 0.");
    native.crypto.pbkdf2(hash as Hash, key.native, salt as Bytes, iterations as number, out);
    return buffer;
  },
);
