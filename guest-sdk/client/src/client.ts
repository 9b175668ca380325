// In: what a program wants of a Mayfly server. Out: the server's answers, typed.
// May touch: the server at `url`, with `token`; the caller's external tools.
// Security boundary: no.

import { asRun, askRun, cancelQuietly, continuation, creation, drive, pathOf, type DriveOptions, type RunOptions } from "./drive.js";
import { MayflyError } from "./errors.js";
import type { Answerers } from "./external.js";
import { Http, parse, type CallOptions, type MayflyOptions } from "./http.js";
import { pages, type PageOptions } from "./pages.js";
import { Scripts } from "./scripts.js";
import { follow } from "./stream.js";
import type { Continuation, Run, RunEvent, RunRequest, RunStatus, RunSummary, ToolSearch } from "./types.js";

export interface ListOptions extends PageOptions {
  status?: RunStatus;
  script?: string;
  /** `key:value`, or a key alone. */
  tag?: string;
  /** Begun then or later, in RFC 3339 or milliseconds since 1970; and begun before. */
  since?: string | number;
  until?: string | number;
}

/** Who answers what the run asks for after it goes on. */
export type ContinueOptions = DriveOptions & Answerers;

/**
 * A client of one server, for one token. It keeps no state and no connection of its own: make one, use it everywhere.
 * Methods reject with a `MayflyProblem` for what the server refuses, with a `MayflyError` for what went wrong on the way,
 * and with the signal's reason after an abort. A script that fails is none of these: its run has status `failed`.
 */
export class Mayfly {
  readonly scripts: Scripts;
  readonly tools: Tools;
  readonly #http: Http;

  constructor(options: MayflyOptions) {
    this.#http = new Http(options);
    this.scripts = new Scripts(this.#http);
    this.tools = new Tools(this.#http);
  }

  /**
   * Runs code to its end, answering its external calls on the way. It comes back `paused` only with calls that nobody
   * here answers. An abort, or a failure on the way, cancels the run.
   */
  async run<T = unknown>(request: RunRequest, options: RunOptions = {}): Promise<Run<T>> {
    const first = await askRun<T>(this.#http, creation(request, options));
    return drive(this.#http, first, request, options, request.limits?.wall_ms);
  }

  /** Runs code and tells what happens in it. Leaving the loop cancels the run. */
  stream<T = unknown>(request: RunRequest, options: RunOptions = {}): AsyncGenerator<RunEvent<T>, void, undefined> {
    return follow<T>(this.#http, creation(request, options), request, options, request.limits?.wall_ms);
  }

  /** Answers a paused run and lets it go on. Give `external` again if it may call those tools. An abort cancels the run. */
  async continue<T = unknown>(id: string, said: Continuation, options: ContinueOptions = {}): Promise<Run<T>> {
    let next: Run<T>;
    try {
      next = await askRun<T>(this.#http, continuation(id, said, options));
    } catch (thrown) {
      // A refusal (somebody else was first, say) is no reason to take the run away from others.
      if (options.signal?.aborted === true) await cancelQuietly(this.#http, id);
      throw thrown;
    }
    return drive(this.#http, next, options, options);
  }

  async get<T = unknown>(id: string, options: CallOptions = {}): Promise<Run<T>> {
    return askRun<T>(this.#http, { method: "GET", path: pathOf(id), ...options });
  }

  /** All runs that match, newest first, page by page. */
  list({ signal, ...query }: ListOptions = {}): AsyncGenerator<RunSummary, void, undefined> {
    return pages(this.#http, "/v1/runs", "runs", query, signal);
  }

  /** The run as it is now, where the server says it. */
  async cancel(id: string, options: CallOptions = {}): Promise<Run | undefined> {
    const { text } = await this.#http.text({ method: "DELETE", path: pathOf(id), ...options });
    return text === "" ? undefined : asRun(parse(text, `DELETE ${pathOf(id)}`), `DELETE ${pathOf(id)}`);
  }

  /** The TypeScript declarations of what this token's scripts may call. */
  async types(options: CallOptions = {}): Promise<string> {
    return (await this.#http.text({ method: "GET", path: "/v1/types", headers: { accept: "text/plain, */*" }, ...options })).text;
  }
}

/** The tools that the tenant has. */
export class Tools {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  async search(query: string, options: CallOptions & { limit?: number } = {}): Promise<ToolSearch> {
    const { limit, ...rest } = options;
    const { value } = await this.#http.json<ToolSearch>({ method: "GET", path: "/v1/tools", query: { query, limit }, ...rest });
    if (!Array.isArray(value?.results)) throw new MayflyError("protocol", "GET /v1/tools: the answer has no list `results`");
    return value;
  }
}
