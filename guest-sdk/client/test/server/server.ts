// In: requests of the client under test. Out: what a Mayfly server answers, or the fault that a test asked for.
// May touch: a socket on loopback.
// Security boundary: no.

import type { ServerResponse } from "node:http";
import { Listening, pieces, type Seen } from "./listening.js";
import { Refusal } from "./refusal.js";
import { FakeRun, type Told } from "./runs.js";
import { cut, Shelf } from "./shelf.js";
import { TOOLS } from "./tenant.js";

export class FakeServer extends Listening {
  readonly #runs = new Map<string, FakeRun>();
  readonly #keys = new Map<string, FakeRun>();
  readonly #shelf = new Shelf();

  constructor() {
    super();
  }

  override async stop(): Promise<void> {
    this.#runs.forEach((run) => run.cancel());
    await super.stop();
  }

  async status(id: string): Promise<string> {
    return this.#runs.get(id)!.status;
  }

  protected async answer(seen: Seen, text: string, response: ServerResponse): Promise<void> {
    const { headers } = seen;
    const { pathname, searchParams } = new URL(seen.path, "http://x");
    response.setHeader("x-request-id", headers["x-request-id"] ?? crypto.randomUUID());
    if (headers.authorization !== "Bearer secret") throw new Refusal(401, "unauthorized", "send `Authorization: Bearer TOKEN`", { "www-authenticate": "Bearer" });
    await this.#route(seen, pathname, searchParams, text, response);
  }

  async #route(seen: Seen, path: string, query: URLSearchParams, text: string, response: ServerResponse): Promise<void> {
    const { method, headers, body } = seen;
    if (path.startsWith("/v1/scripts")) {
      const { status, headers: more, body } = this.#shelf.answer(method, path, query, headers, text);
      return reply(response, status, body, more);
    }
    if (path === "/v1/types") return void response.setHeader("content-type", "text/plain").end("declare const tools: {};\n");
    if (path === "/v1/tools") {
      const found = Object.keys(TOOLS).filter((name) => name.includes(query.get("query") ?? ""));
      return reply(response, 200, { results: found.map((path) => ({ path, description: "" })), truncated: false });
    }
    if (path === "/v1/runs" && method === "POST") return this.#tell(this.#create(seen), seen, response);
    if (path === "/v1/runs") {
      const matches = (name: string, value: unknown) => [value, null].includes(query.get(name));
      const all = [...this.#runs.values()].reverse().filter(({ status, body }) => matches("status", status) && matches("script", body.script));
      return reply(response, 200, cut(all.map((run) => ({ id: run.id, status: run.status })), query, "runs", (last) => last.id));
    }
    const [, id, step] = /^\/v1\/runs\/([^/]+)(\/continue)?$/.exec(path) ?? [];
    const run = this.#runs.get(id ?? "");
    if (run === undefined) throw new Refusal(404, "not_found", `there is nothing at ${path}`);
    if (step !== undefined) return run.continue(body), this.#tell(run, seen, response);
    if (method === "DELETE") run.cancel();
    reply(response, 200, run.object());
  }

  #create({ headers, body }: Seen): FakeRun {
    const key = headers["idempotency-key"];
    const known = key === undefined ? undefined : this.#keys.get(key);
    if (known !== undefined) return known;
    const { script } = body;
    const { modules, main } = script === undefined ? body : this.#shelf.content(script);
    const run = new FakeRun({ ...body, ...(modules !== undefined && { modules, main }) }, TOOLS);
    this.#runs.set(run.id, run);
    this.ids.push(run.id);
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

function reply(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body === undefined ? undefined : JSON.stringify(body));
}
