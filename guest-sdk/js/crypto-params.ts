// In: what a script gives as the parameters of an algorithm. Out: the members that the algorithm has, converted as Web
// IDL converts a dictionary: in its order, its getters run once, the required ones present.
// May touch: the script's object, by reading it. Security boundary: no.

import { native } from "./native.ts";
import { Uint8, bytesOf, requireSource, type BufferSource } from "./crypto-bytes.ts";
import type { Slots } from "./crypto-key.ts";
import type { Bytes, Hash } from "./crypto-native.ts";

/** As it is before a script can replace it. */
export const WebError = DOMException;

type ErrorName = "NotSupportedError" | "SyntaxError" | "InvalidAccessError" | "DataError" | "OperationError";

export function fail(name: ErrorName, message: string): never {
  throw new WebError(message, name);
}

/** Every parameter of every algorithm; each has those that it declares. */
export interface Params {
  readonly name: string;
  additionalData?: Bytes;
  counter?: Bytes;
  hash?: Hash;
  info?: Bytes;
  iterations?: number;
  iv?: Bytes;
  label?: Bytes;
  length?: number;
  modulusLength?: number;
  namedCurve?: string;
  public?: Slots;
  publicExponent?: Bytes;
  salt?: Bytes;
  saltLength?: number;
  tagLength?: number;
}

export type Conversion = (value: unknown, what: string) => unknown;
export type Member = readonly [name: keyof Params, convert: Conversion, required?: boolean];

/** An integer that fits, or a TypeError: what Web IDL calls EnforceRange. */
function integer(max: number): Conversion {
  return (value, what) => {
    const number = Math.trunc(Number(value));
    if (!(number >= 0 && number <= max)) throw new TypeError(`${what} must be an integer from 0 to ${max}.`);
    return number + 0;
  };
}

export const octet = integer(0xff);
export const unsignedShort = integer(0xffff);
export const unsignedLong = integer(0xffff_ffff);

/** Copied once the whole dictionary was read, as the standard says. */
export const bufferSource: Conversion = requireSource;

export const text: Conversion = (value) => String(value);

/** An algorithm by object or name; `normalize` makes a hash of it. */
export const algorithm: Conversion = (value) => (isObject(value) ? value : String(value));

export const bigInteger: Conversion = (value, what) => {
  if (native.brand(value) !== "Uint8Array") throw new TypeError(`${what} must be a Uint8Array, big-endian: new Uint8Array([1, 0, 1]).`);
  return requireSource(value, what);
};

export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** Reads the members in the order in which they are declared. `name` was read before. */
export function readMembers(name: string, given: object, members: readonly Member[]): Params {
  const params = { __proto__: null, name } as Record<string, unknown>;
  for (const [member, convert, required] of members) {
    const value = (given as Record<string, unknown>)[member];
    if (value !== undefined) params[member] = convert(value, `${name}: '${member}'`);
    else if (required) throw new TypeError(`${name}: the parameter '${member}' is missing.`);
  }
  for (const [member, convert] of members) {
    const value = params[member];
    if (value !== undefined && (convert === bufferSource || convert === bigInteger)) params[member] = new Uint8(bytesOf(value as BufferSource));
  }
  return params as unknown as Params;
}
