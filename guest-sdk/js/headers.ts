// In: header names and values from scripts and replies. Out: a list as the Fetch standard wants it.
// May touch: nothing outside.
// Security boundary: no. The bridge checks every header again before it sends one.

import { native } from "./native.ts";
import { printAs } from "./inspect.ts";

export type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>;

function name(value: unknown): string {
  const text = native.headerName(String(value));
  if (text === null) throw new TypeError(`Header name '${String(value)}' is not valid.`);
  return text;
}

function content(value: unknown): string {
  const text = native.headerValue(String(value));
  if (text === null) throw new TypeError("Header values hold no line breaks and no characters above U+00FF.");
  return text;
}

export class Headers {
  #list: [name: string, value: string][] = [];

  constructor(init?: HeadersInit) {
    if (init === undefined || init === null) return;
    if (init instanceof Headers) {
      this.#list = init.#list.map(([key, value]) => [key, value]);
      return;
    }
    if (typeof init !== "object" && typeof init !== "function") throw new TypeError("Headers: the argument is not an object.");
    if (Symbol.iterator in init) {
      for (const pair of init as Iterable<readonly [string, string]>) {
        const [key, value, ...rest] = [...pair];
        if (value === undefined || rest.length > 0) throw new TypeError("Headers: each entry must be a pair of name and value.");
        this.append(key as string, value);
      }
    } else {
      for (const key of Object.keys(init)) this.append(key, (init as Record<string, string>)[key] as string);
    }
  }

  append(key: string, value: string): void {
    this.#list.push([name(key), content(value)]);
  }

  delete(key: string): void {
    const wanted = name(key);
    this.#list = this.#list.filter(([known]) => known !== wanted);
  }

  get(key: string): string | null {
    const wanted = name(key);
    const values = this.#list.filter(([known]) => known === wanted).map(([, value]) => value);
    return values.length === 0 ? null : values.join(", ");
  }

  getSetCookie(): string[] {
    return this.#list.filter(([known]) => known === "set-cookie").map(([, value]) => value);
  }

  has(key: string): boolean {
    const wanted = name(key);
    return this.#list.some(([known]) => known === wanted);
  }

  set(key: string, value: string): void {
    const wanted = name(key);
    const text = content(value);
    const at = this.#list.findIndex(([known]) => known === wanted);
    if (at < 0) {
      this.#list.push([wanted, text]);
      return;
    }
    this.#list = this.#list.filter(([known], index) => known !== wanted || index === at);
    (this.#list[this.#list.findIndex(([known]) => known === wanted)] as [string, string])[1] = text;
  }

  forEach(callback: (value: string, key: string, parent: Headers) => void, self?: unknown): void {
    for (const [key, value] of this) callback.call(self, value, key, this);
  }

  *entries(): Generator<[string, string]> {
    const names = [...new Set(this.#list.map(([key]) => key))].sort();
    for (const key of names) {
      if (key === "set-cookie") for (const cookie of this.getSetCookie()) yield [key, cookie];
      else yield [key, this.get(key) as string];
    }
  }

  *keys(): Generator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "Headers";
  }

  /** The list as it is sent, in the order given. Not part of the standard: for `fetch` alone. */
  static list(headers: Headers): [string, string][] {
    return headers.#list;
  }

  /** Headers of a list from the host, which is in order. */
  static of(list: [string, string][]): Headers {
    const headers = new Headers();
    headers.#list = list;
    return headers;
  }
}

/** Taken away from scripts. */
export const { list: listOf, of: headersOf } = Headers;
delete (Headers as { list?: unknown }).list;
delete (Headers as { of?: unknown }).of;

printAs(Headers, (headers) => Object.fromEntries(headers));
