// In: a value. Out: a deep copy as the HTML standard's structured clone makes it, cycles and shared objects included.
// May touch: the value's own properties, getters included, as the standard says.
// Security boundary: no.

import { native } from "./native.ts";
import { text } from "./errors.ts";
import { Blob, File, isBlob } from "./blob.ts";
import { CryptoKey, cloneKey } from "./crypto-key.ts";
import { dictionary, isOfPlatform, need } from "./webidl.ts";

type Seen = Map<object, object>;

/** How objects of other kinds change hands; each returns the object that takes the place of the one given away. */
interface Transfer {
  is(value: object): boolean;
  /** The error of one that was given away before is the standard's. */
  isDetached(value: object): boolean;
  to(value: object): object;
}

/** `messaging.ts` adds its own. */
export const transfers: Transfer[] = [];

export function structuredClone<T>(value: T, options: { transfer?: Iterable<object> } = {}): T {
  need(arguments.length, 1, "structuredClone");
  const { transfer } = dictionary(options, "structuredClone");
  return cloneWith(value, transfer === undefined ? [] : [...transfer])[0];
}

/** The copy, and what took the place of the transferred objects that are no buffers. */
export function cloneWith<T>(value: T, transfer: object[]): [copy: T, moved: object[]] {
  const seen: Seen = new Map();
  const moved: object[] = [];
  for (const item of transfer) {
    if (seen.has(item)) throw uncloneable(item, "cannot be transferred twice");
    if (native.brand(item) === "ArrayBuffer") {
      seen.set(item, bufferOf(item as ArrayBuffer));
      continue;
    }
    const kind = transfers.find((known) => typeof item === "object" && item !== null && known.is(item));
    if (kind === undefined || kind.isDetached(item)) throw uncloneable(item, "cannot be transferred");
    const taker = kind.to(item);
    moved.push(taker);
    seen.set(item, taker);
  }
  const copy = clone(value, seen) as T;
  for (const item of transfer) if (native.brand(item) === "ArrayBuffer") (item as ArrayBuffer).transfer();
  return [copy, moved];
}

function uncloneable(value: unknown, why: string = "could not be cloned"): DOMException {
  const name = typeof value === "function" ? `function ${value.name}` : typeof value === "symbol" ? value.toString() : `#<${native.brand(value)}>`;
  return new DOMException(`${name} ${why}.`, "DataCloneError");
}

function clone(value: unknown, seen: Seen): unknown {
  if (typeof value === "symbol" || typeof value === "function") throw uncloneable(value);
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  const made = make(value, seen);
  if (made !== undefined) return made;
  throw uncloneable(value);
}

function keep<T extends object>(original: object, copy: T, seen: Seen): T {
  seen.set(original, copy);
  return copy;
}

const timeOf = Date.prototype.getTime;

/** The copy of an object; `undefined` for kinds that have none. */
function make(value: object, seen: Seen): object | undefined {
  switch (native.brand(value)) {
    case "Object":
      if (value instanceof CryptoKey) return keep(value, cloneKey(value), seen);
      if (isOfPlatform(value)) return ofPlatform(value, seen);
      return properties(value, keep(value, {}, seen), seen);
    case "Array":
      return properties(value, keep(value, new Array((value as unknown[]).length), seen), seen);
    case "Map":
      return entries(value as Map<unknown, unknown>, seen);
    case "Set":
      return members(value as Set<unknown>, seen);
    case "Date":
      return keep(value, new Date(timeOf.call(value as Date)), seen);
    case "RegExp":
      return keep(value, new RegExp((value as RegExp).source, (value as RegExp).flags), seen);
    case "Number":
    case "String":
    case "Boolean":
    case "BigInt":
      return keep(value, Object((value as { valueOf(): unknown }).valueOf()) as object, seen);
    case "ArrayBuffer":
      return keep(value, bufferOf(value as ArrayBuffer), seen);
    case "Error":
      return error(value as Error, seen);
    case "DOMException":
      return stacked(value, keep(value, new DOMException((value as DOMException).message, (value as DOMException).name), seen));
  }
  return ArrayBuffer.isView(value) ? viewOf(value, seen) : undefined;
}

function ofPlatform(value: object, seen: Seen): object | undefined {
  if (!isBlob(value)) return undefined;
  if (!(value instanceof File)) return keep(value, new Blob([value], { type: value.type }), seen);
  const { name, type, lastModified } = value;
  return keep(value, new File([value], name, { type, lastModified }), seen);
}

function properties(value: object, copy: object, seen: Seen): object {
  for (const key of Object.keys(value)) {
    // A getter may have taken it away meanwhile.
    if (!Object.hasOwn(value, key)) continue;
    const copied = clone((value as Record<string, unknown>)[key], seen);
    Object.defineProperty(copy, key, { value: copied, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}

function entries(map: Map<unknown, unknown>, seen: Seen): object {
  const copy = keep(map, new Map<unknown, unknown>(), seen);
  for (const [key, value] of [...map]) copy.set(clone(key, seen), clone(value, seen));
  return copy;
}

function members(set: Set<unknown>, seen: Seen): object {
  const copy = keep(set, new Set<unknown>(), seen);
  for (const value of [...set]) copy.add(clone(value, seen));
  return copy;
}

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

function error(value: Error, seen: Seen): object {
  const name = text(value, "name", "Error");
  const Made = Object.hasOwn(ERRORS, name) ? ERRORS[name as keyof typeof ERRORS] : Error;
  const message = Object.getOwnPropertyDescriptor(value, "message");
  const copy = keep(value, message !== undefined && "value" in message ? new Made(`${message.value as string}`) : new Made(), seen);
  if (Object.hasOwn(value, "cause")) {
    Object.defineProperty(copy, "cause", { value: clone(value.cause, seen), writable: true, configurable: true });
  }
  return stacked(value, copy);
}

function stacked(value: object, copy: object): object {
  Object.defineProperty(copy, "stack", { value: text(value, "stack", ""), writable: true, configurable: true });
  return copy;
}

function bufferOf(buffer: ArrayBuffer): ArrayBuffer {
  if (buffer.detached) throw uncloneable(buffer, "is detached");
  if (!buffer.resizable) return buffer.slice(0);
  const copy = new ArrayBuffer(buffer.byteLength, { maxByteLength: buffer.maxByteLength });
  new Uint8Array(copy).set(new Uint8Array(buffer));
  return copy;
}

type ViewMaker = new (buffer: ArrayBuffer, offset: number, length?: number) => object;

const VIEWS: Record<string, ViewMaker> = {
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array,
  Float16Array, Float32Array, Float64Array, DataView,
};

type AnyView = DataView<ArrayBuffer> | Uint8Array<ArrayBuffer>;

function viewOf(value: ArrayBufferView, seen: Seen): object | undefined {
  const Made = VIEWS[native.brand(value) ?? ""];
  if (Made === undefined) return undefined;
  const view = value as AnyView;
  if (isOutOfBounds(view)) throw uncloneable(value, "lies outside its buffer");
  const { byteOffset, buffer } = view;
  const length = buffer.resizable && follows(view) ? undefined : view instanceof DataView ? view.byteLength : view.length;
  return keep(value, new Made(clone(buffer, seen) as ArrayBuffer, byteOffset, length), seen);
}

const valuesOf = Uint8Array.prototype.values;

/** The standard's own test is the first step of these two, and nowhere else to be had. */
function isOutOfBounds(view: AnyView): boolean {
  try {
    if (view instanceof DataView) void view.byteLength;
    else valuesOf.call(view);
    return false;
  } catch {
    return true;
  }
}

/** Whether the view grows and shrinks with its buffer. Nothing says so but trying, which nobody can watch. */
function follows(view: AnyView): boolean {
  const { buffer, byteLength } = view;
  const { byteLength: size, maxByteLength } = buffer;
  const step = view instanceof DataView ? 1 : view.BYTES_PER_ELEMENT;
  if (size + step <= maxByteLength) {
    buffer.resize(size + step);
    const grown = view.byteLength !== byteLength;
    buffer.resize(size);
    return grown;
  }
  if (byteLength < step) return false;
  const last = new Uint8Array(buffer.slice(size - step));
  buffer.resize(size - step);
  const shrunk = !isOutOfBounds(view);
  buffer.resize(size);
  new Uint8Array(buffer).set(last, size - step);
  return shrunk;
}
