// In: console calls, and errors that nobody caught. Out: Log effects: plain text, bounded, without control characters.
// May touch: the effect buffer.
// Security boundary: no, but a log line cannot move a terminal's cursor.

import { native, Effect } from "./native.ts";
import { adviceFor } from "./errors.ts";
import { format } from "./format.ts";
import { inspect } from "./inspect.ts";
import { framesOf } from "./stacks.ts";
import { table } from "./table.ts";

type Level = "debug" | "log" | "info" | "warn" | "error";

/** Longer text is cut, and says by how much. */
const TEXT_MAX = 16 * 1024;
const GROUPS_MAX = 16;
/** Names of counters and timers; what comes after is counted under none. */
const LABELS_MAX = 1_000;

let groups = 0;
const counters = new Map<string, number>();
const timers = new Map<string, number>();
const AnyError = Error;

function write(level: Level, text: string): void {
  const more = text.length - TEXT_MAX;
  const cut = more > 0 ? `${text.slice(0, TEXT_MAX)}… (${more} more characters)` : text;
  const indented = groups === 0 ? cut : cut.replace(/^/gm, "  ".repeat(groups));
  native.emit(Effect.Log, 0, `{"level":"${level}"}`, printable(indented));
}

/** Escapes what a terminal would act on; line feeds and tabs stay. */
function printable(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** An error that reached the top of a timer, an event listener or `reportError`. */
export function uncaught(thrown: unknown): void {
  write("error", `Uncaught ${told(thrown)}`);
}

/** Entry: a promise was rejected, and at the end of the turn nobody had handled it. */
export function unhandled(reason: unknown): void {
  write("error", `Uncaught (in promise) ${told(reason)}`);
}

function told(thrown: unknown): string {
  const advice = adviceFor(thrown);
  return `${typeof thrown === "string" ? thrown : inspect(thrown)}${advice === "" ? "" : `\n  ${advice}`}`;
}

function label(name: unknown): string {
  return name === undefined ? "default" : String(name);
}

function keep(labels: Map<string, number>, name: string, value: number): void {
  if (labels.size < LABELS_MAX || labels.has(name)) labels.set(name, value);
}

function time(name: string, ended: "timeLog" | "timeEnd", args: unknown[]): void {
  const begun = timers.get(name);
  if (begun === undefined) return write("warn", `No such label '${name}' for console.${ended}()`);
  write("log", format([`${name}: ${duration(native.elapsed() - begun)}`, ...args]));
  if (ended === "timeEnd") timers.delete(name);
}

/** As Node writes it: 12.345ms, 1.234s, 2:03.456 (m:ss.mmm). */
function duration(elapsed_ms: number): string {
  if (elapsed_ms < 1_000) return `${Number(elapsed_ms.toFixed(3))}ms`;
  const minutes = Math.floor(elapsed_ms / 60_000);
  const seconds = ((elapsed_ms - minutes * 60_000) / 1_000).toFixed(3);
  return minutes === 0 ? `${seconds}s` : `${minutes}:${seconds.padStart(6, "0")} (m:ss.mmm)`;
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
    const head = args.length === 0 ? "Trace" : `Trace: ${format(args)}`;
    write("debug", `${head}\n${framesOf(new AnyError().stack ?? "")}`.trimEnd());
  },
  assert: (condition?: unknown, ...args: unknown[]): void => {
    if (condition) return;
    write("error", args.length === 0 ? "Assertion failed" : `Assertion failed: ${format(args)}`);
  },
  count: (name?: unknown): void => {
    const count = (counters.get(label(name)) ?? 0) + 1;
    keep(counters, label(name), count);
    write("log", `${label(name)}: ${count}`);
  },
  countReset: (name?: unknown): void => {
    if (!counters.delete(label(name))) write("warn", `Count for '${label(name)}' does not exist`);
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
    if (timers.has(label(name))) return write("warn", `Label '${label(name)}' already exists for console.time()`);
    keep(timers, label(name), native.elapsed());
  },
  timeLog: (name?: unknown, ...args: unknown[]): void => time(label(name), "timeLog", args),
  timeEnd: (name?: unknown): void => time(label(name), "timeEnd", []),
  /** For inspectors; there is none. */
  timeStamp: (): void => {},
  profile: (): void => {},
  profileEnd: (): void => {},
  clear: (): void => {
    groups = 0;
  },
};

Object.defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });
