// In: console calls, and errors that nobody caught. Out: Log effects: plain text, bounded, without control characters.
// May touch: the effect buffer.
// Security boundary: no, but a log line cannot move a terminal's cursor.

import { native, Effect } from "./native.ts";
import { inspect } from "./inspect.ts";
import { table } from "./table.ts";

type Level = "debug" | "log" | "info" | "warn" | "error";

/** Longer text is cut, and says by how much. */
const TEXT_MAX = 16 * 1024;
const GROUPS_MAX = 16;

let groups = 0;
const counters = new Map<string, number>();
const timers = new Map<string, number>();

function write(level: Level, text: string): void {
  const indented = groups === 0 ? text : text.replace(/^/gm, "  ".repeat(groups));
  const more = indented.length - TEXT_MAX;
  const cut = more > 0 ? `${indented.slice(0, TEXT_MAX)}… (${more} more characters)` : indented;
  native.emit(Effect.Log, 0, `{"level":"${level}"}`, printable(cut));
}

/** Escapes what a terminal would act on; line feeds and tabs stay. */
function printable(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** The arguments of one console call as text. */
export function format(args: unknown[]): string {
  const [first] = args;
  const used = typeof first === "string" && args.length > 1 && first.includes("%") ? substitute(first, args) : undefined;
  const [head, from] = used ?? ["", 0];
  const rest = args.slice(from).map((value) => (typeof value === "string" ? value : inspect(value)));
  return used === undefined ? rest.join(" ") : [head, ...rest].join(" ");
}

/** Replaces `%s` and its kin. Gives the text and how many arguments it used up. */
function substitute(pattern: string, args: unknown[]): [text: string, used: number] {
  let used = 1;
  const text = pattern.replace(/%[sdifjoOc%]/g, (mark) => {
    if (mark === "%%") return "%";
    if (used >= args.length) return mark;
    const value = args[used];
    used += 1;
    return substituted(mark, value);
  });
  return [text, used];
}

function substituted(mark: string, value: unknown): string {
  try {
    switch (mark) {
      case "%s":
        return typeof value === "string" ? value : typeof value === "object" ? inspect(value, 0) : inspect(value);
      case "%d":
        return typeof value === "bigint" ? `${value}n` : typeof value === "object" ? "NaN" : String(Number(value));
      case "%i":
        return typeof value === "bigint" ? `${value}n` : String(Number.parseInt(String(value), 10));
      case "%f":
        return String(Number.parseFloat(String(value)));
      case "%j":
        return JSON.stringify(value) ?? "undefined";
      case "%c":
        return "";
      default:
        return inspect(value);
    }
  } catch {
    return inspect(value);
  }
}

/** An error that reached the top of a timer, an event listener or `reportError`. */
export function uncaught(thrown: unknown): void {
  write("error", `Uncaught ${typeof thrown === "string" ? thrown : inspect(thrown)}`);
}

/** Entry: a promise was rejected, and at the end of the turn nobody had handled it. */
export function unhandled(reason: unknown): void {
  write("error", `Uncaught (in promise) ${typeof reason === "string" ? reason : inspect(reason)}`);
}

function label(name: unknown): string {
  return name === undefined ? "default" : String(name);
}

function elapsed(name: string): string | undefined {
  const begun = timers.get(name);
  return begun === undefined ? undefined : `${name}: ${(native.elapsed() - begun).toFixed(3)}ms`;
}

export const console = {
  log: (...args: unknown[]): void => write("log", format(args)),
  info: (...args: unknown[]): void => write("info", format(args)),
  warn: (...args: unknown[]): void => write("warn", format(args)),
  error: (...args: unknown[]): void => write("error", format(args)),
  debug: (...args: unknown[]): void => write("debug", format(args)),
  dir: (value: unknown, options?: { depth?: number | null }): void =>
    write("log", inspect(value, options?.depth === null ? Infinity : options?.depth)),
  dirxml: (...args: unknown[]): void => write("log", format(args)),
  table: (value: unknown, columns?: string[]): void => write("log", table(value, columns) ?? format([value])),
  trace: (...args: unknown[]): void => {
    const frames = (new Error().stack ?? "").split("\n").filter((line) => line !== "" && !line.includes("mayfly:"));
    write("debug", [`Trace${args.length === 0 ? "" : `: ${format(args)}`}`, ...frames].join("\n"));
  },
  assert: (condition?: unknown, ...args: unknown[]): void => {
    if (condition) return;
    write("error", args.length === 0 ? "Assertion failed" : `Assertion failed: ${format(args)}`);
  },
  count: (name?: unknown): void => {
    const count = (counters.get(label(name)) ?? 0) + 1;
    counters.set(label(name), count);
    write("log", `${label(name)}: ${count}`);
  },
  countReset: (name?: unknown): void => {
    counters.delete(label(name));
  },
  group: (...args: unknown[]): void => {
    if (args.length > 0) write("log", format(args));
    groups = Math.min(groups + 1, GROUPS_MAX);
  },
  groupCollapsed: (...args: unknown[]): void => console.group(...args),
  groupEnd: (): void => {
    groups = Math.max(groups - 1, 0);
  },
  time: (name?: unknown): void => {
    timers.set(label(name), native.elapsed());
  },
  timeLog: (name?: unknown, ...args: unknown[]): void => {
    const text = elapsed(label(name));
    write(text === undefined ? "warn" : "log", text === undefined ? `No such label '${label(name)}'` : format([text, ...args]));
  },
  timeEnd: (name?: unknown): void => {
    const text = elapsed(label(name));
    timers.delete(label(name));
    write(text === undefined ? "warn" : "log", text ?? `No such label '${label(name)}'`);
  },
  clear: (): void => {},
};
