// In: URL text. Out: URL and URLSearchParams as the URL standard has them; the parsing is native (urls.rs).
// May touch: nothing outside.
// Security boundary: no. The bridge parses and judges every URL again.

import { native, type UrlParts } from "./native.ts";
import { printAs } from "./inspect.ts";
import { iterable, methodOf, need, pairsOf, usv } from "./webidl.ts";

type SearchInit = string | Iterable<readonly [string, string]> | Record<string, string>;

/** Told of every change, so that the URL a list belongs to follows. */
type Follower = (query: string) => void;

let follow: (params: URLSearchParams, follower: Follower) => void;
let replace: (params: URLSearchParams, query: string) => void;
let flatOf: (params: URLSearchParams) => string[];

export interface URLSearchParams extends Iterable<[string, string]> {
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  forEach(callback: (value: string, name: string, parent: URLSearchParams) => void, self?: unknown): void;
}

export class URLSearchParams {
  /** Name, value, name, value, ... */
  #flat: string[];
  #follower: Follower | undefined;

  static {
    follow = (params, follower) => {
      params.#follower = follower;
    };
    replace = (params, query) => {
      params.#flat = native.formParse(query);
    };
    flatOf = (params) => params.#flat;
  }

  constructor(init: SearchInit = "") {
    this.#flat = typeof init === "object" && init !== null || typeof init === "function" ? fromObject(init) : fromText(usv(init));
  }

  get size(): number {
    return this.#flat.length / 2;
  }

  append(name: string, value: string): void {
    need(arguments.length, 2, "URLSearchParams.append");
    this.#flat.push(usv(name), usv(value));
    this.#changed();
  }

  delete(name: string, value: string | undefined = undefined): void {
    need(arguments.length, 1, "URLSearchParams.delete");
    const [wanted, only] = [usv(name), value === undefined ? undefined : usv(value)];
    this.#keep((key, own) => key !== wanted || (only !== undefined && own !== only));
    this.#changed();
  }

  get(name: string): string | null {
    need(arguments.length, 1, "URLSearchParams.get");
    const at = this.#find(usv(name));
    return at < 0 ? null : (this.#flat[at + 1] as string);
  }

  getAll(name: string): string[] {
    need(arguments.length, 1, "URLSearchParams.getAll");
    const wanted = usv(name);
    return this.#flat.filter((_, at) => at % 2 === 1 && this.#flat[at - 1] === wanted);
  }

  has(name: string, value: string | undefined = undefined): boolean {
    need(arguments.length, 1, "URLSearchParams.has");
    const wanted = usv(name);
    return value === undefined ? this.#find(wanted) >= 0 : this.getAll(wanted).includes(usv(value));
  }

  set(name: string, value: string): void {
    need(arguments.length, 2, "URLSearchParams.set");
    const [wanted, text] = [usv(name), usv(value)];
    const first = this.#find(wanted);
    if (first < 0) {
      this.#flat.push(wanted, text);
    } else {
      this.#flat[first + 1] = text;
      this.#keep((key, _, at) => at === first || key !== wanted);
    }
    this.#changed();
  }

  sort(): void {
    const pairs: [string, string][] = [];
    for (let at = 0; at < this.#flat.length; at += 2) pairs.push([this.#flat[at] as string, this.#flat[at + 1] as string]);
    pairs.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    this.#flat = pairs.flat();
    this.#changed();
  }

  toString(): string {
    return native.formSerialize(this.#flat);
  }

  #find(name: string): number {
    for (let at = 0; at < this.#flat.length; at += 2) if (this.#flat[at] === name) return at;
    return -1;
  }

  #keep(wanted: (name: string, value: string, at: number) => boolean): void {
    const kept: string[] = [];
    for (let at = 0; at < this.#flat.length; at += 2) {
      const [name, value] = [this.#flat[at] as string, this.#flat[at + 1] as string];
      if (wanted(name, value, at)) kept.push(name, value);
    }
    this.#flat = kept;
  }

  #changed(): void {
    this.#follower?.(native.formSerialize(this.#flat));
  }
}

function fromText(text: string): string[] {
  return native.formParse(text.startsWith("?") ? text.slice(1) : text);
}

function fromObject(init: object): string[] {
  const method = methodOf(init);
  if (method === undefined) return fromRecord(init as Record<string, string>);
  return pairsOf(init, method, "URLSearchParams", (name, value) => [usv(name), usv(value)]).flat();
}

/** Two keys can be one when their lone surrogates are replaced: the later value stands in the earlier place. */
function fromRecord(init: Record<string, string>): string[] {
  const entries = new Map<string, string>();
  for (const key of Reflect.ownKeys(init)) {
    if (Reflect.getOwnPropertyDescriptor(init, key)?.enumerable) entries.set(usv(key), usv(init[key as string]));
  }
  return [...entries].flat();
}

/** Says that the second argument is a URL already, as the standard writes it. */
const PARSED = Symbol();

function parse(input: unknown, base: unknown): string | null {
  return base === undefined ? native.urlHref(input as string) : native.urlHref(input as string, base as string);
}

export class URL {
  #href: string;
  /** Made when one of them is first asked for. */
  #parts: UrlParts | undefined;
  #params: URLSearchParams | undefined;

  constructor(input: string | URL, base: string | URL | undefined = undefined) {
    const href = (input as unknown) === PARSED ? (base as string) : parse(input, base);
    if (href === null) throw new TypeError(`Invalid URL: '${usv(input)}'${base === undefined ? "" : ` with base '${usv(base)}'`}`);
    this.#href = href;
  }

  static canParse(input: string | URL, base: string | URL | undefined = undefined): boolean {
    need(arguments.length, 1, "URL.canParse");
    return parse(input, base) !== null;
  }

  static parse(input: string | URL, base: string | URL | undefined = undefined): URL | null {
    need(arguments.length, 1, "URL.parse");
    const href = parse(input, base);
    return href === null ? null : new URL(PARSED as never, href);
  }

  get searchParams(): URLSearchParams {
    if (this.#params === undefined) {
      this.#params = new URLSearchParams(this.search);
      follow(this.#params, (query) => this.#put("search", query));
    }
    return this.#params;
  }

  #put(part: string, value: unknown): boolean {
    const parts = native.urlSet(this.#href, part, value as string);
    if (parts === null) return false;
    this.#parts = parts;
    this.#href = parts[0] as string;
    return true;
  }

  #part(index: number): string {
    this.#parts ??= native.urlParse(this.#href) ?? [];
    return this.#parts[index] ?? "";
  }

  #refresh(): void {
    if (this.#params !== undefined) replace(this.#params, this.search.slice(1));
  }

  get href(): string { return this.#href; }
  set href(value: string) {
    if (!this.#put("href", value)) throw new TypeError(`Invalid URL: '${usv(value)}'`);
    this.#refresh();
  }

  get origin(): string { return this.#part(1); }

  get protocol(): string { return this.#part(2); }
  set protocol(value: string) { this.#put("protocol", value); }

  get username(): string { return this.#part(3); }
  set username(value: string) { this.#put("username", value); }

  get password(): string { return this.#part(4); }
  set password(value: string) { this.#put("password", value); }

  get host(): string { return this.#part(5); }
  set host(value: string) { this.#put("host", value); }

  get hostname(): string { return this.#part(6); }
  set hostname(value: string) { this.#put("hostname", value); }

  get port(): string { return this.#part(7); }
  set port(value: string) { this.#put("port", value); }

  get pathname(): string { return this.#part(8); }
  set pathname(value: string) { this.#put("pathname", value); }

  get search(): string { return this.#part(9); }
  set search(value: string) {
    this.#put("search", value);
    this.#refresh();
  }

  get hash(): string { return this.#part(10); }
  set hash(value: string) { this.#put("hash", value); }

  toString(): string {
    return this.#href;
  }

  toJSON(): string {
    return this.#href;
  }
}

iterable(URLSearchParams, (params, index) => {
  const flat = flatOf(params);
  const name = flat[index * 2];
  return name === undefined ? undefined : [name, flat[index * 2 + 1]];
});
printAs(URL, (url) => ({ href: url.href }));
printAs(URLSearchParams, (params) => new Map(params));
