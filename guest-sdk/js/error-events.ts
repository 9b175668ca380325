// In: errors and rejections that nobody caught. Out: `error` and `unhandledrejection` on the global object.
// May touch: the global object's handlers, before any script exists.
// Security boundary: no.

import { Event, EventTarget, fire, isHeard, type EventInit } from "./events.ts";
import { isError, text } from "./errors.ts";
import { handlers } from "./handlers.ts";
import { inspect, printAs } from "./inspect.ts";
import { told } from "./uncaught.ts";
import { dictionary, need, usv } from "./webidl.ts";

export interface ErrorEventInit extends EventInit {
  message?: string;
  filename?: string;
  lineno?: number;
  colno?: number;
  error?: unknown;
}

export class ErrorEvent extends Event {
  #message: string;
  #filename: string;
  #line: number;
  #column: number;
  #error: unknown;

  constructor(type: string, init: ErrorEventInit = {}) {
    need(arguments.length, 1, "ErrorEvent");
    super(type, init);
    const { message = "", filename = "", lineno = 0, colno = 0, error } = dictionary(init, "ErrorEvent");
    this.#message = `${message}`;
    this.#filename = usv(filename);
    this.#line = Number(lineno) >>> 0;
    this.#column = Number(colno) >>> 0;
    this.#error = error;
  }

  get message(): string { return this.#message; }
  get filename(): string { return this.#filename; }
  get lineno(): number { return this.#line; }
  get colno(): number { return this.#column; }
  get error(): unknown { return this.#error; }
}

export interface PromiseRejectionEventInit extends EventInit {
  promise: object;
  reason?: unknown;
}

export class PromiseRejectionEvent extends Event {
  #promise: object;
  #reason: unknown;

  constructor(type: string, init: PromiseRejectionEventInit) {
    need(arguments.length, 2, "PromiseRejectionEvent");
    super(type, init);
    const { promise, reason } = dictionary(init, "PromiseRejectionEvent");
    if (typeof promise !== "object" || promise === null) throw new TypeError("PromiseRejectionEvent: `promise` is needed.");
    this.#promise = promise;
    this.#reason = reason;
  }

  get promise(): object { return this.#promise; }
  get reason(): unknown { return this.#reason; }
}

const scope = globalThis as unknown as EventTarget;
/** An error inside a handler of errors is logged, and not told to it again. */
let telling = false;

told.error = (thrown) => {
  if (telling || !isHeard(scope, "error")) return false;
  telling = true;
  try {
    return !fire(scope, new ErrorEvent("error", { ...describe(thrown), error: thrown, cancelable: true }));
  } finally {
    telling = false;
  }
};

told.rejection = (reason, promise) => {
  if (!isHeard(scope, "unhandledrejection")) return false;
  return !fire(scope, new PromiseRejectionEvent("unhandledrejection", { promise, reason, cancelable: true }));
};

/** Where it was thrown, as far as its stack says. Positions are those of the JavaScript. */
function describe(thrown: unknown): ErrorEventInit {
  if (!isError(thrown)) return { message: `Uncaught ${typeof thrown === "string" ? thrown : inspect(thrown)}` };
  const message = `Uncaught ${text(thrown, "name", "Error")}: ${text(thrown, "message", "")}`;
  const place = /\(?([^\s()]+):(\d+):(\d+)\)?$/m.exec(text(thrown, "stack", ""));
  if (place === null) return { message };
  return { message, filename: place[1], lineno: Number(place[2]), colno: Number(place[3]) };
}

printAs(ErrorEvent, ({ type, message, error }) => ({ type, message, error }));
printAs(PromiseRejectionEvent, ({ type, reason }) => ({ type, reason }));

handlers(globalThis, ["unhandledrejection"]);
// The one handler that is called with more than its event, and that prevents by `true`.
handlers(globalThis, ["error"], (handler, target, event) => {
  if (!(event instanceof ErrorEvent)) return handler.call(target, event) === false;
  return handler.call(target, event.message, event.filename, event.lineno, event.colno, event.error) === true;
});
