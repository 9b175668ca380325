// In: what a script wants to ask, or what an HTTP client asked. Out: Request.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { Headers, headersOf, type HeadersInit } from "./headers.ts";
import { printAs } from "./inspect.ts";
import { AbortController, AbortSignal } from "./abort.ts";
import { Body, copy, extract, has, move, type BodyInit, type Source } from "./body.ts";
import type { HostStream } from "./host-stream.ts";
import { ReadableStream } from "./streams.ts";

export interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit;
  redirect?: string;
  signal?: AbortSignal | null;
  duplex?: string;
  [setting: string]: unknown;
}

const NORMALISED = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);
const REDIRECTS = new Set(["follow", "error", "manual"]);

function methodOf(value: unknown): string {
  const method = String(value);
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) throw new TypeError(`'${method}' is not a valid HTTP method.`);
  const upper = method.toUpperCase();
  if (upper === "CONNECT" || upper === "TRACE" || upper === "TRACK") throw new TypeError(`The method ${upper} is not allowed.`);
  // `patch` too, though the standard leaves it: servers know only PATCH.
  return NORMALISED.has(upper) || upper === "PATCH" ? upper : method;
}

/** What is kept and told, and changes nothing here: there is no page, no cache and no cookie jar. */
interface Settings {
  mode: string;
  credentials: string;
  cache: string;
  referrer: string;
  referrerPolicy: string;
  integrity: string;
  keepalive: boolean;
}

const DEFAULTS: Settings = {
  mode: "cors", credentials: "same-origin", cache: "default", referrer: "about:client", referrerPolicy: "", integrity: "", keepalive: false,
};

const VALUES: Record<string, Set<string>> = {
  mode: new Set(["cors", "no-cors", "same-origin"]),
  credentials: new Set(["omit", "same-origin", "include"]),
  cache: new Set(["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"]),
  referrerPolicy: new Set([
    "", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin", "origin-when-cross-origin",
    "strict-origin-when-cross-origin", "unsafe-url",
  ]),
  duplex: new Set(["half"]),
  priority: new Set(["high", "low", "auto"]),
};

/** The settings that `init` changes; the same object where it changes none. */
function settingsOf(init: RequestInit, from: Settings): Settings {
  let settings = from;
  for (const name in init) {
    const value = init[name];
    if (value === undefined) continue;
    const allowed = VALUES[name];
    if (allowed !== undefined && !allowed.has(String(value))) throw new TypeError(`'${String(value)}' is not a value of \`${name}\`.`);
    if (!Object.hasOwn(DEFAULTS, name)) continue;
    settings = { ...settings, [name]: name === "keepalive" ? Boolean(value) : String(value) };
  }
  if (init.window !== undefined && init.window !== null) throw new TypeError("`window` can only be null.");
  if (settings === from) return from;
  if (settings.cache === "only-if-cached" && settings.mode !== "same-origin") {
    throw new TypeError("`cache: \"only-if-cached\"` needs `mode: \"same-origin\"`.");
  }
  return settings.referrer === from.referrer ? settings : { ...settings, referrer: referrerOf(settings.referrer) };
}

function referrerOf(text: string): string {
  if (text === "") return "no-referrer";
  const href = native.urlHref(text);
  if (href === null) throw new TypeError(`The referrer '${text}' is not a valid URL.`);
  return "about:client";
}

/** A request from an HTTP client. */
export interface Incoming {
  method: string;
  url: string;
  headers: [string, string][];
  body: HostStream | Uint8Array<ArrayBuffer> | null;
}

interface State {
  url: string;
  method: string;
  redirect: string;
  settings: Settings;
  signal: AbortSignal | undefined;
}

/** A request that needs no checks. */
interface Made {
  state: State;
  headers: Headers;
  source: Source | null;
}

/** Stands in the place of a URL where a request is made of its parts. */
const MADE = Symbol();

export class Request extends Body {
  #state: State;
  #headers: Headers;

  constructor(input: Request | string | { href: string }, init?: RequestInit) {
    if ((input as unknown) === MADE) {
      const { state, headers, source } = init as unknown as Made;
      super(source);
      this.#state = state;
      this.#headers = headers;
      return;
    }
    if (arguments.length === 0) throw new TypeError("Request: a URL or a Request is needed.");
    const given: RequestInit = init ?? {};
    const from = input instanceof Request ? input : undefined;
    const state = stateOf(input, given, from === undefined ? undefined : from.#state);
    const headers = new Headers(given.headers ?? from?.headers);
    const inherits = given.body === undefined || given.body === null;
    if ((inherits ? from !== undefined && has(from) : true) && (state.method === "GET" || state.method === "HEAD")) {
      throw new TypeError(`A ${state.method} request cannot have a body.`);
    }
    if (inherits) {
      super(from === undefined ? null : move(from));
    } else {
      if (given.body instanceof ReadableStream && given.duplex === undefined) {
        throw new TypeError("A request with a stream as its body needs `duplex: \"half\"`.");
      }
      const [source, type] = extract(given.body);
      if (type !== undefined && !headers.has("content-type")) headers.set("content-type", type);
      super(source);
    }
    this.#state = state;
    this.#headers = headers;
  }

  get url(): string {
    return this.#state.url;
  }

  get method(): string {
    return this.#state.method;
  }

  get headers(): Headers {
    return this.#headers;
  }

  get redirect(): string {
    return this.#state.redirect;
  }

  /** A signal that never fires, where none was given. */
  get signal(): AbortSignal {
    this.#state.signal ??= new AbortController().signal;
    return this.#state.signal;
  }

  get destination(): string {
    return "";
  }

  get mode(): string {
    return this.#state.settings.mode;
  }

  get credentials(): string {
    return this.#state.settings.credentials;
  }

  get cache(): string {
    return this.#state.settings.cache;
  }

  get referrer(): string {
    return this.#state.settings.referrer;
  }

  get referrerPolicy(): string {
    return this.#state.settings.referrerPolicy;
  }

  get integrity(): string {
    return this.#state.settings.integrity;
  }

  get keepalive(): boolean {
    return this.#state.settings.keepalive;
  }

  get isReloadNavigation(): boolean {
    return false;
  }

  get isHistoryNavigation(): boolean {
    return false;
  }

  get duplex(): string {
    return "half";
  }

  clone(): Request {
    const source = copy(this);
    const signal = this.#state.signal === undefined ? undefined : AbortSignal.any([this.#state.signal]);
    return made({ state: { ...this.#state, signal }, headers: new Headers(this.#headers), source });
  }

  static given(request: Request): AbortSignal | undefined {
    return request.#state.signal;
  }

  get [Symbol.toStringTag](): string {
    return "Request";
  }
}

function stateOf(input: unknown, given: RequestInit, from: State | undefined): State {
  const url = from === undefined ? urlOf(String(input)) : from.url;
  const method = given.method === undefined ? (from?.method ?? "GET") : methodOf(given.method);
  const redirect = given.redirect === undefined ? (from?.redirect ?? "follow") : String(given.redirect);
  if (!REDIRECTS.has(redirect)) throw new TypeError(`'${redirect}' is not a redirect mode.`);
  const signal = given.signal === undefined ? from?.signal : (given.signal ?? undefined);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError("`signal` is not an AbortSignal.");
  return { url, method, redirect, settings: settingsOf(given, from?.settings ?? DEFAULTS), signal };
}

function urlOf(text: string): string {
  const url = native.urlToFetch(text) ?? native.urlToFetch(fromHere(text));
  if (url === null) throw new TypeError(`Invalid URL: '${text}' (it must be absolute).`);
  if (url === false) throw new TypeError("A URL with user name or password cannot be fetched.");
  return url;
}

/** A script has no address; one that gives itself a `location` has relative URLs. */
function fromHere(text: string): string {
  const { location } = globalThis as { location?: { href?: unknown } };
  return location === undefined ? "" : (native.urlHref(text, String(location.href)) ?? "");
}

function made(parts: Made): Request {
  return new Request(MADE as never, parts as never);
}

/** The request of an HTTP client. */
export function received(incoming: Incoming): Request {
  const { url, method, headers, body } = incoming;
  const state = { url, method, redirect: "manual", settings: DEFAULTS, signal: undefined };
  return made({ state, headers: headersOf(headers), source: body });
}

/** The signal that the request was given, if any. For the prelude alone. */
export const signalOf = Request.given;
Reflect.deleteProperty(Request, "given");

printAs(Request, ({ method, url, headers }) => ({ method, url, headers }));
