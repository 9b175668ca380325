// In: text, numbers, bytes. Out: Node's Buffer: a Uint8Array that knows encodings.
// May touch: nothing outside.
// Security boundary: no.
//
// Our own and not the npm package of that name: on top of Uint8Array.fromBase64 and its kin it is a third of the size.

import { addNumbers, outOfRange, wrongType } from "./buffer-numbers.ts";
import { decode, encode, encodingOf, fitting, known, lengthOf, type Encoding } from "./buffer-text.ts";

type Content = string | ArrayBufferLike | ArrayLike<number> | { valueOf(): unknown };

/** What one buffer may hold: more than a run has memory. */
const LENGTH_MAX = 2 ** 31 - 1;
/** Bytes that the console shows. */
const SHOWN_MAX = 50;

export class Buffer extends Uint8Array<ArrayBuffer> {
  static readonly poolSize = 8192;

  /** As `Buffer.from` and `Buffer.alloc`, for code of before these. */
  constructor(value: Content | number, second?: unknown, third?: unknown) {
    if (typeof value === "string") {
      const bytes = encode(value, encodingOf(second));
      super(bytes.buffer, bytes.byteOffset, bytes.length);
    } else {
      super(value as ArrayBuffer, second as number, third as number);
    }
  }

  static override from(value: unknown, second?: unknown, third?: unknown): Buffer {
    if (typeof value === "string") return wrap(encode(value, encodingOf(second)));
    if (typeof value !== "object" || value === null) throw wrongContent(value);
    if (value instanceof ArrayBuffer) return new Buffer(value, second as number, third as number);
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return wrap(Uint8Array.from(value as Uint8Array));
    const primitive: unknown = value.valueOf();
    if (primitive !== value && primitive !== null && primitive !== undefined) return Buffer.from(primitive, second, third);
    const { type, data, length } = value as { type?: unknown; data?: unknown; length?: unknown };
    if (type === "Buffer" && Array.isArray(data)) return wrap(Uint8Array.from(data as number[]));
    if (length !== undefined) return wrap(typeof length === "number" ? Uint8Array.from(value as ArrayLike<number>) : new Uint8Array(0));
    const convert: unknown = (value as { [Symbol.toPrimitive]?: unknown })[Symbol.toPrimitive];
    if (typeof convert === "function") return Buffer.from(convert.call(value, "string"), second, third);
    throw wrongContent(value);
  }

  static override of(...bytes: number[]): Buffer {
    return wrap(Uint8Array.from(bytes));
  }

  static alloc(size: number, fill?: string | number | Uint8Array, encoding?: string): Buffer {
    const made = new Buffer(sizeOf(size));
    return fill === undefined || fill === 0 || size === 0 ? made : made.fill(fill, encoding);
  }

  /** Memory is always clean here. */
  static allocUnsafe(size: number): Buffer {
    return new Buffer(sizeOf(size));
  }

  static allocUnsafeSlow(size: number): Buffer {
    return new Buffer(sizeOf(size));
  }

  static concat(list: readonly Uint8Array[], total?: number): Buffer {
    if (!Array.isArray(list)) throw wrongType("list", "an instance of Array", list);
    const parts = list as readonly Uint8Array[];
    parts.forEach((part, at) => {
      if (!(part instanceof Uint8Array)) throw wrongType(`list[${at}]`, "an instance of Buffer or Uint8Array", part);
    });
    const length = total === undefined ? parts.reduce((sum, part) => sum + part.length, 0) : sizeOf(total);
    const joined = new Buffer(length);
    let at = 0;
    for (const part of parts) {
      if (at >= length) break;
      joined.set(part.subarray(0, length - at), at);
      at += part.length;
    }
    return joined;
  }

  static byteLength(value: unknown, encoding?: string): number {
    if (typeof value === "string") return lengthOf(value, known(encoding) ?? "utf8");
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
    throw wrongType("string", "of type string or an instance of Buffer or ArrayBuffer", value);
  }

  static compare(left: Uint8Array, right: Uint8Array): -1 | 0 | 1 {
    return compare(bytesOf("buf1", left), bytesOf("buf2", right));
  }

  static isBuffer(value: unknown): value is Buffer {
    return value instanceof Buffer;
  }

  static isEncoding(encoding: unknown): boolean {
    return known(encoding) !== undefined;
  }

  get parent(): ArrayBuffer {
    return this.buffer;
  }

  get offset(): number {
    return this.byteOffset;
  }

  override toString(encoding?: string, start: number = 0, end: number = this.length): string {
    const from = clamp(start, this.length);
    const to = Math.max(from, clamp(end, this.length));
    return decode(from === 0 && to === this.length ? this : super.subarray(from, to), encodingOf(encoding));
  }

  override toLocaleString(encoding?: string | string[]): string {
    return this.toString(typeof encoding === "string" ? encoding : undefined);
  }

  toJSON(): { type: "Buffer"; data: number[] } {
    return { type: "Buffer", data: Array.from(this) };
  }

  equals(other: Uint8Array): boolean {
    return compare(this, bytesOf("otherBuffer", other)) === 0;
  }

  compare(
    target: Uint8Array,
    targetStart: number = 0,
    targetEnd: number = target.length,
    start: number = 0,
    end: number = this.length,
  ): -1 | 0 | 1 {
    return compare(super.subarray(start, end), bytesOf("target", target).subarray(targetStart, targetEnd));
  }

  copy(target: Uint8Array, targetStart: number = 0, start: number = 0, end: number = this.length): number {
    bytesOf("target", target);
    if (targetStart < 0) throw outOfRange("targetStart", ">= 0", targetStart);
    if (start < 0 || start > this.length) throw outOfRange("sourceStart", `>= 0 && <= ${this.length}`, start);
    if (end < 0) throw outOfRange("sourceEnd", ">= 0", end);
    const from = Math.trunc(start) || 0;
    const at = Math.trunc(targetStart) || 0;
    const count = Math.min(Math.max(clamp(end, this.length) - from, 0), Math.max(target.length - at, 0));
    if (count > 0) target.set(super.subarray(from, from + count), at);
    return count;
  }

  /** Shares memory, as in Node. */
  override slice(start?: number, end?: number): Buffer {
    return super.subarray(start, end) as Buffer;
  }

  override subarray(start?: number, end?: number): Buffer {
    return super.subarray(start, end) as Buffer;
  }

  write(text: string, second?: number | string, third?: number | string, fourth?: string): number {
    if (typeof text !== "string") throw wrongType("string", "of type string", text);
    const encoding = [second, third, fourth].find((argument) => typeof argument === "string");
    const offset = typeof second === "number" ? second : 0;
    if (offset < 0 || offset > this.length) throw outOfRange("offset", `>= 0 && <= ${this.length}`, offset);
    const room = Math.min(typeof third === "number" ? third : Infinity, this.length - offset);
    if (room < 0) throw outOfRange("length", `>= 0 && <= ${this.length - offset}`, third);
    const name = encodingOf(encoding);
    const bytes = fitting(encode(text, name), room, name);
    this.set(bytes, offset);
    return bytes.length;
  }

  override fill(value: unknown, second?: number | string, third?: number | string, fourth?: string): this {
    const encoding = [second, third, fourth].find((argument) => typeof argument === "string") as string | undefined;
    const start = typeof second === "number" ? second : 0;
    const end = typeof third === "number" ? third : this.length;
    if (start < 0 || start > this.length) throw outOfRange("offset", `>= 0 && <= ${this.length}`, start);
    if (end < 0 || end > this.length) throw outOfRange("end", `>= 0 && <= ${this.length}`, end);
    const pattern = typeof value === "string" ? encode(value, encodingOf(encoding)) : value;
    if (!(pattern instanceof Uint8Array)) return super.fill(Number(pattern) & 0xff, start, end);
    if (pattern.length === 0) {
      if (value === "") return super.fill(0, start, end);
      throw Object.assign(new TypeError("The argument 'value' is invalid: it has no bytes."), { code: "ERR_INVALID_ARG_VALUE" });
    }
    for (let at = start; at < end; at += pattern.length) this.set(pattern.subarray(0, end - at), at);
    return this;
  }

  override indexOf(value: unknown, offset?: number | string, encoding?: string): number {
    return search(this, value, offset, encoding, false);
  }

  override lastIndexOf(value: unknown, offset?: number | string, encoding?: string): number {
    return search(this, value, offset, encoding, true);
  }

  override includes(value: unknown, offset?: number | string, encoding?: string): boolean {
    return this.indexOf(value, offset, encoding) >= 0;
  }

  swap16(): this {
    return swap(this, 2);
  }

  swap32(): this {
    return swap(this, 4);
  }

  swap64(): this {
    return swap(this, 8);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    const shown = Array.from(super.subarray(0, SHOWN_MAX), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const more = this.length - SHOWN_MAX;
    return `<Buffer${shown === "" ? "" : ` ${shown}`}${more > 0 ? ` ... ${more} more byte${more === 1 ? "" : "s"}` : ""}>`;
  }
}

addNumbers(Buffer.prototype);

function wrap(bytes: Uint8Array<ArrayBuffer>): Buffer {
  return new Buffer(bytes.buffer, bytes.byteOffset, bytes.length);
}

function wrongContent(value: unknown): TypeError {
  return wrongType("first", "of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object", value);
}

function bytesOf(name: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw wrongType(name, "an instance of Buffer or Uint8Array", value);
}

function sizeOf(size: unknown): number {
  if (typeof size !== "number") throw wrongType("size", "of type number", size);
  if (!(size >= 0 && size <= LENGTH_MAX)) throw outOfRange("size", `>= 0 && <= ${LENGTH_MAX}`, size);
  return Math.trunc(size);
}

function clamp(at: unknown, length: number): number {
  const index = Math.trunc(Number(at)) || 0;
  return Math.min(Math.max(index, 0), length);
}

function compare(left: Uint8Array, right: Uint8Array): -1 | 0 | 1 {
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at += 1) {
    const difference = (left[at] as number) - (right[at] as number);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return left.length === right.length ? 0 : left.length < right.length ? -1 : 1;
}

const indexOfByte = Uint8Array.prototype.indexOf;
const lastIndexOfByte = Uint8Array.prototype.lastIndexOf;

function search(buffer: Uint8Array, value: unknown, second: unknown, third: unknown, backwards: boolean): number {
  const given = typeof second === "string" ? undefined : second;
  const encoding = encodingOf(typeof second === "string" ? second : third);
  const pattern = patternOf(value, encoding);
  const number = Number(given);
  let from = Number.isNaN(number) ? (backwards ? buffer.length : 0) : Math.trunc(number);
  if (from < 0) from += buffer.length;
  if (backwards && from < 0) return -1;
  from = Math.max(from, 0);
  if (pattern.length === 0) return backwards ? Math.min(from, buffer.length) : Math.min(from, buffer.length);
  const last = buffer.length - pattern.length;
  return backwards ? backward(buffer, pattern, Math.min(from, last)) : forward(buffer, pattern, from, last);
}

function patternOf(value: unknown, encoding: Encoding): Uint8Array {
  if (typeof value === "string") return encode(value, encoding);
  if (typeof value === "number") return Uint8Array.of(value);
  if (value instanceof Uint8Array) return value;
  throw wrongType("value", "one of type number or string or an instance of Buffer or Uint8Array", value);
}

function forward(buffer: Uint8Array, pattern: Uint8Array, from: number, last: number): number {
  const first = pattern[0] as number;
  for (let at = indexOfByte.call(buffer, first, from); at >= 0 && at <= last; at = indexOfByte.call(buffer, first, at + 1)) {
    if (matches(buffer, pattern, at)) return at;
  }
  return -1;
}

function backward(buffer: Uint8Array, pattern: Uint8Array, from: number): number {
  const first = pattern[0] as number;
  let at = from < 0 ? -1 : lastIndexOfByte.call(buffer, first, from);
  while (at >= 0 && !matches(buffer, pattern, at)) at = at === 0 ? -1 : lastIndexOfByte.call(buffer, first, at - 1);
  return at;
}

function matches(buffer: Uint8Array, pattern: Uint8Array, at: number): boolean {
  for (let step = 1; step < pattern.length; step += 1) if (buffer[at + step] !== pattern[step]) return false;
  return true;
}

function swap<T extends Buffer>(buffer: T, size: number): T {
  if (buffer.length % size !== 0) {
    throw Object.assign(new RangeError(`Buffer size must be a multiple of ${size * 8}-bits`), { code: "ERR_INVALID_BUFFER_SIZE" });
  }
  for (let at = 0; at < buffer.length; at += size) Uint8Array.prototype.reverse.call(buffer.subarray(at, at + size));
  return buffer;
}
