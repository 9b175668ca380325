// In: requests of the client under test. Out: what a Mayfly server answers, or the fault that a test asked for.
// May touch: a socket on loopback.
// Security boundary: no.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Refusal } from "./refusal.js";
import { FakeRun, type TenantTools, type Told } from "./runs.js";
import { cut, Shelf } from "./shelf.js";

export interface Seen {
  method: string;
  path: string;
  headers: Record<string, string | undefined>;
  body: any;
}

/** Instead of an answer; the next request sees the next one. */
export type Fault = (request: Seen, response: ServerResponse) => void | Promise<void>;

export class FakeServer {
  readonly seen: Seen[] = [];
  readonly runs = new Map<string, FakeRun>();
  readonly faults: Fault[] = [];
  readonly tools: TenantTools = {};
  /** Events are written in pieces of this size. */
  event_piece_bytes = Infinity;
  readonly #keys = new Map<string, FakeRun>();
  readonly #shelf = new Shelf();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((thrown: unknown) => response.destroy(thrown as Error));
    });
  }

  static async start(): Promise<FakeServer> {
    const fake = new FakeServer();
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.runs.forEach((run) => run.cancel());
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The next requests are refused. */
  refuse(times: number, status: number, kind: string, headers: Record<string, string> = {}): void {
    for (let time = 0; time < times; time += 1) {
      this.faults.push((_, response) => problem(response, new Refusal(status, kind, `refused as ${kind}`, headers)));
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await all(request);
    const { pathname, searchParams } = new URL(request.url!, "http://x");
    const headers = request.headers as Seen["headers"];
    response.setHeader("x-request-id", headers["x-request-id"] ?? crypto.randomUUID());
    const seen = { method: request.method!, path: request.url!, headers, body: text === "" ? undefined : JSON.parse(text) };
    this.seen.push(seen);
    try {
      const fault = this.faults.shift();
      if (fault !== undefined) return await fault(seen, response);
      if (headers.authorization !== "Bearer secret") throw new Refusal(401, "unauthorized", "send `Authorization: Bearer TOKEN`", { "www-authenticate": "Bearer" });
      await this.#route(seen, pathname, searchParams, text, response);
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      problem(response, thrown);
    }
  }

  async #route(seen: Seen, path: string, query: URLSearchParams, text: string, response: ServerResponse): Promise<void> {
    const { method, headers, body } = seen;
    if (path.startsWith("/v1/scripts")) {
      const { status, headers: more, body } = this.#shelf.answer(method, path, query, headers, text);
      return reply(response, status, body, more);
    }
    if (path === "/v1/types") return void response.setHeader("content-type", "text/plain").end("declare const tools: {};\n");
    if (path === "/v1/tools") {
      const found = Object.keys(this.tools).filter((name) => name.includes(query.get("query") ?? ""));
      return reply(response, 200, { results: found.map((path) => ({ path, description: "" })), truncated: false });
    }
    if (path === "/v1/runs" && method === "POST") return this.#tell(this.#create(seen), seen, response);
    if (path === "/v1/runs") {
      const all = [...this.runs.values()].reverse().filter((run) => query.get("status") === null || run.status === query.get("status"));
      return reply(response, 200, cut(all.map((run) => ({ id: run.id, status: run.status })), query, "runs", (last) => last.id));
    }
    const [, id, step] = /^\/v1\/runs\/([^/]+)(\/continue)?$/.exec(path) ?? [];
    const run = this.runs.get(id ?? "");
    if (run === undefined) throw new Refusal(404, "not_found", `there is nothing at ${path}`);
    if (step !== undefined) return run.continue(body), this.#tell(run, seen, response);
    if (method === "DELETE") run.cancel();
    reply(response, 200, run.object());
  }

  #create({ headers, body }: Seen): FakeRun {
    const key = headers["idempotency-key"];
    const known = key === undefined ? undefined : this.#keys.get(key);
    if (known !== undefined) return known;
    const { script, ...rest } = body;
    const run = new FakeRun(script === undefined ? rest : { ...rest, ...this.#shelf.content(script) && { modules: this.#shelf.content(script).modules, main: this.#shelf.content(script).main } }, this.tools);
    this.runs.set(run.id, run);
    if (key !== undefined) this.#keys.set(key, run);
    return run;
  }

  async #tell(run: FakeRun, { headers, body }: Seen, response: ServerResponse): Promise<void> {
    // Nobody waits for it any more. After a pause it may be continued by somebody else.
    response.on("close", () => response.writableFinished || run.cancel());
    if (headers.accept !== "text/event-stream") {
      const settled = run.settle();
      return body.wait === false ? reply(response, 202, run.object()) : reply(response, 200, await settled);
    }
    response.writeHead(200, { "content-type": "text/event-stream", "x-mayfly-run": run.id });
    let written = Promise.resolve();
    const write = ({ event, data }: Told) => {
      const bytes = Buffer.from(`: a comment\nevent: ${event}\r\ndata: ${JSON.stringify(data)}\n\n`);
      written = written.then(() => pieces(response, bytes, this.event_piece_bytes));
    };
    response.flushHeaders();
    run.tell = write;
    await run.settle();
    await written;
    response.end();
  }
}

async function pieces(response: ServerResponse, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    await new Promise((resolve) => response.write(bytes.subarray(at, Math.min(bytes.length, at + size)), resolve));
    if (size !== Infinity) await new Promise((resolve) => setImmediate(resolve));
  }
}

function reply(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body === undefined ? undefined : JSON.stringify(body));
}

function problem(response: ServerResponse, refusal: Refusal): void {
  response.writeHead(refusal.status, { "content-type": "application/problem+json", ...refusal.headers }).end(refusal.body);
}

async function all(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
