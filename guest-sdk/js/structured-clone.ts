// In: a value. Out: a deep copy as the HTML standard's structured clone makes it, cycles and shared objects included.
// May touch: the value's own properties, getters included, as the standard says.
// Security boundary: no.

import { native } from "./native.ts";
import { text } from "./errors.ts";
import { Blob, File } from "./blob.ts";
import { CryptoKey, cloneKey } from "./crypto-key.ts";

type Seen = Map<object, object>;

export function structuredClone<T>(value: T, options?: { transfer?: readonly object[] }): T {
  const seen: Seen = new Map();
  const transfer = options?.transfer === undefined ? [] : [...options.transfer];
  for (const item of transfer) {
    if (!(item instanceof ArrayBuffer)) throw uncloneable(item, "cannot be transferred");
    seen.set(item, item.slice(0));
  }
  const copy = clone(value, seen) as T;
  for (const item of transfer) (item as ArrayBuffer).transfer();
  return copy;
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

/** The copy of an object; `undefined` for kinds that have none. */
function make(value: object, seen: Seen): object | undefined {
  switch (native.brand(value)) {
    case "Object":
      if (value instanceof File) return keep(value, new File([value], value.name, value), seen);
      if (value instanceof Blob) return keep(value, new Blob([value], value), seen);
      if (value instanceof CryptoKey) return keep(value, cloneKey(value), seen);
      return properties(value, keep(value, {}, seen), seen);
    case "Array":
      return properties(value, keep(value, new Array((value as unknown[]).length), seen), seen);
    case "Map":
      return entries(value as Map<unknown, unknown>, seen);
    case "Set":
      return members(value as Set<unknown>, seen);
    case "Date":
      return keep(value, new Date(Number(value)), seen);
    case "RegExp":
      return keep(value, new RegExp((value as RegExp).source, (value as RegExp).flags), seen);
    case "Number":
    case "String":
    case "Boolean":
    case "BigInt":
      return keep(value, Object((value as { valueOf(): unknown }).valueOf()) as object, seen);
    case "ArrayBuffer":
      return keep(value, (value as ArrayBuffer).slice(0), seen);
    case "Error":
      return error(value as Error, seen);
    case "DOMException":
      return keep(value, new DOMException((value as DOMException).message, (value as DOMException).name), seen);
  }
  return ArrayBuffer.isView(value) ? bytes(value, seen) : undefined;
}

function properties(value: object, copy: object, seen: Seen): object {
  for (const key of Object.keys(value)) {
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
  const copy = keep(value, new Made(text(value, "message", "")), seen);
  Object.defineProperty(copy, "stack", { value: text(value, "stack", ""), writable: true, configurable: true });
  if (Object.hasOwn(value, "cause")) {
    Object.defineProperty(copy, "cause", { value: clone(value.cause, seen), writable: true, configurable: true });
  }
  return copy;
}

type ViewMaker = new (buffer: ArrayBuffer, offset: number, length?: number) => object;

const VIEWS: Record<string, ViewMaker> = {
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array,
  Float32Array, Float64Array, DataView,
};
if (typeof Float16Array === "function") VIEWS.Float16Array = Float16Array as unknown as ViewMaker;

function bytes(value: ArrayBufferView, seen: Seen): object | undefined {
  const Made = VIEWS[native.brand(value) ?? ""];
  if (Made === undefined) return undefined;
  const buffer = clone(value.buffer, seen) as ArrayBuffer;
  const length = value instanceof DataView ? value.byteLength : (value as Uint8Array).length;
  return keep(value, new Made(buffer, value.byteOffset, length), seen);
}
