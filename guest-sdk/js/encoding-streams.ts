// In: streams of text or bytes. Out: TextEncoderStream and TextDecoderStream, which turn one into the other.
// May touch: nothing outside.
// Security boundary: no.

import { TextDecoder, TextEncoder } from "./encoding.ts";
import { TransformStream, type ReadableStream, type WritableStream } from "./streams.ts";

export class TextEncoderStream {
  #pair: TransformStream<unknown, Uint8Array>;

  constructor() {
    const encoder = new TextEncoder();
    // Half of a surrogate pair, whose other half may come in the next chunk.
    let high = "";
    this.#pair = new TransformStream({
      transform(chunk, controller) {
        let text = high + String(chunk);
        high = /[\ud800-\udbff]$/.exec(text)?.[0] ?? "";
        if (high !== "") text = text.slice(0, -1);
        if (text !== "") controller.enqueue(encoder.encode(text));
      },
      flush(controller) {
        if (high !== "") controller.enqueue(encoder.encode(high));
      },
    });
  }

  get encoding(): string {
    return "utf-8";
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#pair.readable;
  }

  get writable(): WritableStream<unknown> {
    return this.#pair.writable;
  }

  get [Symbol.toStringTag](): string {
    return "TextEncoderStream";
  }
}

export class TextDecoderStream {
  #decoder: TextDecoder;
  #pair: TransformStream<ArrayBuffer | ArrayBufferView, string>;

  constructor(label: string = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const decoder = new TextDecoder(label, options);
    this.#decoder = decoder;
    this.#pair = new TransformStream({
      transform(chunk, controller) {
        if (!(chunk instanceof ArrayBuffer) && !ArrayBuffer.isView(chunk)) throw new TypeError("TextDecoderStream: a chunk is not bytes.");
        const text = decoder.decode(chunk as Uint8Array, { stream: true });
        if (text !== "") controller.enqueue(text);
      },
      flush(controller) {
        const text = decoder.decode();
        if (text !== "") controller.enqueue(text);
      },
    });
  }

  get encoding(): string {
    return this.#decoder.encoding;
  }

  get fatal(): boolean {
    return this.#decoder.fatal;
  }

  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM;
  }

  get readable(): ReadableStream<string> {
    return this.#pair.readable;
  }

  get writable(): WritableStream<ArrayBuffer | ArrayBufferView> {
    return this.#pair.writable;
  }

  get [Symbol.toStringTag](): string {
    return "TextDecoderStream";
  }
}
