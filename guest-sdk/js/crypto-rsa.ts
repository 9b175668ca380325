// In: RSA keys, parameters and data. Out: the algorithms RSASSA-PKCS1-v1_5, RSA-PSS and RSA-OAEP.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { noFormat, requireType, requireUsages, usableKey, type Algorithm, type KeyData, type Wanted } from "./crypto-algorithm.ts";
import { Uint8 } from "./crypto-bytes.ts";
import { checkJwk, jwkTexts, writeJwk } from "./crypto-jwk.ts";
import { among, checkUsages, makeKey, type CryptoKey, type CryptoKeyPair, type KeyAlgorithm, type KeyUsage } from "./crypto-key.ts";
import { algorithm, bigInteger, bufferSource, fail, unsignedLong, type Member, type Params } from "./crypto-params.ts";
import type { Bytes, Hash, NativeKey } from "./crypto-native.ts";

const GENERATE: readonly Member[] = [["modulusLength", unsignedLong, true], ["publicExponent", bigInteger, true], ["hash", algorithm, true]];
const IMPORT: readonly Member[] = [["hash", algorithm, true]];
const PUBLIC_NUMBERS = ["n", "e"] as const;
const NUMBERS = ["n", "e", "d", "p", "q", "dp", "dq", "qi"] as const;

interface Scheme {
  name: string;
  /** Of the private key, and of the public one. */
  can: { private: readonly KeyUsage[]; public: readonly KeyUsage[] };
  use: "sig" | "enc";
  jwkNames: Record<Hash, string>;
}

/** The key's algorithm, with length and exponent read off the key itself. */
function described(name: string, hash: Hash, key: NativeKey): KeyAlgorithm {
  return { name, modulusLength: native.crypto.modulusBits(key), publicExponent: new Uint8(native.crypto.publicExponent(key)), hash };
}

function generate({ name, can }: Scheme, params: Params, { usages, extractable }: Wanted): CryptoKeyPair {
  checkUsages(usages, [...can.private, ...can.public], `An ${name} key pair`);
  const length = params.modulusLength as number;
  const exponent = params.publicExponent as Bytes;
  if (!native.crypto.isRsaPossible(length, exponent)) {
    fail("OperationError", `${name}: 'modulusLength' must be 1024 to 8192, and 'publicExponent' odd and from 3 to 2^33 - 1.`);
  }
  // Looking for primes takes long; a key that nobody could use is refused before.
  requireUsages(among(usages, can.private));
  const pair = native.crypto.generateRsa(length, exponent);
  if (pair === undefined) return fail("OperationError", `${name}: no key could be generated.`);
  const made = described(name, params.hash as Hash, pair[1]);
  return {
    privateKey: makeKey({ type: "private", algorithm: made, native: pair[0], extractable, usages: among(usages, can.private) }),
    publicKey: makeKey({ type: "public", algorithm: made, native: pair[1], extractable: true, usages: among(usages, can.public) }),
  };
}

function importKey(scheme: Scheme, params: Params, given: KeyData, wanted: Wanted): CryptoKey {
  const { name, can, use, jwkNames } = scheme;
  if (given.format === "raw") return noFormat(name, given.format);
  const type = given.format === "pkcs8" || (given.format === "jwk" && given.jwk.d !== undefined) ? "private" : "public";
  const usages = checkUsages(wanted.usages, can[type], `A ${type} ${name} key`);
  const hash = params.hash as Hash;
  let key: NativeKey | undefined;
  if (given.format === "jwk") {
    checkJwk(given.jwk, { kty: "RSA", use, ...wanted, alg: [jwkNames[hash]] });
    if (given.jwk.oth !== undefined) fail("NotSupportedError", "JWK: RSA keys of more than two primes ('oth') are not supported.");
    key = native.crypto.joinKey("RSA", jwkTexts(given.jwk, type === "private" ? NUMBERS : PUBLIC_NUMBERS));
  } else {
    key = native.crypto.decodeKey("RSA", given.format, given.bytes);
  }
  if (key === undefined) return fail("DataError", `${name}: this is no ${type} RSA key of 1024 to 8192 bits and two primes in the format '${given.format}'.`);
  return usableKey(type, described(name, hash, key), { ...wanted, usages }, key);
}

function rsa(scheme: Scheme, own: Partial<Algorithm>): Algorithm {
  const { name, jwkNames } = scheme;
  return {
    name,
    ...own,
    members: { generateKey: GENERATE, importKey: IMPORT, ...own.members },
    generateKey: (params, wanted) => generate(scheme, params, wanted),
    importKey: (params, given, wanted) => importKey(scheme, params, given, wanted),
    exportKey(key, format) {
      if (format === "jwk") {
        const alg = jwkNames[key.algorithm.hash as Hash];
        return writeJwk(key, { kty: "RSA", alg }, NUMBERS, native.crypto.splitKey("RSA", key.native));
      }
      if (format === "raw") return noFormat(name, format);
      requireType(key, format === "spki" ? "public" : "private", `The format '${format}'`);
      return native.crypto.encodeKey("RSA", format, key.native);
    },
  };
}

/** Signing and verifying with a salt of so many bytes, or without. */
function signing(name: string, salt_bytes: (params: Params) => number | undefined): Pick<Algorithm, "sign" | "verify"> {
  return {
    sign(params, key, data) {
      requireType(key, "private", "Signing");
      const signature = native.crypto.rsaSign(key.algorithm.hash as Hash, key.native, data, salt_bytes(params));
      return signature ?? fail("OperationError", `${name}: the key is too short for this hash and salt.`);
    },
    verify(params, key, signature, data) {
      requireType(key, "public", "Verifying");
      return native.crypto.rsaVerify(key.algorithm.hash as Hash, key.native, signature, data, salt_bytes(params));
    },
  };
}

const SIGN = { private: ["sign"], public: ["verify"] } as const;
const PSS: readonly Member[] = [["saltLength", unsignedLong, true]];
const OAEP: readonly Member[] = [["label", bufferSource]];

export const rsassa = rsa(
  { name: "RSASSA-PKCS1-v1_5", can: SIGN, use: "sig", jwkNames: { "SHA-1": "RS1", "SHA-256": "RS256", "SHA-384": "RS384", "SHA-512": "RS512" } },
  signing("RSASSA-PKCS1-v1_5", () => undefined),
);

export const rsaPss = rsa(
  { name: "RSA-PSS", can: SIGN, use: "sig", jwkNames: { "SHA-1": "PS1", "SHA-256": "PS256", "SHA-384": "PS384", "SHA-512": "PS512" } },
  { ...signing("RSA-PSS", ({ saltLength }) => saltLength), members: { sign: PSS, verify: PSS } },
);

const NO_LABEL = new Uint8(0);

export const rsaOaep = rsa(
  {
    name: "RSA-OAEP",
    can: { private: ["decrypt", "unwrapKey"], public: ["encrypt", "wrapKey"] },
    use: "enc",
    jwkNames: { "SHA-1": "RSA-OAEP", "SHA-256": "RSA-OAEP-256", "SHA-384": "RSA-OAEP-384", "SHA-512": "RSA-OAEP-512" },
  },
  {
    members: { encrypt: OAEP, decrypt: OAEP },
    encrypt(params, key, data) {
      requireType(key, "public", "Encrypting");
      const encrypted = native.crypto.rsaEncrypt(key.algorithm.hash as Hash, key.native, params.label ?? NO_LABEL, data);
      return encrypted ?? fail("OperationError", `RSA-OAEP: ${data.length} bytes are too many for this key: encrypt them with AES, and its key with RSA.`);
    },
    decrypt(params, key, data) {
      requireType(key, "private", "Decrypting");
      const decrypted = native.crypto.rsaDecrypt(key.algorithm.hash as Hash, key.native, params.label ?? NO_LABEL, data);
      return decrypted ?? fail("OperationError", "RSA-OAEP: the data was not encrypted for this key and 'label'.");
    },
  },
);
