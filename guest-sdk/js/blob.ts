// In: parts of bytes and text. Out: Blob and File, immutable.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { printAs } from "./inspect.ts";
import { streamOf, type ByteStream } from "./streams.ts";
import { dictionary, need, sequence, usv } from "./webidl.ts";

export type BlobPart = string | ArrayBuffer | ArrayBufferView | Blob;

export interface BlobPropertyBag {
  endings?: "transparent" | "native";
  type?: string;
}

/** Stands in the place of parts where the bytes are made already. */
const BYTES = Symbol();

/** The bytes themselves; for the prelude alone, which does not change them. */
export let bytesOf: (blob: Blob) => Uint8Array<ArrayBuffer>;
export let isBlob: (value: unknown) => value is Blob;

export class Blob {
  #bytes: Uint8Array<ArrayBuffer>;
  #type: string;

  static {
    bytesOf = (blob) => blob.#bytes;
    isBlob = (value): value is Blob => typeof value === "object" && value !== null && #bytes in value;
  }

  constructor(parts: Iterable<BlobPart> | undefined = undefined, options: BlobPropertyBag = {}) {
    if ((parts as unknown) === BYTES) {
      this.#bytes = options as unknown as Uint8Array<ArrayBuffer>;
      this.#type = "";
      return;
    }
    const given = partsOf(parts);
    const bag = dictionary(options, "Blob");
    const nativeEndings = isNative(bag.endings);
    this.#type = typeOf(bag.type ?? "");
    this.#bytes = join(given, nativeEndings);
  }

  get size(): number {
    return this.#bytes.length;
  }

  get type(): string {
    return this.#type;
  }

  slice(start: number | undefined = undefined, end: number | undefined = undefined, contentType: string = ""): Blob {
    const { length } = this.#bytes;
    const from = start === undefined ? 0 : relative(start, length);
    const to = end === undefined ? length : relative(end, length);
    const slice = new Blob(BYTES as never, this.#bytes.slice(from, Math.max(from, to)) as never);
    slice.#type = typeOf(contentType);
    return slice;
  }

  /** Of a copy: a stream gives its buffers away. */
  stream(): ByteStream {
    return streamOf(this.#bytes.slice());
  }

  async text(): Promise<string> {
    return native.decode("utf-8", this.#bytes, false, false) as string;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes.slice();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes.slice().buffer;
  }
}

/** Each part as bytes or text; text is made of what is neither before the options are looked at. */
function partsOf(parts: Iterable<BlobPart> | undefined): (Uint8Array | string)[] {
  if (parts === undefined) return [];
  return sequence(parts, "Blob", (part) => {
    if (isBlob(part)) return bytesOf(part);
    if (native.brand(part) === "ArrayBuffer") return new Uint8Array(part as ArrayBuffer);
    if (ArrayBuffer.isView(part)) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    return usv(part);
  });
}

function join(parts: (Uint8Array | string)[], nativeEndings: boolean): Uint8Array<ArrayBuffer> {
  const encode = (text: string): Uint8Array => native.utf8Encode(nativeEndings ? text.replace(/\r\n?/g, "\n") : text);
  const pieces = parts.map((part) => (typeof part === "string" ? encode(part) : part));
  const joined = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

function isNative(endings: unknown): boolean {
  if (endings === undefined) return false;
  const kind = `${endings as string}`;
  if (kind !== "transparent" && kind !== "native") throw new TypeError(`Blob: '${kind}' is not a kind of line endings.`);
  return kind === "native";
}

function typeOf(given: unknown): string {
  const type = `${given as string}`;
  return /[^\x20-\x7e]/.test(type) ? "" : type.toLowerCase();
}

function relative(at: unknown, size: number): number {
  const index = Math.trunc(Number(at)) || 0;
  return index < 0 ? Math.max(size + index, 0) : Math.min(index, size);
}

export interface FilePropertyBag extends BlobPropertyBag {
  lastModified?: number;
}

export class File extends Blob {
  #name: string;
  #lastModified: number;

  constructor(parts: Iterable<BlobPart>, name: string, options: FilePropertyBag = {}) {
    need(arguments.length, 2, "File");
    if (parts === undefined) throw new TypeError("File: the parts must be an array or another iterable object.");
    super(parts, options);
    this.#name = usv(name);
    const { lastModified } = dictionary(options, "File");
    this.#lastModified = lastModified === undefined ? Date.now() : Math.trunc(Number(lastModified)) || 0;
  }

  get name(): string {
    return this.#name;
  }

  get lastModified(): number {
    return this.#lastModified;
  }
}

printAs(Blob, ({ size, type }) => ({ size, type }));
printAs(File, ({ size, type, name, lastModified }) => ({ size, type, name, lastModified }));
