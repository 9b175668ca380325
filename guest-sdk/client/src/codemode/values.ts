// In: values with bytes in them. Out: the same as JSON can carry it, and back.
// May touch: nothing.
// Security boundary: no. The tag is that of @cloudflare/codemode; guest.ts has the guest's half of this.

import { VALUE_DEPTH_MAX } from "../limits.js";

export const BINARY_TAG = "__codemode_binary_v1__";

/** The very same object where there are no bytes in it. */
export function encode(value: unknown): unknown {
  return walk(value, encodeOne, []);
}

export function decode(value: unknown): unknown {
  return walk(value, decodeOne, []);
}

/** `undefined`: not one of these. */
type Step = (value: object) => unknown;

/** Copies only where something is replaced. Cycles and what is too deep go as they are, to be refused as JSON. */
function walk(value: unknown, step: Step, above: object[]): unknown {
  if (typeof value !== "object" || value === null || above.length > VALUE_DEPTH_MAX || above.includes(value)) return value;
  const stepped = step(value);
  if (stepped !== undefined) return stepped;
  const path = [...above, value];
  if (Array.isArray(value)) {
    const items = value.map((item) => walk(item, step, path));
    return items.some((item, at) => item !== value[at]) ? items : value;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, walk(item, step, path)] as const);
  return entries.some(([key, item]) => item !== (value as Record<string, unknown>)[key]) ? Object.fromEntries(entries) : value;
}

function encodeOne(value: object): unknown {
  if (value instanceof Uint8Array) return { [BINARY_TAG]: "Uint8Array", data: toBase64(value) };
  if (value instanceof ArrayBuffer) return { [BINARY_TAG]: "ArrayBuffer", data: toBase64(new Uint8Array(value)) };
  if (!ArrayBuffer.isView(value)) return undefined;
  return { [BINARY_TAG]: "ArrayBufferView", data: toBase64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
}

function decodeOne(value: object): unknown {
  if (!Object.hasOwn(value, BINARY_TAG)) return undefined;
  const { [BINARY_TAG]: kind, data } = value as { [BINARY_TAG]: unknown; data?: unknown };
  const bytes = typeof data === "string" ? fromBase64(data) : undefined;
  return kind === "ArrayBuffer" ? bytes?.buffer : bytes;
}

/** `fromCharCode` takes as many arguments as the stack has room for. */
const CHUNK = 32_768;

function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.byteLength; at += CHUNK) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(binary);
}

/** `undefined` for what a script only made look like bytes. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
