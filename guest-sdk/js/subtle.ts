// In: what a script wants encrypted, signed, derived, and with which key. Out: promises of it, settled when they are made.
// May touch: nothing outside. The work is done in the call: what a script changes in its buffers afterwards is too late.
// Security boundary: no.

import { native } from "./native.ts";
import type { KeyData } from "./crypto-algorithm.ts";
import { Uint8, bytesOf, requireSource, type BufferSource } from "./crypto-bytes.ts";
import { readJwk, type Jwk } from "./crypto-jwk.ts";
import { FORMATS, USAGES, asInterface, requireKey, type CryptoKey, type CryptoKeyPair, type KeyFormat, type KeyUsage, type Slots } from "./crypto-key.ts";
import { fail, isObject } from "./crypto-params.ts";
import { algorithmOf, normalize, type Normalized } from "./crypto-registry.ts";
import type { Bytes } from "./crypto-native.ts";

export type AlgorithmIdentifier = string | object;

const parse = JSON.parse;
const stringify = JSON.stringify;
const setPrototypeOf = Object.setPrototypeOf;

/** Only this file makes the one object. */
const MADE = Symbol();

export class SubtleCrypto {
  readonly #made = true;

  constructor(made?: symbol) {
    if (made !== MADE) throw new TypeError("Illegal constructor: use crypto.subtle.");
  }

  async encrypt(algorithm: AlgorithmIdentifier, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> {
    this.#require(arguments, 3);
    return cipher("encrypt", algorithm, key, data);
  }

  async decrypt(algorithm: AlgorithmIdentifier, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> {
    this.#require(arguments, 3);
    return cipher("decrypt", algorithm, key, data);
  }

  async sign(algorithm: AlgorithmIdentifier, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> {
    this.#require(arguments, 3);
    return cipher("sign", algorithm, key, data);
  }

  async verify(algorithm: AlgorithmIdentifier, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean> {
    this.#require(arguments, 4);
    const [identifier, slots] = [anIdentifier(algorithm), aKey(key)];
    const [given, source] = [requireSource(signature, "The signature"), requireSource(data, "The data")];
    const verify = normalize("verify", identifier);
    requireUse(slots, verify, "verify");
    return verify.algorithm.verify(verify.params, slots, bytesOf(given), bytesOf(source));
  }

  async digest(algorithm: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer> {
    this.#require(arguments, 2);
    const [identifier, source] = [anIdentifier(algorithm), requireSource(data, "The data")];
    const digest = normalize("digest", identifier);
    return digest.algorithm.digest(digest.params, bytesOf(source));
  }

  async generateKey(algorithm: AlgorithmIdentifier, extractable: boolean, usages: Iterable<KeyUsage>): Promise<CryptoKey | CryptoKeyPair> {
    this.#require(arguments, 3);
    const identifier = anIdentifier(algorithm);
    const wanted = { extractable: Boolean(extractable), usages: someUsages(usages) };
    const generate = normalize("generateKey", identifier);
    return generate.algorithm.generateKey(generate.params, wanted);
  }

  async deriveKey(
    algorithm: AlgorithmIdentifier, baseKey: CryptoKey, derivedKeyType: AlgorithmIdentifier, extractable: boolean, usages: Iterable<KeyUsage>,
  ): Promise<CryptoKey> {
    this.#require(arguments, 5);
    const [identifier, slots, derivedIdentifier] = [anIdentifier(algorithm), aKey(baseKey), anIdentifier(derivedKeyType)];
    const wanted = { extractable: Boolean(extractable), usages: someUsages(usages) };
    const derive = normalize("deriveBits", identifier);
    const made = normalize("importKey", derivedIdentifier);
    const measured = normalize("getKeyLength", derivedIdentifier);
    requireUse(slots, derive, "deriveKey");
    const length = measured.algorithm.getKeyLength(measured.params);
    const bytes = new Uint8(derive.algorithm.deriveBits(derive.params, slots, length));
    return made.algorithm.importKey(made.params, { format: "raw", bytes }, wanted);
  }

  async deriveBits(algorithm: AlgorithmIdentifier, baseKey: CryptoKey, length: number | null = null): Promise<ArrayBuffer> {
    this.#require(arguments, 2);
    const [identifier, slots] = [anIdentifier(algorithm), aKey(baseKey)];
    const bits = length === null ? null : Number(length) >>> 0;
    const derive = normalize("deriveBits", identifier);
    requireUse(slots, derive, "deriveBits");
    return derive.algorithm.deriveBits(derive.params, slots, bits);
  }

  async importKey(
    format: KeyFormat, keyData: BufferSource | Jwk, algorithm: AlgorithmIdentifier, extractable: boolean, usages: Iterable<KeyUsage>,
  ): Promise<CryptoKey> {
    this.#require(arguments, 5);
    const wantedFormat = aFormat(format);
    const given = keyMaterial(keyData);
    const identifier = anIdentifier(algorithm);
    const wanted = { extractable: Boolean(extractable), usages: someUsages(usages) };
    const made = normalize("importKey", identifier);
    return made.algorithm.importKey(made.params, inFormat(wantedFormat, given), wanted);
  }

  async exportKey(format: KeyFormat, key: CryptoKey): Promise<ArrayBuffer | Jwk> {
    this.#require(arguments, 2);
    return exported(aFormat(format), aKey(key));
  }

  async wrapKey(format: KeyFormat, key: CryptoKey, wrappingKey: CryptoKey, wrapAlgorithm: AlgorithmIdentifier): Promise<ArrayBuffer> {
    this.#require(arguments, 4);
    const [wantedFormat, slots, wrapper, identifier] = [aFormat(format), aKey(key), aKey(wrappingKey), anIdentifier(wrapAlgorithm)];
    const wrap = normalizeOr("wrapKey", "encrypt", identifier);
    requireUse(wrapper, wrap, "wrapKey");
    const plain = exported(wantedFormat, slots);
    const bytes = wantedFormat === "jwk" ? native.utf8Encode(stringify(setPrototypeOf(plain, null))) : new Uint8(plain as ArrayBuffer);
    const run = wrap.algorithm.wrapKey ?? wrap.algorithm.encrypt;
    return run(wrap.params, wrapper, bytes);
  }

  async unwrapKey(
    format: KeyFormat, wrappedKey: BufferSource, unwrappingKey: CryptoKey, unwrapAlgorithm: AlgorithmIdentifier,
    unwrappedKeyAlgorithm: AlgorithmIdentifier, extractable: boolean, usages: Iterable<KeyUsage>,
  ): Promise<CryptoKey> {
    this.#require(arguments, 7);
    const [wantedFormat, source, wrapper] = [aFormat(format), requireSource(wrappedKey, "The wrapped key"), aKey(unwrappingKey)];
    const [identifier, madeIdentifier] = [anIdentifier(unwrapAlgorithm), anIdentifier(unwrappedKeyAlgorithm)];
    const wanted = { extractable: Boolean(extractable), usages: someUsages(usages) };
    const unwrap = normalizeOr("unwrapKey", "decrypt", identifier);
    const made = normalize("importKey", madeIdentifier);
    requireUse(wrapper, unwrap, "unwrapKey");
    const run = unwrap.algorithm.unwrapKey ?? unwrap.algorithm.decrypt;
    const bytes = new Uint8(run(unwrap.params, wrapper, bytesOf(source)));
    return made.algorithm.importKey(made.params, inFormat(wantedFormat, wantedFormat === "jwk" ? parsed(bytes) : bytes), wanted);
  }

  get [Symbol.toStringTag](): string {
    return "SubtleCrypto";
  }

  /** Throws where `this` is something else, and where arguments are missing. */
  #require(given: IArguments, count: number): void {
    if (!this.#made || given.length < count) throw new TypeError(`${count} arguments are needed, and ${given.length} were given.`);
  }
}

asInterface(SubtleCrypto);

export const subtle = new SubtleCrypto(MADE);

function cipher(operation: "encrypt" | "decrypt" | "sign", algorithm: AlgorithmIdentifier, key: CryptoKey, data: BufferSource): ArrayBuffer {
  const [identifier, slots, source] = [anIdentifier(algorithm), aKey(key), requireSource(data, "The data")];
  const wanted = normalize(operation, identifier);
  requireUse(slots, wanted, operation);
  return wanted.algorithm[operation](wanted.params, slots, bytesOf(source));
}

function requireUse(key: Slots, { params }: { params: { name: string } }, usage: KeyUsage): void {
  if (key.algorithm.name !== params.name) fail("InvalidAccessError", `The key is one of ${key.algorithm.name}, and the algorithm is ${params.name}.`);
  if (!key.usages.includes(usage)) fail("InvalidAccessError", `The key was made without the usage '${usage}'.`);
}

type Both = { algorithm: { wrapKey?: Run; unwrapKey?: Run; encrypt: Run; decrypt: Run }; params: Normalized<"encrypt">["params"] };
type Run = (params: Normalized<"encrypt">["params"], key: Slots, data: Bytes) => ArrayBuffer;

/** The algorithm's own way to wrap keys, else the one to encrypt. */
function normalizeOr(own: "wrapKey" | "unwrapKey", general: "encrypt" | "decrypt", identifier: unknown): Both {
  try {
    return normalize(own, identifier) as unknown as Both;
  } catch {
    return normalize(general, identifier) as unknown as Both;
  }
}

function exported(format: KeyFormat, key: Slots): ArrayBuffer | Jwk {
  const algorithm = algorithmOf(key.algorithm.name);
  if (algorithm.exportKey === undefined) return fail("NotSupportedError", `${algorithm.name} keys cannot be exported.`);
  if (!key.extractable) fail("InvalidAccessError", "The key is not extractable: it was made with extractable = false.");
  return algorithm.exportKey(key, format);
}

function anIdentifier(value: unknown): string | object {
  return isObject(value) ? value : String(value);
}

function aKey(value: unknown): Slots {
  return requireKey(value, "The key");
}

function aFormat(value: unknown): KeyFormat {
  const format = String(value);
  if (!FORMATS.includes(format as KeyFormat)) throw new TypeError(`'${format}' is no format of a key: ${FORMATS.join(", ")}.`);
  return format as KeyFormat;
}

function someUsages(value: unknown): KeyUsage[] {
  if (!isObject(value)) throw new TypeError("The usages must be a list.");
  return [...(value as Iterable<unknown>)].map((item) => {
    const usage = String(item);
    if (!USAGES.includes(usage as KeyUsage)) throw new TypeError(`'${usage}' is no usage of a key: ${USAGES.join(", ")}.`);
    return usage as KeyUsage;
  });
}

/** A BufferSource, or the members of a JWK. */
function keyMaterial(value: unknown): BufferSource | Jwk {
  if (ArrayBuffer.isView(value) || native.brand(value) === "ArrayBuffer") return requireSource(value, "The key");
  if (value !== undefined && value !== null && !isObject(value)) throw new TypeError("The key must be a BufferSource or a JWK.");
  return readJwk(value);
}

function inFormat(format: KeyFormat, given: BufferSource | Jwk): KeyData {
  const isBytes = native.brand(given) !== "Object";
  if (isBytes === (format === "jwk")) {
    throw new TypeError(`A key in the format '${format}' must be ${format === "jwk" ? "a JWK object" : "an ArrayBuffer or a view on one"}.`);
  }
  return format === "jwk" ? { format, jwk: given as Jwk } : { format, bytes: bytesOf(given as BufferSource) };
}

/** The JWK that was wrapped as text. */
function parsed(bytes: Bytes): Jwk {
  let value: unknown;
  try {
    value = parse(native.utf8Decode(bytes, true) as string);
  } catch {
    // Told below, with what is JSON and no object.
  }
  if (!isObject(value)) return fail("DataError", "What was unwrapped is no JWK.");
  const jwk = readJwk(setPrototypeOf(value, null));
  return jwk.kty === undefined ? fail("DataError", "JWK: 'kty' is missing.") : jwk;
}
