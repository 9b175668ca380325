// In: text and bytes. Out: bytes and text. UTF-8 is native; UTF-16LE and windows-1252 are small enough for here.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";

export class TextEncoder {
  get encoding(): string {
    return "utf-8";
  }

  encode(input: string = ""): Uint8Array<ArrayBuffer> {
    return native.utf8Encode(String(input));
  }

  encodeInto(source: string, destination: Uint8Array): { read: number; written: number } {
    const bytes = native.utf8Encode(String(source));
    let written = Math.min(bytes.length, destination.length);
    // Back to the beginning of the character that does not fit.
    while (written < bytes.length && written > 0 && ((bytes[written] as number) & 0xc0) === 0x80) written -= 1;
    destination.set(bytes.subarray(0, written));
    const read = written === bytes.length ? String(source).length : (native.utf8Decode(bytes.subarray(0, written), false) as string).length;
    return { read, written };
  }

  get [Symbol.toStringTag](): string {
    return "TextEncoder";
  }
}

const LABELS: Record<string, string> = {
  "unicode-1-1-utf-8": "utf-8", unicode11utf8: "utf-8", unicode20utf8: "utf-8", "utf-8": "utf-8", utf8: "utf-8", "x-unicode20utf8": "utf-8",
  csunicode: "utf-16le", "iso-10646-ucs-2": "utf-16le", "ucs-2": "utf-16le", unicode: "utf-16le", unicodefeff: "utf-16le",
  "utf-16": "utf-16le", "utf-16le": "utf-16le",
  "ansi_x3.4-1968": "windows-1252", ascii: "windows-1252", cp1252: "windows-1252", cp819: "windows-1252", "iso-8859-1": "windows-1252",
  "iso8859-1": "windows-1252", iso88591: "windows-1252", l1: "windows-1252", latin1: "windows-1252", "us-ascii": "windows-1252",
  "windows-1252": "windows-1252", "x-cp1252": "windows-1252",
};

/** windows-1252 from 0x80 to 0x9f; everything else is its own code point. */
const WINDOWS_1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

export class TextDecoder {
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  /** Bytes of a character that the next chunk may complete. */
  #left: Uint8Array = new Uint8Array(0);
  #begun = false;

  constructor(label: string = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const encoding = LABELS[String(label).trim().toLowerCase()];
    if (encoding === undefined) throw new RangeError(`The encoding '${label}' is not supported.`);
    this.encoding = encoding;
    this.fatal = Boolean(options?.fatal);
    this.ignoreBOM = Boolean(options?.ignoreBOM);
  }

  decode(input?: ArrayBuffer | ArrayBufferView, options: { stream?: boolean } = {}): string {
    const stream = Boolean(options?.stream);
    const bytes = join(this.#left, view(input));
    const end = stream ? bytes.length - incomplete(this.encoding, bytes) : bytes.length;
    this.#left = bytes.slice(end);
    const decoded = this.#decode(bytes.subarray(0, end));
    const bom = !this.#begun && !this.ignoreBOM && this.encoding !== "windows-1252" && decoded.charCodeAt(0) === 0xfeff;
    this.#begun = stream && (this.#begun || decoded !== "");
    return bom ? decoded.slice(1) : decoded;
  }

  #decode(bytes: Uint8Array): string {
    const text = this.encoding === "utf-8" ? native.utf8Decode(bytes, this.fatal) : this.encoding === "utf-16le" ? utf16(bytes, this.fatal) : latin1(bytes);
    if (text === null) {
      this.#left = new Uint8Array(0);
      this.#begun = false;
      throw new TypeError(`The encoded data was not valid for encoding ${this.encoding}`);
    }
    return text;
  }

  get [Symbol.toStringTag](): string {
    return "TextDecoder";
  }
}

function view(input?: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (input === undefined) return new Uint8Array(0);
  if (input instanceof ArrayBuffer) return new Uint8Array(input);
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  throw new TypeError("TextDecoder.decode: the argument must be an ArrayBuffer or a view on one.");
}

function join(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length === 0) return right;
  const joined = new Uint8Array(left.length + right.length);
  joined.set(left);
  joined.set(right, left.length);
  return joined;
}

/** How many bytes at the end are a character begun and not finished. */
function incomplete(encoding: string, bytes: Uint8Array): number {
  if (encoding === "windows-1252") return 0;
  if (encoding === "utf-16le") {
    const odd = bytes.length % 2;
    const unit = bytes[bytes.length - odd - 1] ?? 0;
    return bytes.length - odd >= 2 && unit >= 0xd8 && unit <= 0xdb ? odd + 2 : odd;
  }
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] as number;
    if (byte >= 0xc2) return validStart(bytes, bytes.length - back, byte) ? back : 0;
    if (byte < 0x80 || byte > 0xbf) return 0;
  }
  return 0;
}

/** Whether the bytes from `at` to the end may still become one character. */
function validStart(bytes: Uint8Array, at: number, lead: number): boolean {
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (bytes.length - at >= length) return false;
  const second = bytes[at + 1];
  if (second === undefined) return true;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  return second >= low && second <= high;
}

function utf16(bytes: Uint8Array, fatal: boolean): string | null {
  let text = "";
  for (let at = 0; at + 1 < bytes.length; at += 4096) {
    const units: number[] = [];
    for (let unit = at; unit + 1 < Math.min(bytes.length, at + 4096); unit += 2) {
      units.push((bytes[unit] as number) | ((bytes[unit + 1] as number) << 8));
    }
    text += String.fromCharCode(...units);
  }
  const odd = bytes.length % 2 === 1;
  if (fatal && (odd || !text.isWellFormed())) return null;
  return odd ? `${text.toWellFormed()}\ufffd` : text.toWellFormed();
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte >= 0x80 && byte <= 0x9f ? WINDOWS_1252[byte - 0x80] : String.fromCharCode(byte);
  return text;
}
