// In: an error that leaves an async function, and where the function was waiting. Out: the same error, whose stack says so.
// May touch: that error's `stack`.
// Security boundary: no.

import { isError } from "./errors.ts";

/** As in `mayfly_abi::PLACE_LINE`. */
const PLACE_LINE = 16_777_216;

const FRAME = "\n    at ";

/** As V8: so many frames when a script has not said otherwise. */
const FRAMES_DEFAULT = 10;
const FRAMES_MAX = 64;

/** Frames of an error whose functions it has left already. */
const left = new WeakMap<object, number>();

/** The one told last: one that a `catch` has told and that is thrown on, with no `await` between, has its frame. */
let last: unknown;

const AnyError = Error;
const { getOwnPropertyDescriptor, defineProperty } = Reflect;

/**
 * Transpiled code calls it in each async function that an error leaves (`engine/transpiler/src/awaits.rs`), innermost
 * first. A function that ran when the error was made has its frame already: one between the places `from` and `to`. `at`
 * is 0 when nothing was awaited since the function began, or since it caught the error before.
 */
export function asyncFrame(thrown: unknown, at: number, name: string, module: string, from: number, to: number): unknown {
  try {
    add(thrown, at, name, module, from, to);
  } catch {
    // A script can break every built-in that this uses. Its error is worth more than a frame.
  }
  return thrown;
}

function add(thrown: unknown, at: number, name: string, module: string, from: number, to: number): void {
  if (!isError(thrown) || (at === 0 && thrown === last)) return;
  last = thrown;
  const own = getOwnPropertyDescriptor(thrown, "stack");
  if (typeof own?.value !== "string" || !own.writable) return;
  const [head, ...frames] = (own.value as string).split(FRAME) as [string, ...string[]];
  // A text of the script's own is left alone.
  if (frames.length === 0 && head.includes("\n    ")) return;
  for (let index = left.get(thrown) ?? 0; index < frames.length; index++) {
    const place = placeIn(frames[index] as string, module);
    if (place < from || place > to) continue;
    left.set(thrown, index + 1);
    return;
  }
  if (at === 0) return;
  left.set(thrown, frames.length + 1);
  if (frames.length >= limit()) return;
  const place = `${module}:${Math.floor(at / PLACE_LINE)}:${at % PLACE_LINE}`;
  defineProperty(thrown, "stack", { ...own, value: `${own.value}${FRAME}async ${name === "" ? place : `${name} (${place})`}` });
}

/** The place that a frame names, if it is in this module and no async one; else NaN. */
function placeIn(frame: string, module: string): number {
  if (frame.startsWith("async ")) return NaN;
  const [end] = frame.split("\n", 1) as [string];
  const numbers = /:(\d+):(\d+)\)?$/.exec(end);
  const before = numbers === null ? "" : end.slice(0, numbers.index);
  if (numbers === null || !(before === module || before.endsWith(`(${module}`))) return NaN;
  return Number(numbers[1]) * PLACE_LINE + Number(numbers[2]);
}

function limit(): number {
  const { stackTraceLimit } = AnyError as { stackTraceLimit?: unknown };
  return typeof stackTraceLimit === "number" ? Math.min(stackTraceLimit, FRAMES_MAX) : FRAMES_DEFAULT;
}
