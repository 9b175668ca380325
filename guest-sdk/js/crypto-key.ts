// In: keys as the algorithms make them. Out: CryptoKey, which shows what a key is and never what is in it.
// May touch: nothing outside.
// Security boundary: no.

import { printAs } from "./inspect.ts";
import { fail, type Conversion } from "./crypto-params.ts";
import type { Bytes, Hash, NativeKey } from "./crypto-native.ts";
import { Uint8 } from "./crypto-bytes.ts";

export type KeyType = "public" | "private" | "secret";
export type KeyUsage = (typeof USAGES)[number];
export type KeyFormat = (typeof FORMATS)[number];

/** In the order in which `usages` and `key_ops` list them. */
export const USAGES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"] as const;
export const FORMATS = ["raw", "spki", "pkcs8", "jwk"] as const;

/** What a key's `algorithm` is made of. */
export interface KeyAlgorithm {
  name: string;
  length?: number;
  hash?: Hash;
  namedCurve?: string;
  modulusLength?: number;
  publicExponent?: Bytes;
}

/** What the standard calls internal slots. */
export interface Slots {
  readonly type: KeyType;
  readonly extractable: boolean;
  readonly algorithm: KeyAlgorithm;
  readonly usages: readonly KeyUsage[];
  readonly native: NativeKey;
}

/** Stands in the place of the arguments where this file makes a key. */
const MADE = Symbol();

export class CryptoKey {
  readonly #slots: Slots;
  /** Objects for scripts, the same at each reading; changing them changes no key. */
  #algorithm: object | undefined;
  #usages: KeyUsage[] | undefined;

  constructor(...made: unknown[]) {
    if (made[0] !== MADE) throw new TypeError("Illegal constructor: use crypto.subtle.generateKey or importKey.");
    this.#slots = made[1] as Slots;
  }

  get type(): KeyType {
    return this.#slots.type;
  }

  get extractable(): boolean {
    return this.#slots.extractable;
  }

  get algorithm(): object {
    this.#algorithm ??= shown(this.#slots.algorithm);
    return this.#algorithm;
  }

  get usages(): KeyUsage[] {
    this.#usages ??= [...this.#slots.usages];
    return this.#usages;
  }

  static slotsOf(key: unknown): Slots | undefined {
    return typeof key === "object" && key !== null && #slots in key ? key.#slots : undefined;
  }

  get [Symbol.toStringTag](): string {
    return "CryptoKey";
  }
}

const { slotsOf } = CryptoKey;
delete (CryptoKey as { slotsOf?: unknown }).slotsOf;
asInterface(CryptoKey);

/** The slots of a key; throws for what is none. For the prelude alone. */
export const requireKey = ((value, what) => {
  const slots = slotsOf(value);
  if (slots === undefined) throw new TypeError(`${what} must be a CryptoKey.`);
  return slots;
}) satisfies Conversion;

export function makeKey(slots: Slots): CryptoKey {
  return new (CryptoKey as new (...made: unknown[]) => CryptoKey)(MADE, slots);
}

/** A second object for the same key, as structured cloning wants it. */
export function cloneKey(key: CryptoKey): CryptoKey {
  return makeKey(requireKey(key, "What is cloned"));
}

export interface CryptoKeyPair {
  privateKey: CryptoKey;
  publicKey: CryptoKey;
}

/** Throws for a usage that the kind of key does not have; gives the others in order, each once. */
export function checkUsages(usages: readonly KeyUsage[], allowed: readonly KeyUsage[], what: string): KeyUsage[] {
  const wrong = usages.find((usage) => !allowed.includes(usage));
  if (wrong !== undefined) {
    const can = allowed.length === 0 ? "none" : allowed.map((usage) => `'${usage}'`).join(", ");
    fail("SyntaxError", `${what} cannot have the usage '${wrong}'; it can have: ${can}.`);
  }
  return among(usages, allowed);
}

/** Those usages that are allowed, in order, each once. */
export function among(usages: readonly KeyUsage[], allowed: readonly KeyUsage[]): KeyUsage[] {
  return USAGES.filter((usage) => usages.includes(usage) && allowed.includes(usage));
}

function shown(algorithm: KeyAlgorithm): object {
  const { hash, publicExponent } = algorithm;
  const copy: Record<string, unknown> = { ...algorithm };
  if (hash !== undefined) copy.hash = { name: hash };
  if (publicExponent !== undefined) copy.publicExponent = new Uint8(publicExponent);
  return copy;
}

printAs(CryptoKey, ({ type, extractable, algorithm, usages }) => ({ type, extractable, algorithm, usages }));

/** What is on an interface of the web is enumerable, unlike what is on a class. */
export function asInterface(made: { prototype: object }): void {
  for (const name of Object.getOwnPropertyNames(made.prototype)) {
    if (name !== "constructor") Object.defineProperty(made.prototype, name, { enumerable: true });
  }
}
