// In: the evaluated main module, and the run's input or the HTTP request that it answers. Out: one Result or Error frame,
// some turn later; before it, for a request, one Respond frame.
// May touch: the effect buffer.
// Security boundary: no.

import { native } from "./native.ts";
import { listOf } from "./headers.ts";
import { claim } from "./body.ts";
import { Request, received } from "./request.ts";
import { Response } from "./response.ts";
import { HostStream } from "./host-stream.ts";
import { ReadableStream } from "./streams.ts";
import { emitResult } from "./serialize.ts";
import { upload } from "./upload.ts";
import { URL } from "./url.ts";

const FORMS =
  "A script is a module with `export default async function (input) { ... }`, a module with `export default { async " +
  "fetch(request) { ... } }` or `{ async run(input) { ... } }`, a function expression `async (input) => { ... }`, or " +
  "plain statements whose last expression is the result.";

/** The number by which the host knows the bodies of the HTTP request and of its response. */
const EXCHANGE = 0;

type Callable = (...args: unknown[]) => unknown;

interface Handler {
  run?: Callable;
  fetch?: Callable;
}

/** Entry: called once, when the main module has been evaluated (or waits for its own top-level `await`). */
export function start(evaluated: Promise<void>, namespace: Record<string, unknown>, input: unknown, isRequest: boolean): void {
  // The frame's body can only be taken now.
  const work = isRequest ? answer.bind(undefined, asked(input as Asked)) : call.bind(undefined, input);
  void drive(evaluated, namespace, work);
}

async function drive(evaluated: Promise<void>, namespace: Record<string, unknown>, work: (namespace: Record<string, unknown>) => unknown): Promise<void> {
  try {
    await evaluated;
    emitResult(await work(namespace));
  } catch (thrown) {
    native.fail(thrown);
  }
}

function call(input: unknown, namespace: Record<string, unknown>): unknown {
  const exported = exportOf(namespace);
  if (typeof exported === "function") return (exported as Callable)(input);
  if (typeof exported !== "object" || exported === null) return exported;
  const handler = exported as Handler;
  if (typeof handler.run === "function") return handler.run(input);
  if (typeof handler.fetch === "function") return tell(handler, requestOf(input));
  return exported;
}

function exportOf(namespace: Record<string, unknown>): unknown {
  if (!("default" in namespace)) throw new TypeError(`The main module has no default export. ${FORMS}`);
  return namespace.default;
}

/** What `ctx` is: work that goes on after the response. */
class ExecutionContext {
  #background: unknown[] = [];

  waitUntil(promise: unknown): void {
    this.#background.push(promise);
  }

  passThroughOnException(): void {}

  /** All of it, also what it adds itself; what fails is told in the log. */
  static async finish(context: ExecutionContext): Promise<void> {
    while (context.#background.length > 0) {
      for (const settled of await Promise.allSettled(context.#background.splice(0))) {
        // Rejected anew, so that it is told as every rejection that nobody handles.
        if (settled.status === "rejected") void Promise.reject(settled.reason);
      }
    }
  }

  get [Symbol.toStringTag](): string {
    return "ExecutionContext";
  }
}

const { finish } = ExecutionContext;
Reflect.deleteProperty(ExecutionContext, "finish");

async function respond(handler: Handler, request: Request, context: ExecutionContext): Promise<Response> {
  const response = await handler.fetch?.(request, {}, context);
  if (!(response instanceof Response)) throw new TypeError("`fetch` must return a Response.");
  return response;
}

/** A request that came over HTTP, as the host tells it. */
interface Asked {
  method: string;
  url: string;
  headers: [string, string][];
  stream?: boolean;
}

function asked({ method, url, headers, stream }: Asked): Request {
  const bytes = native.bodyBytes();
  const rest = stream === true ? new HostStream(EXCHANGE, bytes) : undefined;
  const body = rest ?? (bytes.length === 0 ? null : bytes);
  return received({ method, url, headers, body });
}

async function answer(request: Request, namespace: Record<string, unknown>): Promise<undefined> {
  const handler = exportOf(namespace) as Handler | null;
  if (typeof handler !== "object" || handler === null || typeof handler.fetch !== "function") {
    throw new TypeError("Only a module with `export default { async fetch(request) { ... } }` answers HTTP requests.");
  }
  const context = new ExecutionContext();
  const response = await respond(handler, request, context);
  if (response.type === "error") throw new TypeError("`fetch` returned Response.error().");
  const body = claim(response) ?? undefined;
  const parts = body instanceof HostStream || body instanceof ReadableStream ? body : undefined;
  const whole = parts === undefined ? (body as string | Uint8Array | undefined) : undefined;
  native.emitRespond(response.status, listOf(response.headers), parts !== undefined, whole);
  if (parts !== undefined) await upload(EXCHANGE, parts);
  await finish(context);
}

/** What a run that nobody asked for over HTTP tells of a response. */
async function tell(handler: Handler, request: Request): Promise<unknown> {
  const context = new ExecutionContext();
  const response = await respond(handler, request, context);
  const body = await response.text();
  await finish(context);
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}

/** What the run's input says of a request; anything else becomes the JSON body of one. */
interface Described {
  url?: string;
  method?: string;
  headers?: Record<string, string> | [string, string][];
  body?: unknown;
}

function requestOf(input: unknown): Request {
  const given = isDescribed(input) ? input : input === undefined ? {} : { method: "POST", body: input };
  const body = given.body === undefined || given.body === null ? undefined : given.body;
  const json = body !== undefined && typeof body !== "string";
  return new Request(new URL(given.url ?? "/", "http://localhost/").href, {
    method: given.method ?? (body === undefined ? "GET" : "POST"),
    headers: given.headers ?? (json ? { "content-type": "application/json" } : {}),
    body: json ? JSON.stringify(body) : (body as string | undefined),
  });
}

function isDescribed(input: unknown): input is Described {
  if (typeof input !== "object" || input === null) return false;
  const { url, method } = input as Described;
  return typeof url === "string" || typeof method === "string";
}
