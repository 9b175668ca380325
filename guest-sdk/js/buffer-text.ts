// In: text and the name of one of Node's encodings. Out: its bytes, and back, as Node's Buffer has them.
// May touch: nothing.
// Security boundary: no.

import { native } from "./native.ts";

export type Encoding = "utf8" | "hex" | "base64" | "base64url" | "latin1" | "ascii" | "utf16le";

const NAMES: Record<string, Encoding> = {
  utf8: "utf8", "utf-8": "utf8", hex: "hex", base64: "base64", base64url: "base64url", latin1: "latin1", binary: "latin1",
  ascii: "ascii", utf16le: "utf16le", "utf-16le": "utf16le", ucs2: "utf16le", "ucs-2": "utf16le",
};

/** How many arguments one call is given: each stands on the engine's stack. */
const UNITS_AT_ONCE = 4096;

/** The encoding's own name; `undefined` where there is none. */
export function known(encoding: unknown): Encoding | undefined {
  return typeof encoding === "string" ? NAMES[encoding.toLowerCase()] : undefined;
}

/** The encoding's own name, UTF-8 for nothing, an error for what is none. */
export function encodingOf(encoding: unknown): Encoding {
  if (encoding === undefined || encoding === null || encoding === "") return "utf8";
  const name = known(encoding);
  if (name === undefined) throw Object.assign(new TypeError(`Unknown encoding: ${String(encoding)}`), { code: "ERR_UNKNOWN_ENCODING" });
  return name;
}

export function encode(text: string, encoding: Encoding): Uint8Array<ArrayBuffer> {
  switch (encoding) {
    case "utf8":
      return native.utf8Encode(text);
    case "hex":
      return Uint8Array.fromHex(/^(?:[0-9a-fA-F]{2})*/.exec(text)?.[0] ?? "");
    case "base64":
    case "base64url":
      return fromBase64(text);
    case "latin1":
    case "ascii":
      return Uint8Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
    case "utf16le":
      return new Uint8Array(Uint16Array.from({ length: text.length }, (_, at) => text.charCodeAt(at)).buffer);
  }
}

/** Both alphabets, with or without padding, which ends the text; what belongs to neither is skipped. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const [unpadded = ""] = text.split("=", 1);
  const foreign = /[^A-Za-z0-9+/]/.test(unpadded);
  let digits = foreign ? unpadded.replace(/-/g, "+").replace(/_/g, "/").replace(/[^A-Za-z0-9+/]/g, "") : unpadded;
  if (digits.length % 4 === 1) digits = digits.slice(0, -1);
  return Uint8Array.fromBase64(digits);
}

export function decode(bytes: Uint8Array, encoding: Encoding): string {
  switch (encoding) {
    case "utf8":
      return native.utf8Decode(bytes, false) as string;
    case "hex":
      return bytes.toHex();
    case "base64":
      return bytes.toBase64();
    case "base64url":
      return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
    case "latin1":
      return fromUnits(bytes);
    case "ascii":
      return fromUnits(Uint8Array.from(bytes, (byte) => byte & 0x7f));
    case "utf16le":
      // A copy, because 16-bit views begin at even places only.
      return fromUnits(new Uint16Array(Uint8Array.from(bytes.subarray(0, bytes.length & ~1)).buffer));
  }
}

const fromCharCode = String.fromCharCode;

function fromUnits(units: Uint8Array | Uint16Array): string {
  let text = "";
  for (let at = 0; at < units.length; at += UNITS_AT_ONCE) {
    text += Reflect.apply(fromCharCode, undefined, units.subarray(at, at + UNITS_AT_ONCE));
  }
  return text;
}

/** How many bytes the text becomes. */
export function lengthOf(text: string, encoding: Encoding): number {
  switch (encoding) {
    case "hex":
      return text.length >>> 1;
    case "base64":
    case "base64url":
      return Math.floor((text.replace(/=+$/, "").length * 3) / 4);
    case "latin1":
    case "ascii":
      return text.length;
    case "utf16le":
      return text.length * 2;
    default:
      return native.utf8Encode(text).length;
  }
}

/** As many of the bytes as fit, without a character that would be cut. */
export function fitting(bytes: Uint8Array, room: number, encoding: Encoding): Uint8Array {
  if (bytes.length <= room) return bytes;
  let end = encoding === "utf16le" ? room & ~1 : room;
  if (encoding === "utf8") while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
