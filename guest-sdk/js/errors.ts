// In: how an effect failed, as JSON from the host; thrown values. Out: error objects; error descriptions for the host.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { inspect } from "./inspect.ts";
import { framesOf } from "./stacks.ts";

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

/** The calls under way, for an error that will be made in a later turn, when they are gone. */
export function site(): Error {
  // Nobody reads this one's text, so it is left in QuickJS's own form, which costs less.
  const { prepareStackTrace } = AnyError;
  AnyError.prepareStackTrace = undefined;
  const made = new AnyError();
  AnyError.prepareStackTrace = prepareStackTrace;
  return made;
}

/** Gives an error made in a later turn the stack of the call that it answers. */
export function relocate(error: Error, from: Error): Error {
  const frames = framesOf(from.stack ?? "").split("\n").filter((frame) => !frame.includes("mayfly:") && !frame.endsWith("(native)"))
    .map((frame) => frame.replace(/ <anonymous> \((.*)\)$/, " $1"));
  define(error, "stack", [`${text(error, "name", "Error")}: ${text(error, "message", "")}`, ...frames].join("\n"));
  return error;
}

const TEXT_MAX = 16 * 1024;
const stringify = JSON.stringify;

/** Entry: what the host is told of a thrown value. */
export function describe(thrown: unknown): { out_of_memory: boolean; meta: string } {
  const name = isError(thrown) ? text(thrown, "name", "Error") : "Error";
  const message = isError(thrown) ? messageOf(thrown) : typeof thrown === "string" ? thrown : `${inspect(thrown)} was thrown, which is no Error.`;
  const advice = adviceFor(thrown);
  const fields: Record<string, string> = {
    kind: "exception",
    name: name.slice(0, 256),
    message: cut(advice === "" ? message : `${message} (${advice})`),
    stack: isError(thrown) ? cut(stackOf(thrown, 0)) : "",
  };
  if (thrown instanceof NotSerializable) {
    fields.kind = "not_serializable";
    fields.path = cut(thrown.path);
  }
  return { out_of_memory: name === "InternalError" && message === "out of memory", meta: stringify(fields).toWellFormed() };
}

/** What to use in the place of a global that is not there; "" for every other error. */
export function adviceFor(thrown: unknown): string {
  if (!isError(thrown) || text(thrown, "name", "") !== "ReferenceError") return "";
  const missing = /^'?([\w$]+)'? is not defined$/.exec(text(thrown, "message", ""));
  return missing === null ? "" : native.advice("global", missing[1] as string);
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

/** The message, and those of the errors inside of it, which would else be told nowhere. */
function messageOf(error: object): string {
  const message = text(error, "message", "");
  const { errors, error: last, suppressed } = error as { errors?: unknown; error?: unknown; suppressed?: unknown };
  const inside = Array.isArray(errors) ? errors.slice(0, INSIDE_MAX) : "suppressed" in error ? [last, suppressed] : [];
  return inside.length === 0 ? message : `${message}${message === "" ? "" : " "}(${inside.map(headOf).join("; ")})`;
}

/** Errors of an AggregateError, and causes below each other, that are told. */
const INSIDE_MAX = 10;
const CAUSES_MAX = 4;

function headOf(value: unknown): string {
  if (!isError(value)) return inspect(value);
  const message = text(value, "message", "");
  return `${text(value, "name", "Error")}${message === "" ? "" : `: ${message}`}`;
}

/** The frames, with those of its causes below it. */
function stackOf(error: object, depth: number): string {
  const own = framesOf(text(error, "stack", ""));
  let cause: unknown;
  try {
    cause = (error as { cause?: unknown }).cause;
  } catch {
    return own;
  }
  if (cause === undefined || depth === CAUSES_MAX) return own;
  return [own, `Caused by: ${headOf(cause)}`, isError(cause) ? stackOf(cause, depth + 1) : ""].filter((part) => part !== "").join("\n");
}

function cut(value: string): string {
  return value.length <= TEXT_MAX ? value : `${value.slice(0, TEXT_MAX)}… (${value.length - TEXT_MAX} more characters)`;
}
