// In: what scripts written for Node expect of the global object. Out: the harmless part of it, and for the rest an error
// that says what to use instead.
// May touch: timers.
// Security boundary: no. There is nothing behind `process`.

import { Buffer } from "./buffer.ts";
import { native } from "./native.ts";
import { clearTimeout, setTimeout } from "./timers.ts";

/** Asked by code that only wants to know where it runs: absent, and no error. */
const ABSENT = new Set(["version", "versions", "release", "browser", "type", "platform", "arch", "title", "pid", "features", "then", "toJSON"]);

/** `process.env` is there and empty; whoever reads anything else is told what Mayfly has in its place. */
const process = new Proxy({ env: {} as Record<string, string | undefined> }, {
  get(target, name, receiver): unknown {
    if (typeof name === "symbol" || name in target) return Reflect.get(target, name, receiver);
    if (ABSENT.has(name)) return undefined;
    throw new TypeError(native.advice("process", name));
  },
});

/** Every module that is asked for so is missing: the error says what to use instead. */
function require(specifier: unknown): never {
  throw Object.assign(new Error(native.advice("require", String(specifier))), { code: "MODULE_NOT_FOUND" });
}

function setImmediate(callback: (...args: unknown[]) => unknown, ...args: unknown[]): number {
  if (typeof callback !== "function") throw new TypeError("setImmediate: the callback must be a function.");
  return setTimeout(callback, 0, ...args);
}

const clearImmediate = function clearImmediate(id?: unknown): void {
  clearTimeout(id);
};

/** What is put on the global object for them. */
export const NODE = { Buffer, clearImmediate, global: globalThis, process, require, setImmediate };
