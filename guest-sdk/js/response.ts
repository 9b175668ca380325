// In: what a script answers, or what the host's reply to a fetch was. Out: Response.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { Headers, headersOf, type HeadersInit } from "./headers.ts";
import { printAs } from "./inspect.ts";
import { Body, copy, extract, type BodyInit, type Source } from "./body.ts";

export interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

const NO_BODY = new Set([101, 103, 204, 205, 304]);
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);

interface State {
  status: number;
  statusText: string;
  type: string;
  url: string;
  redirected: boolean;
}

/** A response that needs no checks: the status of a reply may be any number. */
interface Made {
  state: State;
  headers: Headers;
  source: Source | null;
}

/** Stands in the place of a body where a response is made of its parts. */
const MADE = Symbol();

export class Response extends Body {
  #state: State;
  #headers: Headers;

  constructor(body?: BodyInit, init?: ResponseInit) {
    if ((body as unknown) === MADE) {
      const { state, headers, source } = init as unknown as Made;
      super(source);
      this.#state = state;
      this.#headers = headers;
      return;
    }
    const given = init ?? {};
    const status = given.status === undefined ? 200 : statusOf(given.status);
    const statusText = given.statusText === undefined ? "" : phraseOf(given.statusText);
    const headers = new Headers(given.headers);
    const [source, type] = extract(body);
    if (source !== null && NO_BODY.has(status)) throw new TypeError(`A response with status ${status} cannot have a body.`);
    if (type !== undefined && !headers.has("content-type")) headers.set("content-type", type);
    super(source);
    this.#state = { status, statusText, type: "default", url: "", redirected: false };
    this.#headers = headers;
  }

  get type(): string {
    return this.#state.type;
  }

  get url(): string {
    return this.#state.url;
  }

  get redirected(): boolean {
    return this.#state.redirected;
  }

  get status(): number {
    return this.#state.status;
  }

  get ok(): boolean {
    return this.#state.status >= 200 && this.#state.status <= 299;
  }

  get statusText(): string {
    return this.#state.statusText;
  }

  get headers(): Headers {
    return this.#headers;
  }

  clone(): Response {
    return made({ state: this.#state, headers: new Headers(this.#headers), source: copy(this) });
  }

  static json(value: unknown, init?: ResponseInit): Response {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError("The value cannot be written as JSON.");
    const headers = new Headers(init?.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(text, { ...init, headers });
  }

  static redirect(url: string, status: number = 302): Response {
    const href = native.urlHref(String(url));
    if (href === null) throw new TypeError(`Invalid URL: '${url}'.`);
    if (!REDIRECT_STATUS.has(Number(status))) throw new RangeError(`${status} is not a redirect status.`);
    const state = { status: Number(status), statusText: "", type: "default", url: "", redirected: false };
    return made({ state, headers: headersOf([["location", href]]), source: null });
  }

  static error(): Response {
    const state = { status: 0, statusText: "", type: "error", url: "", redirected: false };
    return made({ state, headers: headersOf([]), source: null });
  }

  get [Symbol.toStringTag](): string {
    return "Response";
  }
}

function statusOf(value: unknown): number {
  // As WebIDL converts to `unsigned short`.
  const number = Number(value);
  const status = Number.isFinite(number) ? Math.trunc(number) & 0xffff : 0;
  if (status < 200 || status > 599) throw new RangeError(`The status ${String(value)} is not between 200 and 599.`);
  return status;
}

function phraseOf(value: unknown): string {
  const text = String(value);
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) throw new TypeError("`statusText` holds no line breaks and no characters above U+00FF.");
  return text;
}

function made(parts: Made): Response {
  return new Response(MADE as never, parts as never);
}

/** A reply from the host; its headers are in order. */
export interface Reply {
  status: number;
  statusText: string;
  headers: [string, string][];
  url: string;
  redirected: boolean;
  body: Source;
}

/** The reply to a fetch. */
export function arrived({ status, statusText, headers, url, redirected, body }: Reply): Response {
  const source = NO_BODY.has(status) && body instanceof Uint8Array && body.length === 0 ? null : body;
  return made({ state: { status, statusText, type: "basic", url, redirected }, headers: headersOf(headers), source });
}

printAs(Response, ({ status, statusText, url, redirected, headers, bodyUsed }) => ({ status, statusText, url, redirected, headers, bodyUsed }));
