// In: nothing. Out: what an algorithm of `crypto.subtle` consists of; each file of a family makes some.
// May touch: nothing.
// Security boundary: no.

import type { Jwk } from "./crypto-jwk.ts";
import { makeKey, type CryptoKey, type CryptoKeyPair, type KeyAlgorithm, type KeyFormat, type KeyType, type KeyUsage, type Slots } from "./crypto-key.ts";
import { fail, type Member, type Params } from "./crypto-params.ts";
import type { Bytes, NativeKey } from "./crypto-native.ts";

/** The operations of the standard, by which an algorithm is looked up. `getKeyLength` is its "get key length". */
export type Operation = keyof Operations;

export interface Operations {
  encrypt(params: Params, key: Slots, data: Bytes): ArrayBuffer;
  decrypt(params: Params, key: Slots, data: Bytes): ArrayBuffer;
  wrapKey(params: Params, key: Slots, data: Bytes): ArrayBuffer;
  unwrapKey(params: Params, key: Slots, data: Bytes): ArrayBuffer;
  sign(params: Params, key: Slots, data: Bytes): ArrayBuffer;
  verify(params: Params, key: Slots, signature: Bytes, data: Bytes): boolean;
  digest(params: Params, data: Bytes): ArrayBuffer;
  deriveBits(params: Params, key: Slots, length: number | null): ArrayBuffer;
  getKeyLength(params: Params): number | null;
  generateKey(params: Params, wanted: Wanted): CryptoKey | CryptoKeyPair;
  importKey(params: Params, given: KeyData, wanted: Wanted): CryptoKey;
  exportKey(key: Slots, format: KeyFormat): ArrayBuffer | Jwk;
}

/** What the new key is to be. */
export interface Wanted {
  extractable: boolean;
  usages: readonly KeyUsage[];
}

export type KeyData = { format: "jwk"; jwk: Jwk } | { format: Exclude<KeyFormat, "jwk">; bytes: Bytes };

export interface Algorithm extends Partial<Operations> {
  readonly name: string;
  /** The parameters of the operations that have some. */
  readonly members: { readonly [operation in Operation]?: readonly Member[] };
}

/** A key with a usage for everything that can be kept secret. */
export function usableKey(type: KeyType, algorithm: KeyAlgorithm, wanted: Wanted, native: NativeKey): CryptoKey {
  if (type !== "public") requireUsages(wanted.usages);
  return makeKey({ type, algorithm, native, extractable: wanted.extractable, usages: wanted.usages });
}

export function requireUsages(usages: readonly KeyUsage[]): void {
  if (usages.length === 0) fail("SyntaxError", "A secret or private key needs at least one usage.");
}

export function requireType(key: Slots, type: KeyType, what: string): void {
  if (key.type !== type) fail("InvalidAccessError", `${what} needs a ${type} key, not a ${key.type} one.`);
}

export function noFormat(name: string, format: string): never {
  return fail("NotSupportedError", `${name} keys have no format '${format}'.`);
}
