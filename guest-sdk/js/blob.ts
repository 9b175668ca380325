// In: parts of bytes and text. Out: Blob and File, immutable.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";

export type BlobPart = string | ArrayBuffer | ArrayBufferView | Blob;

function join(parts: Iterable<BlobPart>): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (const part of parts) {
    const piece = bytes(part);
    pieces.push(piece);
    length += piece.length;
  }
  const joined = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

function bytes(part: BlobPart): Uint8Array {
  if (part instanceof Blob) return bytesOf(part);
  if (part instanceof ArrayBuffer) return new Uint8Array(part);
  if (ArrayBuffer.isView(part)) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  return native.utf8Encode(String(part));
}

export class Blob {
  #bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;

  constructor(parts: Iterable<BlobPart> = [], options: { type?: string } = {}) {
    this.#bytes = join(parts);
    const type = String(options.type ?? "").toLowerCase();
    this.type = /[^\x20-\x7e]/.test(type) ? "" : type;
  }

  get size(): number {
    return this.#bytes.length;
  }

  slice(start: number = 0, end: number = this.size, type: string = ""): Blob {
    return new Blob([this.#bytes.subarray(relative(start, this.size), Math.max(relative(start, this.size), relative(end, this.size)))], { type });
  }

  async text(): Promise<string> {
    return native.utf8Decode(this.#bytes, false) as string;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes.slice();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes.slice().buffer;
  }

  static bytesOf(blob: Blob): Uint8Array<ArrayBuffer> {
    return blob.#bytes;
  }

  get [Symbol.toStringTag](): string {
    return "Blob";
  }
}

/** The bytes themselves; for the prelude alone, which does not change them. */
export const bytesOf = Blob.bytesOf;
delete (Blob as { bytesOf?: unknown }).bytesOf;

function relative(at: number, size: number): number {
  const index = Math.trunc(Number(at)) || 0;
  return index < 0 ? Math.max(size + index, 0) : Math.min(index, size);
}

export class File extends Blob {
  readonly name: string;
  readonly lastModified: number;

  constructor(parts: Iterable<BlobPart>, name: string, options: { type?: string; lastModified?: number } = {}) {
    super(parts, options);
    this.name = String(name);
    this.lastModified = options.lastModified === undefined ? Date.now() : Number(options.lastModified);
  }

  override get [Symbol.toStringTag](): string {
    return "File";
  }
}
