// In: header names and values from scripts and replies. Out: a list as the Fetch standard wants it.
// May touch: nothing outside.
// Security boundary: no. The bridge checks every header again before it sends one.

import { native } from "./native.ts";
import { printAs } from "./inspect.ts";
import { iterable, methodOf, need, pairsOf } from "./webidl.ts";

export type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>;
type Pair = [name: string, value: string];

function nameOf(given: unknown): string {
  const name = native.headerName(given as string);
  if (name === null) throw new TypeError(`Header name '${given as string}' is not valid.`);
  return name;
}

function valueOf(given: unknown): string {
  const value = native.headerValue(given as string);
  if (value === null) throw new TypeError("Header values hold no line breaks and no characters above U+00FF.");
  return value;
}

/** The list as it is sent, in the order given. For the prelude alone, as the next one. */
export let listOf: (headers: Headers) => Pair[];
/** Headers of a list from the host, which is in order. They cannot be changed: copies can. */
export let headersOf: (list: Pair[]) => Headers;

let sortedOf: (headers: Headers) => Pair[];

export interface Headers extends Iterable<Pair> {
  entries(): IterableIterator<Pair>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  forEach(callback: (value: string, name: string, parent: Headers) => void, self?: unknown): void;
}

export class Headers {
  #list: Pair[] = [];
  /** As it is iterated: made when it is asked for, and no longer true after a change. */
  #sorted: Pair[] | undefined;
  #immutable = false;

  static {
    listOf = (headers) => headers.#list;
    headersOf = (list) => {
      const headers = new Headers();
      headers.#list = list;
      headers.#immutable = true;
      return headers;
    };
    sortedOf = (headers) => (headers.#sorted ??= sorted(headers.#list));
  }

  constructor(init: HeadersInit | undefined = undefined) {
    if (init !== undefined) fill(this.#list, init);
  }

  append(name: string, value: string): void {
    need(arguments.length, 2, "Headers.append");
    const pair: Pair = [nameOf(name), valueOf(value)];
    this.#change();
    this.#list.push(pair);
  }

  delete(name: string): void {
    need(arguments.length, 1, "Headers.delete");
    const wanted = nameOf(name);
    this.#change();
    this.#list = this.#list.filter((pair) => pair[0] !== wanted);
  }

  get(name: string): string | null {
    need(arguments.length, 1, "Headers.get");
    return combined(this.#list, nameOf(name));
  }

  getSetCookie(): string[] {
    return this.#list.filter((pair) => pair[0] === "set-cookie").map((pair) => pair[1]);
  }

  has(name: string): boolean {
    need(arguments.length, 1, "Headers.has");
    const wanted = nameOf(name);
    return this.#list.some((pair) => pair[0] === wanted);
  }

  set(name: string, value: string): void {
    need(arguments.length, 2, "Headers.set");
    const wanted = nameOf(name);
    const text = valueOf(value);
    this.#change();
    const known = this.#list.find((pair) => pair[0] === wanted);
    if (known === undefined) {
      this.#list.push([wanted, text]);
    } else {
      known[1] = text;
      this.#list = this.#list.filter((pair) => pair === known || pair[0] !== wanted);
    }
  }

  #change(): void {
    if (this.#immutable) throw new TypeError("These headers are what was received and cannot be changed: copy them with new Headers(headers), or make a new Response(body, response).");
    this.#sorted = undefined;
  }
}

function combined(list: Pair[], name: string): string | null {
  let found: string | null = null;
  for (let at = 0; at < list.length; at += 1) {
    const [known, value] = list[at] as Pair;
    if (known === name) found = found === null ? value : `${found}, ${value}`;
  }
  return found;
}

function fill(list: Pair[], init: HeadersInit): void {
  if ((typeof init !== "object" && typeof init !== "function") || init === null) throw new TypeError("Headers: the argument is not an object.");
  const method = methodOf(init);
  if (method === undefined) return fillFromRecord(list, init as Record<string, string>);
  if (method === Headers.prototype.entries && init instanceof Headers) {
    for (const [name, value] of listOf(init)) list.push([name, value]);
  } else {
    list.push(...pairsOf(init, method, "Headers", (name, value): Pair => [nameOf(name), valueOf(value)]));
  }
}

function fillFromRecord(list: Pair[], init: Record<string, string>): void {
  // What a proxy sees is told by the standard to the last trap; elsewhere nobody sees the difference.
  if (native.brand(init) === "Proxy") return fillFromProxy(list, init);
  for (const key of Object.keys(init)) list.push([nameOf(key), valueOf(init[key])]);
  if (Object.getOwnPropertySymbols(init).some((key) => Object.prototype.propertyIsEnumerable.call(init, key))) {
    throw new TypeError("Headers: a symbol is no header name.");
  }
}

function fillFromProxy(list: Pair[], init: Record<string, string>): void {
  for (const key of Reflect.ownKeys(init)) {
    if (!Reflect.getOwnPropertyDescriptor(init, key)?.enumerable) continue;
    // Before the value is asked for, the name must be one of bytes; whether it is one of a header's is seen later.
    const name = `${key as string}`;
    if (/[^\0-\xff]/.test(name)) throw new TypeError(`Header name '${name}' is not valid.`);
    const value = init[name];
    list.push([nameOf(name), valueOf(value)]);
  }
}

/** Names in order, values of one name joined; cookies cannot be. */
function sorted(list: Pair[]): Pair[] {
  const names = [...new Set(list.map((pair) => pair[0]))].sort();
  return names.flatMap((name): Pair[] => {
    if (name !== "set-cookie") return [[name, combined(list, name) as string]];
    return list.filter((pair) => pair[0] === name).map((pair) => [name, pair[1]]);
  });
}

iterable(Headers, (headers, index) => sortedOf(headers)[index]);
printAs(Headers, (headers) => Object.fromEntries(sortedOf(headers)));
