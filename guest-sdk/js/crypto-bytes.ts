// In: BufferSources from scripts, and the wish for room. Out: arrays of bytes that the natives take.
// May touch: nothing outside. What it calls was taken from the prototypes before a script could change them: bytes that go
// from one key to another pass through here. Security boundary: no.

import { native } from "./native.ts";
import type { Bytes } from "./crypto-native.ts";

export type BufferSource = ArrayBuffer | ArrayBufferView;

/** The array of bytes that everything of `crypto.subtle` uses, whatever a script puts on the global object. */
export const Uint8 = Uint8Array;
const Buffer = ArrayBuffer;

const { apply, getPrototypeOf, getOwnPropertyDescriptor } = Reflect;
const isView = ArrayBuffer.isView;
const transfer = ArrayBuffer.prototype.transfer;

function getter<T>(prototype: object | null, name: string): (target: object) => T {
  const get = getOwnPropertyDescriptor(prototype as object, name)?.get as () => T;
  return (target) => apply(get, target, []) as T;
}

function place(prototype: object | null): { buffer(view: object): ArrayBuffer; offset(view: object): number; length(view: object): number } {
  return { buffer: getter(prototype, "buffer"), offset: getter(prototype, "byteOffset"), length: getter(prototype, "byteLength") };
}

const ofTypedArray = place(getPrototypeOf(Uint8Array.prototype));
const ofDataView = place(DataView.prototype);
const isResizable = getter<boolean>(ArrayBuffer.prototype, "resizable");

/** The length of a buffer. */
export const lengthOf = getter<number>(ArrayBuffer.prototype, "byteLength");

/** Throws for what is no ArrayBuffer and no view on one. */
export function requireSource(value: unknown, what: string): BufferSource {
  const brand = native.brand(value);
  const isBuffer = brand === "ArrayBuffer";
  if (!isBuffer && !isView(value)) throw new TypeError(`${what} must be an ArrayBuffer or a view on one.`);
  const parts = brand === "DataView" ? ofDataView : ofTypedArray;
  if (isResizable(isBuffer ? (value as ArrayBuffer) : parts.buffer(value as ArrayBufferView))) {
    throw new TypeError(`${what} must not be a resizable ArrayBuffer: pass a copy of it.`);
  }
  return value as BufferSource;
}

/** The bytes where they are. Nothing is left of a buffer that was detached. */
export function bytesOf(source: BufferSource): Bytes {
  try {
    const brand = native.brand(source);
    if (brand === "ArrayBuffer") return lengthOf(source) === 0 ? new Uint8(0) : new Uint8(source as ArrayBuffer);
    const { buffer, offset, length } = brand === "DataView" ? ofDataView : ofTypedArray;
    return length(source) === 0 ? new Uint8(0) : new Uint8(buffer(source), offset(source), length(source));
  } catch {
    return new Uint8(0);
  }
}

/** A buffer, and the array through which a native fills it. */
export interface Room {
  readonly buffer: ArrayBuffer;
  readonly out: Bytes;
}

export function room(length: number): Room {
  const buffer = new Buffer(length);
  return { buffer, out: new Uint8(buffer) };
}

/** The first bytes of a buffer, which is gone afterwards. */
export function first(buffer: ArrayBuffer, length: number): ArrayBuffer {
  return lengthOf(buffer) === length ? buffer : (apply(transfer, buffer, [length]) as ArrayBuffer);
}

/** The first bits of a buffer, which is gone afterwards; the rest of the last byte is zero. */
export function firstBits(buffer: ArrayBuffer, bits: number): ArrayBuffer {
  const length = (bits + 7) >>> 3;
  const cut = first(buffer, length);
  const bytes = new Uint8(cut);
  if (bits % 8 !== 0) bytes[length - 1] = (bytes[length - 1] as number) & (0xff00 >> (bits % 8));
  return cut;
}
