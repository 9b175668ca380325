// In: objects that say they are a JSON Web Key. Out: their members, converted and checked; and such objects for keys.
// May touch: the script's object, by reading it.
// Security boundary: no.

import { native } from "./native.ts";
import type { Slots } from "./crypto-key.ts";
import { fail, isObject } from "./crypto-params.ts";
import type { NativeKey } from "./crypto-native.ts";

/** In the order of reading, which scripts with getters can see. */
const MEMBERS = [
  "alg", "crv", "d", "dp", "dq", "e", "ext", "k", "key_ops", "kty", "n", "oth", "p", "q", "qi", "use", "x", "y",
] as const;

export type JwkText = Exclude<(typeof MEMBERS)[number], "ext" | "key_ops" | "oth">;

export interface Jwk extends Partial<Record<JwkText, string>> {
  ext?: boolean;
  key_ops?: string[];
  oth?: unknown[];
}

/** The dictionary of what a script gives as a key. */
export function readJwk(value: unknown): Jwk {
  // Without a prototype: what a script adds to Object.prototype is no member.
  const jwk = { __proto__: null } as Record<string, unknown>;
  if (value === undefined || value === null) return jwk;
  for (const member of MEMBERS) {
    const given = (value as Record<string, unknown>)[member];
    if (given === undefined) continue;
    if (member === "ext") jwk[member] = Boolean(given);
    else if (member === "key_ops") jwk[member] = list(given, member).map(String);
    else if (member === "oth") jwk[member] = list(given, member);
    // Not with String(), which a script can replace: this may be a key that it must not see.
    else jwk[member] = `${given as string}`;
  }
  return jwk;
}

function list(value: unknown, member: string): unknown[] {
  if (!isObject(value)) throw new TypeError(`JWK: '${member}' must be a list.`);
  return [...(value as Iterable<unknown>)];
}

/** What an algorithm demands of a JWK. */
export interface JwkDemand {
  kty: string;
  use: "sig" | "enc";
  extractable: boolean;
  usages: readonly string[];
  /** What `alg` may be, where it is there. */
  alg?: readonly string[];
}

/** Throws a DataError for a JWK that is no key of this kind, or not for this use. */
export function checkJwk(jwk: Jwk, { kty, use, extractable, usages, alg }: JwkDemand): void {
  const { key_ops } = jwk;
  if (jwk.kty !== kty) fail("DataError", `JWK: 'kty' must be '${kty}'.`);
  if (usages.length > 0 && jwk.use !== undefined && jwk.use !== use) fail("DataError", `JWK: 'use' must be '${use}' where it is present.`);
  if (key_ops !== undefined) {
    if (new Set(key_ops).size !== key_ops.length) fail("DataError", "JWK: 'key_ops' names something twice.");
    const missing = usages.find((usage) => !key_ops.includes(usage));
    if (missing !== undefined) fail("DataError", `JWK: 'key_ops' does not allow '${missing}'.`);
  }
  if (jwk.ext === false && extractable) fail("DataError", "JWK: 'ext' is false, so the key cannot be extractable.");
  if (alg !== undefined && jwk.alg !== undefined && !alg.includes(jwk.alg)) {
    fail("DataError", `JWK: 'alg' is '${jwk.alg}' and must be ${alg.map((name) => `'${name}'`).join(" or ")}.`);
  }
}

/** These members; a DataError where one is missing. */
export function jwkTexts(jwk: Jwk, members: readonly JwkText[]): string[] {
  const texts: string[] = [];
  for (let at = 0; at < members.length; at += 1) {
    const member = members[at] as JwkText;
    texts[at] = jwk[member] ?? fail("DataError", `JWK: '${member}' is missing.`);
  }
  return texts;
}

/** The secret in a JWK of the kind `oct`. */
export function secretOf(jwk: Jwk): NativeKey {
  const text = jwk.k ?? fail("DataError", "JWK: 'k' is missing.");
  return native.crypto.secretKeyOfText(text) ?? fail("DataError", "JWK: 'k' is not base64url without padding.");
}

/** A JWK with these members, and with what every key of ours has. */
export function writeJwk(slots: Slots, fixed: Jwk, members: readonly JwkText[], texts: readonly string[]): Jwk {
  const jwk: Jwk = { ...fixed };
  for (let at = 0; at < texts.length; at += 1) jwk[members[at] as JwkText] = texts[at] as string;
  jwk.key_ops = [...slots.usages];
  jwk.ext = slots.extractable;
  return jwk;
}
