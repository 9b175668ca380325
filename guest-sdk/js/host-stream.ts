// In: a body whose beginning the host has handed in. Out: its parts, one read at a time, and as a ReadableStream.
// May touch: the effect buffer: Read effects, and the Cancel that gives the rest up.
// Security boundary: no.

import { native, Effect } from "./native.ts";
import { cancel, expect } from "./pending.ts";
import { joined } from "./bytes.ts";
import { ReadableStream, type ByteStream } from "./streams.ts";

type Part = Uint8Array<ArrayBuffer>;

/** The body that the host knows by a number: that of its fetch, or 0 for the HTTP request's. */
export class HostStream {
  readonly #number: number;
  #first: Part | undefined;
  #over = false;
  #broken: { reason: unknown } | undefined;
  /** The read under way, and how it is rejected. */
  #reading: { number: number; reject: (reason: unknown) => void } | undefined;

  constructor(number: number, first: Part) {
    this.#number = number;
    this.#first = first.length > 0 ? first : undefined;
  }

  /** The next part; `undefined` at the end. */
  read(): Promise<Part | undefined> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken.reason);
    const first = this.#first;
    if (first !== undefined || this.#over) {
      this.#first = undefined;
      return Promise.resolve(first);
    }
    return new Promise((resolve, reject) => {
      const number = expect({
        fulfil: (meta) => {
          this.#reading = undefined;
          // Any meta says that no part follows.
          if (meta !== "") this.#over = true;
          const part = native.bodyBytes();
          resolve(part.length === 0 && this.#over ? undefined : part);
        },
        reject: (error) => {
          this.#reading = undefined;
          this.#over = true;
          this.#broken = { reason: error };
          reject(error);
        },
      });
      this.#reading = { number, reject };
      native.emit(Effect.Read, number, `{"stream":${this.#number}}`);
    });
  }

  /** Nobody wants the rest. With a reason, reads fail with it from now on. */
  giveUp(broken?: { reason: unknown }): void {
    if (this.#over) return;
    this.#over = true;
    this.#first = undefined;
    this.#broken = broken;
    if (this.#reading !== undefined) {
      cancel(this.#reading.number);
      if (broken !== undefined) this.#reading.reject(broken.reason);
    }
    native.emit(Effect.Cancel, this.#number, "");
  }

  async all(): Promise<Part> {
    const parts: Part[] = [];
    for (let part = await this.read(); part !== undefined; part = await this.read()) parts.push(part);
    return joined(parts);
  }

  /** Reads ahead of nobody: a part is asked for when one is wanted. */
  stream(): ByteStream {
    return new ReadableStream({
      type: "bytes",
      pull: async (controller) => {
        const part = await this.read();
        if (part !== undefined) return controller.enqueue(part);
        controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel: () => this.giveUp(),
    }, { highWaterMark: 0 }) as ByteStream;
  }
}
