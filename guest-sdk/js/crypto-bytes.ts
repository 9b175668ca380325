// In: BufferSources and text from scripts. Out: their bytes, as arrays that the natives take.
// May touch: nothing outside. Everything it calls was taken from the prototypes before a script could change them.
// Security boundary: no.

import { native } from "./native.ts";
import type { Bytes } from "./crypto-native.ts";

export type BufferSource = ArrayBuffer | ArrayBufferView;

/** The array of bytes that everything of `crypto.subtle` uses, whatever a script puts on the global object. */
export const Uint8 = Uint8Array;

const { apply, getPrototypeOf, getOwnPropertyDescriptor } = Reflect;
const isView = ArrayBuffer.isView;
const cutBuffer = ArrayBuffer.prototype.slice;
const isBase64Url = RegExp.prototype.test.bind(/^[A-Za-z0-9_-]*$/);
const fromBase64 = Uint8Array.fromBase64.bind(Uint8Array);
const toBase64 = Uint8Array.prototype.toBase64;

function getter(prototype: object | null, name: string): (target: object) => unknown {
  const get = getOwnPropertyDescriptor(prototype as object, name)?.get as () => unknown;
  return (target) => apply(get, target, []);
}

function place(prototype: object | null): { [part in "buffer" | "offset" | "length"]: (view: object) => unknown } {
  return {
    buffer: getter(prototype, "buffer"), offset: getter(prototype, "byteOffset"), length: getter(prototype, "byteLength"),
  };
}

const ofTypedArray = place(getPrototypeOf(Uint8Array.prototype));
const ofDataView = place(DataView.prototype);
const bufferLength = getter(ArrayBuffer.prototype, "byteLength");
const isResizable = getter(ArrayBuffer.prototype, "resizable");

/** Throws for what is no ArrayBuffer and no view on one. */
export function requireSource(value: unknown, what: string): BufferSource {
  const brand = native.brand(value);
  const isBuffer = brand === "ArrayBuffer";
  if (!isBuffer && !isView(value)) throw new TypeError(`${what} must be an ArrayBuffer or a view on one.`);
  const parts = brand === "DataView" ? ofDataView : ofTypedArray;
  if (isResizable((isBuffer ? value : parts.buffer(value as object)) as object)) {
    throw new TypeError(`${what} must not be a resizable ArrayBuffer: pass a copy of it.`);
  }
  return value as BufferSource;
}

/** The bytes where they are. Nothing is left of a buffer that was detached. */
export function bytesOf(source: BufferSource): Bytes {
  try {
    if (native.brand(source) === "ArrayBuffer") return bufferLength(source) === 0 ? new Uint8(0) : new Uint8(source as ArrayBuffer);
    const { buffer, offset, length } = native.brand(source) === "DataView" ? ofDataView : ofTypedArray;
    const count = length(source) as number;
    return count === 0 ? new Uint8(0) : new Uint8(buffer(source) as ArrayBuffer, offset(source) as number, count);
  } catch {
    return new Uint8(0);
  }
}

/** The first bytes of a buffer; the buffer itself where these are all. */
export function first(buffer: ArrayBuffer, length: number): ArrayBuffer {
  return buffer.byteLength === length ? buffer : (apply(cutBuffer, buffer, [0, length]) as ArrayBuffer);
}

/** The first bits of a buffer, the rest of the last byte zero. */
export function firstBits(buffer: ArrayBuffer, bits: number): ArrayBuffer {
  const cut = first(buffer, (bits + 7) >>> 3);
  const bytes = new Uint8(cut);
  const last = bytes.length - 1;
  if (bits % 8 !== 0) bytes[last] = (bytes[last] as number) & (0xff00 >> (bits % 8));
  return cut;
}

/** As JWK has it: without padding. */
export function toBase64Url(bytes: Bytes): string {
  return apply(toBase64, bytes, [{ alphabet: "base64url", omitPadding: true }]) as string;
}

/** `undefined` for what is not base64url, padding included. */
export function fromBase64Url(text: string): Bytes | undefined {
  if (!isBase64Url(text) || text.length % 4 === 1) return undefined;
  return fromBase64(text, { alphabet: "base64url" });
}
