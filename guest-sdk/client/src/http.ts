// In: what to ask the server. Out: its answer, or its problem as an error.
// May touch: the network, by the `fetch` that it was given, and the token.
// Security boundary: yes, a small one: the token goes to `url` alone; redirects are not followed.

import { Deadline, sleep } from "./deadline.js";
import { MayflyError, MayflyProblem, type ProblemKind } from "./errors.js";
import { ANSWER_BYTES_MAX, BACKOFF_MS, BACKOFF_MS_MAX, PROBLEM_BYTES_MAX, RETRIES_MAX, RETRY_AFTER_MS_MAX, TIMEOUT_MS } from "./limits.js";

export interface MayflyOptions {
  /** Where the server is: `http://127.0.0.1:8787`, perhaps with a path before `/v1`. */
  url: string | URL;
  token: string;
  /** Instead of the global one. */
  fetch?: typeof globalThis.fetch;
  /** For one HTTP exchange, until its answer is complete. 60 s unless it is said; a run with `limits.wall_ms` has at least 10 s more than that. */
  timeout_ms?: number;
  /** Tries after the first one; 3 unless it is said. */
  retries_max?: number;
}

export interface CallOptions {
  signal?: AbortSignal;
  timeout_ms?: number;
}

export interface Ask extends CallOptions {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  query?: Record<string, string | number | undefined>;
  json?: unknown;
  headers?: Record<string, string>;
  /** The longest wait that the request itself implies. */
  least_ms?: number;
}

/** An answer whose body is still to be read, within the same deadline. `done` must be called. */
export interface Open {
  response: Response;
  deadline: Deadline;
  what: string;
  done(): void;
}

/** Nothing was begun, and the server says so. */
const TRY_AGAIN: ReadonlySet<string> = new Set(["overloaded", "draining"]);

export class Http {
  readonly #base: string;
  readonly #token: string;
  readonly #fetch: typeof globalThis.fetch;
  readonly #timeout_ms: number;
  readonly #retries_max: number;

  constructor(options: MayflyOptions) {
    const url = new URL(options.url);
    if (url.protocol !== "http:" && url.protocol !== "https:") throw new TypeError(`url: ${url.protocol} is not http: or https:`);
    if (typeof options.token !== "string" || !/^[\x21-\x7e]+$/.test(options.token)) throw new TypeError("token: give the token as `mayfly token new` printed it");
    this.#base = `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
    this.#token = options.token;
    // Called as a plain function: some platforms refuse `fetch` on another `this`.
    const given = options.fetch ?? globalThis.fetch;
    this.#fetch = (input, init) => given(input, init);
    this.#timeout_ms = positive(options.timeout_ms, TIMEOUT_MS, "timeout_ms");
    this.#retries_max = options.retries_max ?? RETRIES_MAX;
    if (!Number.isInteger(this.#retries_max) || this.#retries_max < 0) throw new RangeError(`retries_max: ${this.#retries_max} is no number from 0`);
  }

  async json<T>(ask: Ask): Promise<{ value: T; headers: Headers; status: number }> {
    const { text, headers, status } = await this.text(ask);
    return { value: parse(text, `${ask.method} ${ask.path}`) as T, headers, status };
  }

  async text(ask: Ask): Promise<{ text: string; headers: Headers; status: number }> {
    const open = await this.open(ask);
    try {
      const { headers, status } = open.response;
      return { text: await read(open.response), headers, status };
    } catch (thrown) {
      throw open.deadline.explain(thrown, open.what);
    } finally {
      open.done();
    }
  }

  /** The head of a good answer (2xx or 304). */
  async open(ask: Ask): Promise<Open> {
    // One key for all tries of this call: whatever happened to the first, the server does it once.
    const headers: Record<string, string> = { authorization: `Bearer ${this.#token}`, accept: "application/json", ...ask.headers };
    if (ask.method === "POST") headers["idempotency-key"] ??= crypto.randomUUID();
    // Before anything is sent: what JSON cannot carry is the caller's mistake, and told as JSON.stringify tells it.
    const body = ask.json === undefined ? undefined : JSON.stringify(ask.json);
    if (body !== undefined) headers["content-type"] = "application/json";
    for (let retries = 0; ; retries += 1) {
      const open = await this.#once(ask, headers, body);
      if (open.response.ok || open.response.status === 304) return open;
      const { error, again } = await refusal(open);
      const wait_ms = error instanceof MayflyProblem ? (error.retry_after_ms ?? 0) : 0;
      if (!again || retries >= this.#retries_max || wait_ms > RETRY_AFTER_MS_MAX) throw error;
      await sleep(Math.max(wait_ms, backoff(retries)), ask.signal);
    }
  }

  async #once(ask: Ask, headers: Record<string, string>, body: string | undefined): Promise<Open> {
    const what = `${ask.method} ${ask.path}`;
    const within_ms = Math.max(positive(ask.timeout_ms, this.#timeout_ms, "timeout_ms"), ask.least_ms ?? 0);
    const deadline = new Deadline(within_ms, what, ask.signal);
    try {
      const init: RequestInit = { method: ask.method, headers, redirect: "manual", signal: deadline.signal, ...(body !== undefined && { body }) };
      const response = await this.#fetch(`${this.#base}${ask.path}${queryOf(ask.query)}`, init);
      return { response, deadline, what, done: () => deadline.end() };
    } catch (thrown) {
      deadline.end();
      throw deadline.explain(thrown, what);
    }
  }
}

export function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MayflyError("protocol", `${what}: the answer is not JSON: ${text.slice(0, 80)}`, { cause });
  }
}

async function refusal(open: Open): Promise<{ error: MayflyError; again: boolean }> {
  const { response, what } = open;
  try {
    const error = told(response, await read(response, PROBLEM_BYTES_MAX), what);
    const later = response.status === 503 && TRY_AGAIN.has(error.kind);
    return { error, again: later || (response.status === 429 && response.headers.has("retry-after")) };
  } catch (thrown) {
    throw open.deadline.explain(thrown, what);
  } finally {
    open.done();
  }
}

function told(response: Response, text: string, what: string): MayflyError {
  const { status, headers } = response;
  const body = fields(text);
  if (typeof body?.kind !== "string") {
    const place = headers.get("location");
    const hint = status >= 300 && status < 400 ? ` to ${place ?? "somewhere else"}; give the final address as url` : `: ${text.slice(0, 200)}`;
    return new MayflyError("protocol", `${what}: answered ${status || "a redirect"} without a problem of Mayfly${hint}`);
  }
  const retry_after_ms = retryAfter(headers.get("retry-after"));
  const request_id = headers.get("x-request-id");
  return new MayflyProblem({
    kind: body.kind as ProblemKind,
    status,
    detail: String(body.detail ?? body.title ?? "no detail"),
    ...(typeof body.title === "string" && { title: body.title }),
    ...(retry_after_ms !== undefined && { retry_after_ms }),
    ...(typeof body.run === "string" && { run: body.run }),
    ...(typeof body.error === "object" && body.error !== null && { error: body.error as NonNullable<MayflyProblem["error"]> }),
    ...(request_id !== null && { request_id }),
  });
}

function fields(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 9110, section 10.2.3: seconds, or a date. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function backoff(retries: number): number {
  const most = Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** retries);
  return most / 2 + (Math.random() * most) / 2;
}

/** A body as text, up to a bound: the server is trusted with the run, not with this process's memory. */
export async function read(response: Response, bytes_max = ANSWER_BYTES_MAX): Promise<string> {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > bytes_max) {
      await reader.cancel();
      throw new MayflyError("protocol", `the answer is longer than ${bytes_max} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

function queryOf(query: Ask["query"]): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (given.length === 0) return "";
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

export function positive(given: number | undefined, otherwise: number, name: string): number {
  if (given === undefined) return otherwise;
  // More than setTimeout can count would end at once.
  if (!(given > 0) || given > 2 ** 31 - 1) throw new RangeError(`${name}: ${given} is not between 1 and ${2 ** 31 - 1}`);
  return given;
}
