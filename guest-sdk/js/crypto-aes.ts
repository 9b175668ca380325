// In: AES keys, parameters and data. Out: the algorithms AES-CBC, AES-CTR, AES-GCM and AES-KW.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { noFormat, usableKey, type Algorithm, type KeyData, type Wanted } from "./crypto-algorithm.ts";
import { Uint8, first, room } from "./crypto-bytes.ts";
import { checkJwk, secretOf, writeJwk } from "./crypto-jwk.ts";
import { checkUsages, type CryptoKey, type KeyUsage, type Slots } from "./crypto-key.ts";
import { bufferSource, fail, octet, unsignedShort, type Member, type Params } from "./crypto-params.ts";
import type { Bytes, NativeKey } from "./crypto-native.ts";

const BLOCK_BYTES = 16;
const KEY_BITS = [128, 192, 256];
const TAG_BITS = [32, 64, 96, 104, 112, 120, 128];

const LENGTH: readonly Member[] = [["length", unsignedShort, true]];
const CBC: readonly Member[] = [["iv", bufferSource, true]];
const CTR: readonly Member[] = [["counter", bufferSource, true], ["length", octet, true]];
const GCM: readonly Member[] = [["additionalData", bufferSource], ["iv", bufferSource, true], ["tagLength", octet]];

function keyBits(params: Params): number {
  const bits = params.length as number;
  if (!KEY_BITS.includes(bits)) fail("OperationError", `${params.name}: 'length' must be 128, 192 or 256, not ${bits}.`);
  return bits;
}

function importSecret(name: string, given: KeyData, { usages, extractable }: Wanted): NativeKey {
  if (given.format === "raw") return native.crypto.secretKey(given.bytes);
  if (given.format !== "jwk") return noFormat(name, given.format);
  checkJwk(given.jwk, { kty: "oct", use: "enc", usages, extractable });
  return secretOf(given.jwk);
}

/** `A128GCM` and the like. */
function jwkName(name: string, bits: number): string {
  return `A${bits}${name.slice(4)}`;
}

function aes(name: string, can: readonly KeyUsage[], own: Partial<Algorithm>): Algorithm {
  return {
    name,
    ...own,
    members: { generateKey: LENGTH, getKeyLength: LENGTH, ...own.members },
    getKeyLength: keyBits,
    generateKey(params, wanted): CryptoKey {
      const usages = checkUsages(wanted.usages, can, `An ${name} key`);
      const length = keyBits(params);
      return usableKey("secret", { name, length }, { ...wanted, usages }, native.crypto.randomKey(length));
    },
    importKey(_, given, wanted): CryptoKey {
      const usages = checkUsages(wanted.usages, can, `An ${name} key`);
      const secret = importSecret(name, given, wanted);
      const length = native.crypto.secretBits(secret);
      if (!KEY_BITS.includes(length)) fail("DataError", `${name}: a key has 128, 192 or 256 bits, not ${length}.`);
      if (given.format === "jwk" && given.jwk.alg !== undefined && given.jwk.alg !== jwkName(name, length)) {
        fail("DataError", `JWK: 'alg' is '${given.jwk.alg}' and must be '${jwkName(name, length)}'.`);
      }
      return usableKey("secret", { name, length }, { ...wanted, usages }, secret);
    },
    exportKey(key, format) {
      if (format !== "raw" && format !== "jwk") return noFormat(name, format);
      if (format === "raw") return native.crypto.secretBytes(key.native);
      const alg = jwkName(name, key.algorithm.length as number);
      return writeJwk(key, { kty: "oct", alg }, ["k"], [native.crypto.secretText(key.native)]);
    },
  };
}

const CIPHER = ["encrypt", "decrypt", "wrapKey", "unwrapKey"] as const;

function cbcIv(params: Params): Bytes {
  const iv = params.iv as Bytes;
  if (iv.length !== BLOCK_BYTES) fail("OperationError", `AES-CBC: 'iv' must have 16 bytes, not ${iv.length}.`);
  return iv;
}

export const aesCbc = aes("AES-CBC", CIPHER, {
  members: { encrypt: CBC, decrypt: CBC },
  encrypt(params, key, data) {
    const { buffer, out } = room(data.length + BLOCK_BYTES - (data.length % BLOCK_BYTES));
    native.crypto.aesCbc(true, key.native, cbcIv(params), data, out);
    return buffer;
  },
  decrypt(params, key, data) {
    const iv = cbcIv(params);
    const { buffer, out } = room(data.length);
    const length = data.length === 0 ? undefined : native.crypto.aesCbc(false, key.native, iv, data, out);
    if (length === undefined) fail("OperationError", "AES-CBC: the data is not what this key and 'iv' encrypt to: its length or padding is wrong.");
    return first(buffer, length);
  },
});

function ctr(params: Params, key: Slots, data: Bytes): ArrayBuffer {
  const counter = params.counter as Bytes;
  const length = params.length as number;
  if (counter.length !== BLOCK_BYTES) fail("OperationError", `AES-CTR: 'counter' must have 16 bytes, not ${counter.length}.`);
  if (length < 1 || length > 128) fail("OperationError", `AES-CTR: 'length' must be 1 to 128 bits, not ${length}.`);
  const { buffer, out } = room(data.length);
  if (!native.crypto.aesCtr(key.native, counter, length, data, out)) {
    fail("OperationError", `AES-CTR: the data has more blocks than a counter of ${length} bits has values.`);
  }
  return buffer;
}

export const aesCtr = aes("AES-CTR", CIPHER, { members: { encrypt: CTR, decrypt: CTR }, encrypt: ctr, decrypt: ctr });

function gcmTagBytes({ tagLength = 128, iv }: Params): number {
  if (!TAG_BITS.includes(tagLength)) fail("OperationError", `AES-GCM: 'tagLength' must be one of ${TAG_BITS.join(", ")}, not ${tagLength}.`);
  if ((iv as Bytes).length === 0) fail("OperationError", "AES-GCM: 'iv' must not be empty.");
  return tagLength / 8;
}

const NOTHING = new Uint8(0);

export const aesGcm = aes("AES-GCM", CIPHER, {
  members: { encrypt: GCM, decrypt: GCM },
  encrypt(params, key, data) {
    const tag = gcmTagBytes(params);
    const { buffer, out } = room(data.length + tag);
    native.crypto.aesGcm(true, key.native, params.iv as Bytes, params.additionalData ?? NOTHING, tag, data, out);
    return buffer;
  },
  decrypt(params, key, data) {
    const tag = gcmTagBytes(params);
    if (data.length < tag) fail("OperationError", `AES-GCM: the data is shorter than its tag of ${tag} bytes.`);
    const { buffer, out } = room(data.length - tag);
    if (!native.crypto.aesGcm(false, key.native, params.iv as Bytes, params.additionalData ?? NOTHING, tag, data, out)) {
      fail("OperationError", "AES-GCM: the tag is wrong: key, 'iv', 'additionalData' or data is not the one that was encrypted.");
    }
    return buffer;
  },
});

/** RFC 3394 wraps whole words of 64 bits, two at least. */
const WORD_BYTES = 8;

export const aesKw = aes("AES-KW", ["wrapKey", "unwrapKey"], {
  wrapKey(_, key, data) {
    const { buffer, out } = room(data.length + WORD_BYTES);
    if (data.length < 2 * WORD_BYTES || !native.crypto.aesKw(true, key.native, data, out)) {
      fail("OperationError", `AES-KW: a key of ${data.length} bytes cannot be wrapped: only multiples of 8, and at least 16.`);
    }
    return buffer;
  },
  unwrapKey(_, key, data) {
    const { buffer, out } = room(Math.max(data.length - WORD_BYTES, 0));
    if (data.length < 3 * WORD_BYTES || !native.crypto.aesKw(false, key.native, data, out)) {
      fail("OperationError", "AES-KW: the data was not wrapped with this key.");
    }
    return buffer;
  },
});
