// In: setTimeout and its kin. Out: Timer and Cancel effects; the handler called when the host delivers the timer.
// May touch: the effect buffer. The host decides when time has passed; inside a turn it stands still.
// Security boundary: no.

import { native, Effect } from "./native.ts";
import { cancel, expect } from "./pending.ts";
import { uncaught } from "./uncaught.ts";

/** The longest delay that a 32-bit timer has, about 24.8 days; longer ones are cut to it. */
const DELAY_MAX_MS = 2 ** 31 - 1;

type Callable = (...args: unknown[]) => unknown;

/** Number of the effect that each armed timer waits for. */
const armed = new Map<number, number>();
let last = 0;

export function setTimeout(handler: Callable, delay: unknown = undefined, ...args: unknown[]): number {
  return begin("setTimeout", handler, delay, args, false);
}

export function setInterval(handler: Callable, delay: unknown = undefined, ...args: unknown[]): number {
  return begin("setInterval", handler, delay, args, true);
}

export function clearTimeout(id: unknown = undefined): void {
  const key = Number(id);
  const number = armed.get(key);
  if (number === undefined) return;
  armed.delete(key);
  cancel(number);
}

export const clearInterval = function clearInterval(id: unknown = undefined): void {
  clearTimeout(id);
};

function begin(name: string, handler: Callable, delay: unknown, args: unknown[], repeat: boolean): number {
  if (typeof handler !== "function") throw new TypeError(`${name}: the handler must be a function.`);
  last += 1;
  arm(last, handler, milliseconds(delay), args, repeat);
  return last;
}

function arm(id: number, handler: Callable, delay_ms: number, args: unknown[], repeat: boolean): void {
  const number = expect({
    fulfil() {
      if (repeat) arm(id, handler, delay_ms, args, repeat);
      else armed.delete(id);
      try {
        handler(...args);
      } catch (thrown) {
        uncaught(thrown);
      }
    },
    reject(error) {
      armed.delete(id);
      uncaught(error);
    },
  });
  armed.set(id, number);
  native.emit(Effect.Timer, number, `{"delay_ms":${delay_ms}}`);
}

function milliseconds(delay: unknown): number {
  const number = Number(delay);
  return number > 0 ? Math.min(number, DELAY_MAX_MS) : 0;
}
