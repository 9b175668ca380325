// In: keys on elliptic curves, parameters and data. Out: the algorithms ECDSA, ECDH, Ed25519 and X25519.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { requireType, usableKey, type Algorithm, type KeyData, type Wanted } from "./crypto-algorithm.ts";
import { firstBits, lengthOf } from "./crypto-bytes.ts";
import { checkJwk, jwkTexts, writeJwk } from "./crypto-jwk.ts";
import { among, checkUsages, makeKey, requireKey, type CryptoKey, type CryptoKeyPair, type KeyAlgorithm, type KeyUsage, type Slots } from "./crypto-key.ts";
import { algorithm, fail, text, type Member, type Params } from "./crypto-params.ts";
import type { Curve, Hash, NativeKey, NistCurve } from "./crypto-native.ts";

/** The curves of NIST, with the name that JWK has for a signature on each. */
const NIST: Record<string, string> = { "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" };

interface Scheme {
  name: string;
  can: { private: readonly KeyUsage[]; public: readonly KeyUsage[] };
  use: "sig" | "enc";
  /** The curve of a key that is made or read, where not the name says it. */
  named: boolean;
  /** What a JWK may say in `alg`. */
  alg?(curve: string): string[];
  /** What ours say there. */
  ownAlg?: string;
}

const curveOf = (scheme: { named: boolean }, { name, namedCurve }: KeyAlgorithm | Params): Curve =>
  (scheme.named ? namedCurve : name) as Curve;

function numbers(scheme: Scheme, type: string): ("x" | "y" | "d")[] {
  const point: ("x" | "y")[] = scheme.named ? ["x", "y"] : ["x"];
  return type === "private" ? [...point, "d"] : point;
}

function describe(scheme: Scheme, curve: Curve): KeyAlgorithm {
  return scheme.named ? { name: scheme.name, namedCurve: curve } : { name: scheme.name };
}

function generate(scheme: Scheme, params: Params, { usages, extractable }: Wanted): CryptoKeyPair {
  const { name, can } = scheme;
  const curve = curveOf(scheme, params);
  checkUsages(usages, [...can.private, ...can.public], `An ${name} key pair`);
  if (scheme.named && !Object.hasOwn(NIST, curve)) fail("NotSupportedError", `${name}: 'namedCurve' must be P-256, P-384 or P-521, not '${curve}'.`);
  const [privateKey, publicKey] = native.crypto.generatePair(curve);
  const made = describe(scheme, curve);
  return {
    privateKey: usableKey("private", made, { extractable, usages: among(usages, can.private) }, privateKey),
    publicKey: makeKey({ type: "public", algorithm: made, native: publicKey, extractable: true, usages: among(usages, can.public) }),
  };
}

function importKey(scheme: Scheme, params: Params, given: KeyData, wanted: Wanted): CryptoKey {
  const { name, can, use } = scheme;
  const curve = curveOf(scheme, params);
  const type = given.format === "pkcs8" || (given.format === "jwk" && given.jwk.d !== undefined) ? "private" : "public";
  const usages = checkUsages(wanted.usages, can[type], `A ${type} ${name} key`);
  if (scheme.named && !Object.hasOwn(NIST, curve)) fail("DataError", `${name}: 'namedCurve' must be P-256, P-384 or P-521, not '${curve}'.`);
  let key: NativeKey | undefined;
  if (given.format === "jwk") {
    checkJwk(given.jwk, { kty: scheme.named ? "EC" : "OKP", use, ...wanted, ...(scheme.alg && { alg: scheme.alg(curve) }) });
    if (given.jwk.crv !== curve) fail("DataError", `JWK: 'crv' must be '${curve}'.`);
    key = native.crypto.joinKey(curve, jwkTexts(given.jwk, numbers(scheme, type)));
  } else {
    key = native.crypto.decodeKey(curve, given.format, given.bytes);
  }
  if (key === undefined) return fail("DataError", `${name}: this is no ${type} key of ${curve} in the format '${given.format}'.`);
  return usableKey(type, describe(scheme, curve), { ...wanted, usages }, key);
}

function onCurve(scheme: Scheme, own: Partial<Algorithm>): Algorithm {
  const { name } = scheme;
  const members: readonly Member[] = scheme.named ? [["namedCurve", text, true]] : [];
  return {
    name,
    ...own,
    members: { generateKey: members, importKey: members, ...own.members },
    generateKey: (params, wanted) => generate(scheme, params, wanted),
    importKey: (params, given, wanted) => importKey(scheme, params, given, wanted),
    exportKey(key, format) {
      const curve = curveOf(scheme, key.algorithm);
      if (format === "jwk") {
        const fixed = { kty: scheme.named ? "EC" : "OKP", crv: curve, ...(scheme.ownAlg && { alg: scheme.ownAlg }) };
        return writeJwk(key, fixed, numbers(scheme, key.type), native.crypto.splitKey(curve, key.native));
      }
      requireType(key, format === "pkcs8" ? "private" : "public", `The format '${format}'`);
      return native.crypto.encodeKey(curve, format, key.native);
    },
  };
}

const SIGN = { private: ["sign"], public: ["verify"] } as const;
const AGREE = { private: ["deriveKey", "deriveBits"], public: [] } as const;
const HASH: readonly Member[] = [["hash", algorithm, true]];
const OTHER: readonly Member[] = [["public", requireKey, true]];

export const ecdsa = onCurve(
  { name: "ECDSA", can: SIGN, use: "sig", named: true, alg: (curve) => [NIST[curve] as string] },
  {
    members: { sign: HASH, verify: HASH },
    sign(params, key, data) {
      requireType(key, "private", "Signing");
      const signature = native.crypto.ecdsaSign(key.algorithm.namedCurve as NistCurve, params.hash as Hash, key.native, data);
      return signature ?? fail("OperationError", "ECDSA: signing failed.");
    },
    verify(params, key, signature, data) {
      requireType(key, "public", "Verifying");
      return native.crypto.ecdsaVerify(key.algorithm.namedCurve as NistCurve, params.hash as Hash, key.native, signature, data);
    },
  },
);

/** What two keys give, or its first bits. */
function agreement(name: string, named: boolean): Pick<Algorithm, "deriveBits" | "members"> {
  return {
    members: { deriveBits: OTHER },
    deriveBits(params, key, length) {
      const other = params.public as Slots;
      requireType(key, "private", name);
      requireType(other, "public", `${name}: 'public'`);
      if (other.algorithm.name !== key.algorithm.name || other.algorithm.namedCurve !== key.algorithm.namedCurve) {
        fail("InvalidAccessError", `${name}: 'public' is a key of another algorithm or curve.`);
      }
      const secret = native.crypto.agree(curveOf({ named }, key.algorithm), key.native, other.native);
      if (secret === undefined) return fail("OperationError", `${name}: the public key is of small order: the secret would be known to all.`);
      const bits = lengthOf(secret) * 8;
      if (length === null || length === bits) return secret;
      if (length > bits) fail("OperationError", `${name}: ${length} bits are more than the ${bits} that this curve gives.`);
      return firstBits(secret, length);
    },
  };
}

export const ecdh = onCurve({ name: "ECDH", can: AGREE, use: "enc", named: true }, agreement("ECDH", true));

export const ed25519 = onCurve(
  { name: "Ed25519", can: SIGN, use: "sig", named: false, alg: () => ["Ed25519", "EdDSA"], ownAlg: "Ed25519" },
  {
    members: {},
    sign(_, key, data) {
      requireType(key, "private", "Signing");
      return native.crypto.ed25519Sign(key.native, data) ?? fail("OperationError", "Ed25519: signing failed.");
    },
    verify(_, key, signature, data) {
      requireType(key, "public", "Verifying");
      return native.crypto.ed25519Verify(key.native, signature, data);
    },
  },
);

export const x25519 = onCurve({ name: "X25519", can: AGREE, use: "enc", named: false }, agreement("X25519", false));
