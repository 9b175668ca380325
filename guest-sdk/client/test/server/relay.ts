// In: requests of the client under test. Out: what the real server answers to them, byte for byte, in pieces of any size.
// May touch: a socket on loopback, the server of MAYFLY_URL with its token.
// Security boundary: no. It says what was asked, and adds faults, so that tests may look where the fake server is looked into.

import { request, type IncomingMessage, type ServerResponse } from "node:http";
import { all, Listening, pieces, type Seen } from "./listening.js";

export class Relay extends Listening {
  readonly #target: string;
  readonly #token: string;

  constructor(target: string, token: string) {
    super();
    [this.#target, this.#token] = [target, token];
  }

  async status(id: string): Promise<string> {
    const answer = await fetch(`${this.#target}/v1/runs/${id}`, { headers: { authorization: `Bearer ${this.#token}` } });
    return ((await answer.json()) as { status: string }).status;
  }

  protected async answer(seen: Seen, text: string, response: ServerResponse): Promise<void> {
    const there = await this.#ask(seen, text, response);
    for (const [name, value] of Object.entries(there.headers)) {
      if (!["connection", "keep-alive", "transfer-encoding"].includes(name)) response.setHeader(name, value!);
    }
    response.writeHead(there.statusCode!);
    response.flushHeaders();
    const begins = seen.method === "POST" && seen.path === "/v1/runs";
    if (String(there.headers["content-type"]).startsWith("text/event-stream")) {
      if (begins) this.ids.push(String(there.headers["x-mayfly-run"]));
      for await (const chunk of there) await pieces(response, chunk as Buffer, this.event_piece_bytes);
      return void response.end();
    }
    const body = await all(there);
    if (begins && there.statusCode! < 300) this.ids.push((JSON.parse(body) as { id: string }).id);
    response.end(body);
  }

  #ask({ method, path, headers }: Seen, text: string, response: ServerResponse): Promise<IncomingMessage> {
    const { host: _, authorization, ...rest } = headers;
    const token = authorization === "Bearer secret" ? `Bearer ${this.#token}` : authorization;
    return new Promise((resolve, reject) => {
      const asked = request(`${this.#target}${path}`, { method, headers: { ...rest, authorization: token }, agent: false }, resolve);
      asked.on("error", reject);
      // Who goes away is gone for the server, too.
      response.on("close", () => response.writableFinished || asked.destroy());
      asked.end(text);
    });
  }
}
