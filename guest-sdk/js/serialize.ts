// In: objects that are not plain, met on the way to JSON. Out: what stands for them there, or why nothing can.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { CryptoKey } from "./crypto-key.ts";
import { NotSerializable, text } from "./errors.ts";
import { Headers } from "./headers.ts";
import { Request } from "./request.ts";
import { Response } from "./response.ts";
import { ReadableStream } from "./streams.ts";

/** Emits the call of a tool, or throws and says where its argument cannot be JSON. */
export function emitCall(number: number, tool: string, args: object): void {
  const refusal = native.emitJson(number, tool, args);
  if (refusal !== undefined) throw new NotSerializable(`The argument of tools.${tool}`, refusal[0], refusal[1]);
}

/** The run is over, with this result. */
export function emitResult(value: unknown): void {
  const refusal = native.emitJson(0, undefined, value);
  if (refusal !== undefined) throw new NotSerializable("The result", refusal[0], refusal[1]);
}

/**
 * `undefined`: take the object as JSON takes it; a string: refuse it; an object: put it in its place.
 * Where JSON.stringify would silently give `{}` for something that has content, the content is kept or the value is
 * refused; see LIMITATIONS.md.
 */
function convert(value: object): object | string | undefined {
  switch (native.brand(value)) {
    case "Map":
      return fromMap(value as Map<unknown, unknown>);
    case "Set":
      return Array.from(value as Set<unknown>);
    case "Promise":
      return "a Promise (is an `await` missing?)";
    case "Error":
    case "DOMException":
      return fromError(value);
    case "ArrayBuffer":
      return "an ArrayBuffer (send `new Uint8Array(buffer).toBase64()`, or a typed array for a list of numbers)";
    case "WeakMap":
    case "WeakSet":
    case "WeakRef":
      return "a weak collection";
    case "Object":
      return ofOurs(value);
  }
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as Uint8Array) : undefined;
}

function fromMap(map: Map<unknown, unknown>): object | string {
  const entries: Record<string, unknown> = Object.create(null);
  for (const [key, value] of map) {
    if (typeof key !== "string" && typeof key !== "number") {
      return `a Map with ${key === null ? "null" : typeof key} keys (send \`[...map]\`)`;
    }
    entries[key] = value;
  }
  return entries;
}

function fromError(error: object): object {
  return { name: text(error, "name", "Error"), message: text(error, "message", ""), ...error };
}

function ofOurs(value: object): object | string | undefined {
  if (value instanceof Response) return "a Response (send `await response.json()` or `await response.text()`)";
  if (value instanceof Request) return "a Request";
  if (value instanceof ReadableStream) return "a ReadableStream (send `await new Response(stream).text()`)";
  if (value instanceof CryptoKey) return 'a CryptoKey (send `await crypto.subtle.exportKey("jwk", key)`)';
  if (value instanceof Headers) return Object.fromEntries(value);
  return undefined;
}

native.setConvert(convert);
