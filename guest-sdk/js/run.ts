// In: the evaluated main module and the run's input. Out: one Result or Error frame, some turn later.
// May touch: the effect buffer.
// Security boundary: no.

import { native } from "./native.ts";
import { Request, Response } from "./body.ts";
import { emitResult } from "./serialize.ts";
import { URL } from "./url.ts";

const FORMS =
  "A script is a module with `export default async function (input) { ... }`, a module with `export default { async " +
  "fetch(request) { ... } }` or `{ async run(input) { ... } }`, a function expression `async (input) => { ... }`, or " +
  "plain statements whose last expression is the result.";

type Callable = (...args: unknown[]) => unknown;

interface Handler {
  run?: Callable;
  fetch?: Callable;
}

/** Entry: called once, when the main module has been evaluated (or waits for its own top-level `await`). */
export function start(evaluated: Promise<void>, namespace: Record<string, unknown>, input: unknown): void {
  void drive(evaluated, namespace, input);
}

async function drive(evaluated: Promise<void>, namespace: Record<string, unknown>, input: unknown): Promise<void> {
  try {
    await evaluated;
    emitResult(await call(namespace, input));
  } catch (thrown) {
    native.fail(thrown);
  }
}

function call(namespace: Record<string, unknown>, input: unknown): unknown {
  if (!("default" in namespace)) throw new TypeError(`The main module has no default export. ${FORMS}`);
  const exported = namespace.default;
  if (typeof exported === "function") return (exported as Callable)(input);
  if (typeof exported !== "object" || exported === null) return exported;
  const handler = exported as Handler;
  if (typeof handler.run === "function") return handler.run(input);
  if (typeof handler.fetch === "function") return serve(handler, input);
  return exported;
}

/** What the run's input says of a request; anything else becomes the JSON body of one. */
interface Incoming {
  url?: string;
  method?: string;
  headers?: Record<string, string> | [string, string][];
  body?: unknown;
}

async function serve(handler: Handler, input: unknown): Promise<unknown> {
  const background: unknown[] = [];
  const context = {
    waitUntil(promise: unknown): void {
      background.push(promise);
    },
    passThroughOnException(): void {},
  };
  const response = await handler.fetch?.(request(input), {}, context);
  if (!(response instanceof Response)) throw new TypeError("`fetch` must return a Response.");
  const body = await response.text();
  await Promise.allSettled(background);
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}

function request(input: unknown): Request {
  const given = isIncoming(input) ? input : input === undefined ? {} : { method: "POST", body: input };
  const body = given.body === undefined || given.body === null ? undefined : given.body;
  const json = body !== undefined && typeof body !== "string";
  return new Request(new URL(given.url ?? "/", "http://localhost/").href, {
    method: given.method ?? (body === undefined ? "GET" : "POST"),
    headers: given.headers ?? (json ? { "content-type": "application/json" } : {}),
    body: json ? JSON.stringify(body) : (body as string | undefined),
  });
}

function isIncoming(input: unknown): input is Incoming {
  if (typeof input !== "object" || input === null) return false;
  const { url, method } = input as Incoming;
  return typeof url === "string" || typeof method === "string";
}
