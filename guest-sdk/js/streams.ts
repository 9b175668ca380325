// In: the vendored WHATWG streams. Out: the same, and the small things about them that the standard lets no script ask.
// May touch: nothing outside.
// Security boundary: no.

import { ReadableStream, TransformStream, WritableStreamDefaultController } from "./vendor/web-streams-polyfill.js";
import { joined } from "./bytes.ts";
import { structuredClone } from "./structured-clone.ts";

export * from "./vendor/web-streams-polyfill.js";

// Was in the standard once.
Reflect.deleteProperty(WritableStreamDefaultController.prototype, "abortReason");

export type ByteStream = ReadableStream<Uint8Array<ArrayBuffer>>;

/** Whether anything was ever read from it, or it was cancelled. */
export function isDisturbed(stream: ReadableStream): boolean {
  return (stream as unknown as { _disturbed: boolean })._disturbed;
}

/** The stream of a body that was read to its end. */
export function readStream(): ByteStream {
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.close();
    },
  });
  (stream as unknown as { _disturbed: boolean })._disturbed = true;
  stream.getReader();
  return stream;
}

/** The stream and a copy of it, whose chunks are copies too (Fetch standard, "clone a body"). */
export function twice(stream: ReadableStream): [ReadableStream, ReadableStream] {
  const [one, other] = stream.tee();
  const copies = new TransformStream<unknown, unknown>({
    transform: (chunk, controller) => controller.enqueue(structuredClone(chunk)),
  }, undefined, { highWaterMark: Infinity });
  return [one, other.pipeThrough(copies)];
}

/** A stream of one chunk. */
export function streamOf(chunk: Uint8Array<ArrayBuffer>): ByteStream {
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      if (chunk.length > 0) controller.enqueue(chunk);
      controller.close();
      controller.byobRequest?.respond(0);
    },
  }, { highWaterMark: 0 }) as ByteStream;
}

/** The chunk as bytes; a TypeError for what a body cannot hold. */
export function bytesOfChunk(chunk: unknown): Uint8Array<ArrayBuffer> {
  if (chunk instanceof Uint8Array) return chunk as Uint8Array<ArrayBuffer>;
  const found = chunk === null ? "null" : typeof chunk;
  throw new TypeError(`A body's stream must give Uint8Array chunks, not ${found} (pipe text through a TextEncoderStream).`);
}

/** All that is left in the stream. */
export async function readAll(stream: ReadableStream): Promise<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(parts);
    parts.push(bytesOfChunk(value));
  }
}
