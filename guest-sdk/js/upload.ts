// In: a body in parts. Out: Write effects, each one when the host has room for it.
// May touch: the effect buffer.
// Security boundary: no.

import { native, Effect } from "./native.ts";
import { expect } from "./pending.ts";
import { partsOf } from "./body.ts";
import { HostStream } from "./host-stream.ts";
import { ReadableStream } from "./streams.ts";

/** As the host bounds a frame: longer parts are cut. */
const PART_BYTES_MAX = 256 * 1024;

/**
 * Sends all of the body to the host's stream. Rejects with what the body's stream fails with; a host that wants no more ends
 * it, and cancels the stream.
 */
export async function upload(stream: number, body: HostStream | ReadableStream): Promise<void> {
  const parts = partsOf(body);
  try {
    for await (const part of parts) {
      for (let at = 0; at < part.length; at += PART_BYTES_MAX) {
        await write(stream, part.subarray(at, at + PART_BYTES_MAX), false);
      }
    }
  } catch (thrown) {
    if (thrown instanceof Refused) return;
    throw thrown;
  }
  await write(stream, new Uint8Array(0), true).catch(() => undefined);
}

/** The host takes no more. */
class Refused extends Error {}

function write(stream: number, part: Uint8Array, end: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const number = expect({ fulfil: () => resolve(), reject: (error) => reject(new Refused(error.message)) });
    native.emit(Effect.Write, number, `{"stream":${stream},"end":${end}}`, part);
  });
}
