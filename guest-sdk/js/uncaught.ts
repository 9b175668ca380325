// In: errors that nobody caught. Out: an event for the script, and a log line where it did not prevent that.
// May touch: the effect buffer, through the console.
// Security boundary: no.

import { uncaught as logError, unhandled as logRejection } from "./console.ts";

/** Filled in by `error-events.ts`, which stands on events, as this file must not: whether the script prevented the log. */
export const told = {
  error: (_thrown: unknown): boolean => false,
  rejection: (_reason: unknown, _promise: object): boolean => false,
};

/** An error reached the top of a timer, an event listener, a microtask or `reportError`. */
export function uncaught(thrown: unknown): void {
  if (!told.error(thrown)) logError(thrown);
}

/** Entry: a promise was rejected, and when no job was left nobody had handled it. */
export function unhandled(reason: unknown, promise: object): void {
  if (!told.rejection(reason, promise)) logRejection(reason);
}
