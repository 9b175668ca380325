// In: how an effect failed, as JSON from the host; thrown values. Out: error objects; error descriptions for the host.
// May touch: nothing outside.
// Security boundary: no.

import { inspect } from "./inspect.ts";

/** The bridge refused a call: policy says no. */
export class PolicyError extends Error {
  declare reason?: string;
  declare rule?: string;
  declare method?: string;
  declare url?: string;
  static {
    define(this.prototype, "name", "PolicyError");
  }
}

/** A tool answered with an error. */
export class ToolError extends Error {
  declare tool?: string;
  declare status?: number;
  declare body?: unknown;
  static {
    define(this.prototype, "name", "ToolError");
  }
}

/** A value that JSON cannot carry, and where it is. */
export class NotSerializable extends TypeError {
  readonly path: string;
  constructor(what: string, path: string, found: string) {
    super(`${what} cannot be sent as JSON: ${path} is ${found}.`);
    this.path = path;
  }
}

function define(target: object, name: string, value: unknown, enumerable: boolean = false): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable });
}

const PLAIN_ERRORS: Record<string, new (message: string) => Error> = {
  Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, PolicyError, ToolError,
};
/** As they are before a script can replace them: a run's end has to be told whatever it does to its globals. */
const AnyError = Error;
const WebException = DOMException;
const parse = JSON.parse;

/** The error that the host's description stands for; every further field becomes a property. */
export function rebuild(meta: string): Error {
  const fields = parse(meta) as Record<string, unknown>;
  const name = String(fields.name ?? "Error");
  const message = String(fields.message ?? "");
  const Plain = Object.hasOwn(PLAIN_ERRORS, name) ? PLAIN_ERRORS[name] : undefined;
  const error = Plain !== undefined ? new Plain(message) : new WebException(message, name);
  for (const key of Object.keys(fields)) {
    if (key !== "name" && key !== "message" && key !== "stack") define(error, key, fields[key], true);
  }
  return error;
}

/** Gives an error made in a later turn the stack of the call that it answers. */
export function relocate(error: Error, site: Error): Error {
  define(error, "stack", site.stack);
  return error;
}

const TEXT_MAX = 16 * 1024;
const stringify = JSON.stringify;

/** Entry: what the host is told of a thrown value. */
export function describe(thrown: unknown): { out_of_memory: boolean; meta: string } {
  const name = isError(thrown) ? text(thrown, "name", "Error") : "Error";
  const message = isError(thrown) ? messageOf(thrown) : typeof thrown === "string" ? thrown : `${inspect(thrown)} was thrown, which is no Error.`;
  const stack = isError(thrown) ? stackOf(thrown, 0) : "";
  const fields: Record<string, string> = {
    kind: "exception", name: name.slice(0, 256), message: cut(message), stack: cut(stack),
  };
  if (thrown instanceof NotSerializable) {
    fields.kind = "not_serializable";
    fields.path = cut(thrown.path);
  }
  return { out_of_memory: name === "InternalError" && message === "out of memory", meta: stringify(fields).toWellFormed() };
}

/** Errors and what looks like one; a property that throws counts as absent. */
export function isError(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  try {
    return value instanceof AnyError || value instanceof WebException;
  } catch {
    return false;
  }
}

/** A property as text, whatever its getter does. */
export function text(target: object, key: string, otherwise: string): string {
  try {
    const value = (target as Record<string, unknown>)[key];
    return value === undefined || value === null ? otherwise : String(value);
  } catch {
    return otherwise;
  }
}

function messageOf(error: object): string {
  const message = text(error, "message", "");
  if (!(error instanceof AggregateError)) return message;
  const parts = Array.from({ length: Math.min(error.errors?.length ?? 0, 10) }, (_, at) => {
    const inner: unknown = error.errors[at];
    return isError(inner) ? `${text(inner, "name", "Error")}: ${text(inner, "message", "")}` : inspect(inner);
  });
  return parts.length === 0 ? message : `${message} (${parts.join("; ")})`;
}

/** The stack, with those of its causes below it. */
export function stackOf(error: object, depth: number): string {
  const own = text(error, "stack", "");
  let cause: unknown;
  try {
    cause = (error as { cause?: unknown }).cause;
  } catch {
    return own;
  }
  if (cause === undefined || depth === 4) return own;
  const header = isError(cause) ? `${text(cause, "name", "Error")}: ${text(cause, "message", "")}` : inspect(cause);
  return `${own}Caused by: ${header}\n${isError(cause) ? stackOf(cause, depth + 1) : ""}`;
}

function cut(value: string): string {
  return value.length <= TEXT_MAX ? value : `${value.slice(0, TEXT_MAX)}… (${value.length - TEXT_MAX} more characters)`;
}
