// In: what the prelude asks of the host, with the functions that wait for it. Out: those functions called, once.
// May touch: the effect buffer through `native.emit`.
// Security boundary: no.

import { native, Effect } from "./native.ts";
import { rebuild } from "./errors.ts";

/** What waits for one effect. Neither function may throw. */
export interface Waiter {
  fulfil(meta: string): void;
  reject(error: Error): void;
}

const waiters = new Map<number, Waiter>();
let last = 0;

/** A number for the next effect, with its waiter in place before the effect is emitted. */
export function expect(waiter: Waiter): number {
  last += 1;
  waiters.set(last, waiter);
  return last;
}

/** The waiter is no longer wanted, and nothing was emitted for it. */
export function forget(number: number): boolean {
  return waiters.delete(number);
}

/** The waiter is no longer wanted; the host is told. */
export function cancel(number: number): void {
  if (waiters.delete(number)) native.emit(Effect.Cancel, number, "");
}

/** How many effects the script waits for. */
export function waiting(): number {
  return waiters.size;
}

/** Entry of a turn: an effect has ended. One that was cancelled meanwhile is dropped. */
export function deliver(number: number, fulfilled: boolean, meta: string): void {
  const waiter = waiters.get(number);
  if (waiter === undefined) return;
  waiters.delete(number);
  if (fulfilled) waiter.fulfil(meta);
  else waiter.reject(rebuild(meta));
}
