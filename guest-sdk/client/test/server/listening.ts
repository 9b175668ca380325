// In: requests of the client under test. Out: each as it was seen, and an answer, or the fault that a test asked for.
// May touch: a socket on loopback.
// Security boundary: no.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Refusal } from "./refusal.js";

export interface Seen {
  method: string;
  path: string;
  headers: Record<string, string | undefined>;
  body: any;
}

/** Instead of an answer; the next request sees the next one. */
export type Fault = (request: Seen, response: ServerResponse) => void | Promise<void>;

/** What tests look into: the fake server, or the relay before a real one. */
export abstract class Listening {
  readonly seen: Seen[] = [];
  readonly faults: Fault[] = [];
  /** Of the runs that were begun here. */
  readonly ids: string[] = [];
  /** Events are written in pieces of this size. */
  event_piece_bytes = Infinity;
  readonly #server: Server;

  protected constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((thrown: unknown) => response.destroy(thrown as Error));
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The next requests are refused. */
  refuse(times: number, status: number, kind: string, headers: Record<string, string> = {}): void {
    for (let time = 0; time < times; time += 1) {
      this.faults.push((_, response) => problem(response, new Refusal(status, kind, `refused as ${kind}`, headers)));
    }
  }

  /** Of a run, without a request that would be seen. */
  abstract status(id: string): Promise<string>;

  protected abstract answer(seen: Seen, text: string, response: ServerResponse): Promise<void>;

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await all(request);
    const seen = { method: request.method!, path: request.url!, headers: request.headers as Seen["headers"], body: text === "" ? undefined : JSON.parse(text) };
    this.seen.push(seen);
    try {
      const fault = this.faults.shift();
      if (fault !== undefined) return await fault(seen, response);
      await this.answer(seen, text, response);
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      problem(response, thrown);
    }
  }
}

export async function pieces(response: ServerResponse, bytes: Uint8Array, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    await new Promise((resolve) => response.write(bytes.subarray(at, Math.min(bytes.length, at + size)), resolve));
    if (size !== Infinity) await new Promise((resolve) => setImmediate(resolve));
  }
}

function problem(response: ServerResponse, refusal: Refusal): void {
  response.writeHead(refusal.status, { "content-type": "application/problem+json", ...refusal.headers }).end(refusal.body);
}

export async function all(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
