// In: the turn's clock. Out: `performance`. Inside a turn time stands still.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { EventTarget } from "./events.ts";

/** Only this file makes one. */
const KEY = Symbol();

export class Performance extends EventTarget {
  #brand = undefined;

  constructor(key: symbol | undefined = undefined) {
    if (key !== KEY) throw new TypeError("Illegal constructor: use `performance`.");
    super();
  }

  now(): number {
    void this.#brand;
    return native.elapsed();
  }

  get timeOrigin(): number {
    void this.#brand;
    return native.now() - native.elapsed();
  }

  toJSON(): object {
    void this.#brand;
    return { timeOrigin: this.timeOrigin };
  }
}


export const performance = new Performance(KEY);
