// In: the run's clock, which stands still within a turn. Out: `performance`, with marks and measures.
// May touch: nothing outside.
// Security boundary: no.

import { EventTarget } from "./events.ts";
import { native } from "./native.ts";

/** Only this file makes one. */
const KEY = Symbol();

/** What comes after is not kept. */
const ENTRIES_MAX = 1_000;

interface Entry {
  name: string;
  entryType: "mark" | "measure";
  startTime: number;
  duration: number;
  detail: unknown;
}

interface MarkOptions {
  startTime?: number;
  detail?: unknown;
}

interface MeasureOptions {
  start?: string | number;
  end?: string | number;
  duration?: number;
  detail?: unknown;
}

let entries: Entry[] = [];

function add(entryType: Entry["entryType"], name: unknown, startTime: number, duration: number, detail: unknown): Entry {
  const entry: Entry = { name: String(name), entryType, startTime, duration, detail: detail ?? null };
  if (entries.length < ENTRIES_MAX) entries.push(entry);
  return entry;
}

/** The time of a mark, or the number itself. */
function timeOf(point: string | number): number {
  if (typeof point === "number") return point;
  const mark = entries.findLast((entry) => entry.entryType === "mark" && entry.name === point);
  if (mark === undefined) throw new DOMException(`There is no mark '${point}'.`, "SyntaxError");
  return mark.startTime;
}

function clear(entryType: Entry["entryType"], name?: string): void {
  entries = entries.filter((entry) => entry.entryType !== entryType || (name !== undefined && entry.name !== String(name)));
}

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

  mark(name: string, options?: MarkOptions): Entry {
    return add("mark", name, options?.startTime ?? native.elapsed(), 0, options?.detail);
  }

  measure(name: string, first?: string | MeasureOptions, last?: string): Entry {
    const given: MeasureOptions = typeof first === "object" && first !== null ? first : { start: first, end: last };
    const end = given.end === undefined ? undefined : timeOf(given.end);
    const length = given.duration ?? 0;
    const start = given.start !== undefined ? timeOf(given.start) : end !== undefined && given.duration !== undefined ? end - length : 0;
    const until = end ?? (given.duration === undefined ? native.elapsed() : start + length);
    return add("measure", name, start, until - start, given.detail);
  }

  clearMarks(name?: string): void {
    clear("mark", name);
  }

  clearMeasures(name?: string): void {
    clear("measure", name);
  }

  getEntries(): Entry[] {
    return entries.toSorted((left, right) => left.startTime - right.startTime);
  }

  getEntriesByName(name: string, type?: string): Entry[] {
    return this.getEntries().filter((entry) => entry.name === String(name) && (type === undefined || entry.entryType === type));
  }

  getEntriesByType(type: string): Entry[] {
    return this.getEntries().filter((entry) => entry.entryType === type);
  }

  toJSON(): object {
    void this.#brand;
    return { timeOrigin: this.timeOrigin };
  }
}

export const performance = new Performance(KEY);
