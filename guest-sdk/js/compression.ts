// In: streams of bytes. Out: CompressionStream and DecompressionStream (Compression standard); the work is native (flate2).
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { TransformStream, type ReadableStream, type WritableStream } from "./streams.ts";

const FORMATS = new Set(["gzip", "deflate", "deflate-raw"]);

type Bytes = ArrayBuffer | ArrayBufferView;

function pair(format: unknown, compress: boolean): TransformStream<Bytes, Uint8Array> {
  if (!FORMATS.has(String(format))) throw new TypeError(`'${String(format)}' is no compression format; there are gzip, deflate and deflate-raw.`);
  let stream: number | undefined;
  // Once: the number may be another stream's afterwards.
  const close = (): void => {
    if (stream !== undefined) native.zlibClose(stream);
    stream = undefined;
  };
  const push = (bytes: Uint8Array, end: boolean, controller: { enqueue(chunk: Uint8Array): void }): void => {
    stream ??= native.zlibOpen(String(format), compress);
    try {
      const out = native.zlibPush(stream, bytes, end);
      if (end) close();
      if (out.length > 0) controller.enqueue(out);
    } catch (thrown) {
      close();
      throw thrown;
    }
  };
  return new TransformStream<Bytes, Uint8Array>({
    transform: (chunk, controller) => push(view(chunk), false, controller),
    flush: (controller) => push(new Uint8Array(0), true, controller),
    cancel: close,
  });
}

function view(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError("A chunk of a compression stream must be bytes.");
}

export class CompressionStream {
  #pair: TransformStream<Bytes, Uint8Array>;

  constructor(format: string) {
    this.#pair = pair(format, true);
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#pair.readable;
  }

  get writable(): WritableStream<Bytes> {
    return this.#pair.writable;
  }

  get [Symbol.toStringTag](): string {
    return "CompressionStream";
  }
}

export class DecompressionStream {
  #pair: TransformStream<Bytes, Uint8Array>;

  constructor(format: string) {
    this.#pair = pair(format, false);
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#pair.readable;
  }

  get writable(): WritableStream<Bytes> {
    return this.#pair.writable;
  }

  get [Symbol.toStringTag](): string {
    return "DecompressionStream";
  }
}
