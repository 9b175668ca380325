// In: requests and replies as scripts make and read them. Out: Request, Response, and their bytes.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { Headers, headersOf, type HeadersInit } from "./headers.ts";
import { URLSearchParams } from "./url.ts";
import { AbortController, AbortSignal } from "./abort.ts";
import { Blob, bytesOf } from "./blob.ts";
import { FormData, readForm, writeForm } from "./form-data.ts";

export type BodyInit = string | URLSearchParams | ArrayBuffer | ArrayBufferView | Blob | FormData | null | undefined;
type Content = string | Uint8Array<ArrayBuffer>;

/** What a body is made of, and the content type that it suggests. */
function extract(init: BodyInit): [content: Content | null, type: string | undefined] {
  if (init === null || init === undefined) return [null, undefined];
  if (typeof init === "string") return [init, "text/plain;charset=UTF-8"];
  if (init instanceof URLSearchParams) return [init.toString(), "application/x-www-form-urlencoded;charset=UTF-8"];
  if (init instanceof Blob) return [bytesOf(init), init.type === "" ? undefined : init.type];
  if (init instanceof FormData) return writeForm(init);
  if (init instanceof ArrayBuffer) return [new Uint8Array(init.slice(0)), undefined];
  if (ArrayBuffer.isView(init)) {
    return [new Uint8Array(init.buffer as ArrayBuffer, init.byteOffset, init.byteLength).slice(), undefined];
  }
  return [String(init), "text/plain;charset=UTF-8"];
}

const parse = JSON.parse;

function textOf(content: Content): string {
  if (typeof content === "string") return content.toWellFormed();
  const text = native.utf8Decode(content, false) as string;
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** What Request and Response have in common. */
abstract class Body {
  #content: Content | null;
  #used = false;
  abstract readonly headers: Headers;

  constructor(content: Content | null) {
    this.#content = content;
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  /** There are no streams yet: use `text()`, `json()`, `bytes()`. See LIMITATIONS.md. */
  get body(): null {
    return null;
  }

  async text(): Promise<string> {
    return textOf(this.#take());
  }

  async json(): Promise<unknown> {
    return parse(textOf(this.#take()));
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const content = this.#take();
    return typeof content === "string" ? native.utf8Encode(content) : content;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.bytes()], { type: this.headers.get("content-type") ?? "" });
  }

  async formData(): Promise<FormData> {
    return readForm(await this.bytes(), this.headers.get("content-type") ?? "");
  }

  #take(): Content {
    if (this.#used) throw new TypeError("The body has already been read (use clone() to read it twice).");
    if (this.#content === null) return "";
    this.#used = true;
    const content = this.#content;
    this.#content = "";
    return content;
  }

  static peek(body: Body): Content | null {
    if (body.#used) throw new TypeError("The body has already been read.");
    return body.#content;
  }

  static spend(body: Body): void {
    if (body.#content !== null) body.#used = true;
  }
}

/** The content, for a copy or for sending; an error once it was read. For the prelude alone, as the next one. */
const { peek, spend } = Body;
delete (Body as { peek?: unknown }).peek;
delete (Body as { spend?: unknown }).spend;

function copyOf(body: Body): Content | null {
  const content = peek(body);
  return typeof content === "string" || content === null ? content : content.slice();
}

export interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit;
  redirect?: string;
  signal?: AbortSignal | null;
  [ignored: string]: unknown;
}

const NORMALISED = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"]);
const REDIRECTS = new Set(["follow", "error", "manual"]);

function methodOf(value: unknown): string {
  const method = String(value);
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) throw new TypeError(`'${method}' is not a valid HTTP method.`);
  const upper = method.toUpperCase();
  if (upper === "CONNECT" || upper === "TRACE" || upper === "TRACK") throw new TypeError(`The method ${upper} is not allowed.`);
  return NORMALISED.has(upper) ? upper : method;
}

export class Request extends Body {
  declare readonly url: string;
  declare readonly method: string;
  declare readonly headers: Headers;
  declare readonly redirect: string;
  #signal: AbortSignal | undefined;

  constructor(input: Request | string | { href: string }, init: RequestInit = {}) {
    const from = input instanceof Request ? input : undefined;
    const url = from === undefined ? native.urlToFetch(String(input)) : from.url;
    if (url === null) throw new TypeError(`Invalid URL: '${String(input)}' (it must be absolute).`);
    if (url === false) throw new TypeError("A URL with user name or password cannot be fetched.");
    const method = init.method === undefined ? (from?.method ?? "GET") : methodOf(init.method);
    const [content, type] = init.body === undefined && from !== undefined ? [peek(from), undefined] : extract(init.body);
    if (content !== null && (method === "GET" || method === "HEAD")) throw new TypeError(`A ${method} request cannot have a body.`);
    super(content);
    if (from !== undefined && init.body === undefined) spend(from);
    this.url = url;
    this.method = method;
    this.headers = new Headers(init.headers ?? from?.headers);
    if (type !== undefined && !this.headers.has("content-type")) this.headers.set("content-type", type);
    this.redirect = init.redirect === undefined ? (from?.redirect ?? "follow") : String(init.redirect);
    if (!REDIRECTS.has(this.redirect)) throw new TypeError(`'${this.redirect}' is not a redirect mode.`);
    const signal = init.signal === undefined ? (from === undefined ? undefined : from.#signal) : init.signal;
    if (signal !== undefined && signal !== null && !(signal instanceof AbortSignal)) throw new TypeError("`signal` is not an AbortSignal.");
    this.#signal = signal ?? undefined;
  }

  /** A signal that never fires, where none was given. */
  get signal(): AbortSignal {
    this.#signal ??= new AbortController().signal;
    return this.#signal;
  }

  static given(request: Request): AbortSignal | undefined {
    return request.#signal;
  }

  clone(): Request {
    const body = copyOf(this);
    return new Request(this.url, {
      method: this.method, headers: this.headers, redirect: this.redirect, signal: this.signal, body,
    });
  }

  get [Symbol.toStringTag](): string {
    return "Request";
  }
}

/** The signal that the request was given, if any. For the prelude alone. */
export const signalOf = Request.given;
delete (Request as { given?: unknown }).given;

export interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

const NO_BODY = new Set([101, 103, 204, 205, 304]);
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);

/** Stands in the place of a body where the host's reply is made. */
const REPLY = Symbol();

/** A reply from the host. Its status may be any number, and its headers are in order. */
interface Reply {
  status: number;
  statusText: string;
  headers: [string, string][];
  url: string;
  redirected: boolean;
  bytes: Uint8Array<ArrayBuffer>;
}

export class Response extends Body {
  declare readonly status: number;
  declare readonly statusText: string;
  declare readonly headers: Headers;
  declare readonly type: string;
  declare readonly url: string;
  declare readonly redirected: boolean;

  constructor(body?: BodyInit, init: ResponseInit = {}) {
    if ((body as unknown) === REPLY) {
      const { status, statusText, headers, url, redirected, bytes } = init as unknown as Reply;
      super(bytes.length === 0 && NO_BODY.has(status) ? null : bytes);
      this.status = status;
      this.statusText = statusText;
      this.headers = headersOf(headers);
      this.type = "basic";
      this.url = url;
      this.redirected = redirected;
      return;
    }
    const [content, type] = extract(body);
    super(content);
    this.type = "default";
    this.url = "";
    this.redirected = false;
    this.status = init.status === undefined ? 200 : Math.trunc(Number(init.status));
    if (!(this.status >= 200 && this.status <= 599)) throw new RangeError(`The status ${init.status} is not between 200 and 599.`);
    if (content !== null && NO_BODY.has(this.status)) throw new TypeError(`A response with status ${this.status} cannot have a body.`);
    this.statusText = init.statusText === undefined ? "" : String(init.statusText);
    this.headers = new Headers(init.headers);
    if (type !== undefined && !this.headers.has("content-type")) this.headers.set("content-type", type);
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  clone(): Response {
    const copy = new Response(null, { statusText: this.statusText, headers: this.headers });
    const content = copyOf(this);
    const { status, type, url, redirected } = this;
    return Object.assign(content === null ? copy : new Response(content, { statusText: this.statusText, headers: this.headers }), {
      status, type, url, redirected,
    });
  }

  static json(value: unknown, init: ResponseInit = {}): Response {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError("The value cannot be written as JSON.");
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(text, { ...init, headers });
  }

  static redirect(url: string, status: number = 302): Response {
    const parts = native.urlParse(String(url));
    if (parts === null) throw new TypeError(`Invalid URL: '${url}'.`);
    if (!REDIRECT_STATUS.has(status)) throw new RangeError(`${status} is not a redirect status.`);
    return new Response(null, { status, headers: { location: parts[0] as string } });
  }

  static error(): Response {
    return Object.assign(new Response(), { status: 0, type: "error" });
  }

  get [Symbol.toStringTag](): string {
    return "Response";
  }
}

/** The reply to a fetch. */
export function arrived(reply: Reply): Response {
  return new Response(REPLY as never, reply as never);
}

/** The body of a request that is being sent, which is spent by it. */
export function send(request: Request): Content | undefined {
  const content = peek(request) ?? undefined;
  spend(request);
  return content;
}
