// In: URL text. Out: URL and URLSearchParams as the URL standard has them; the parsing is native (urls.rs).
// May touch: nothing outside.
// Security boundary: no. The bridge parses and judges every URL again.

import { native, type UrlParts } from "./native.ts";
import { printAs } from "./inspect.ts";

type SearchInit = string | Iterable<readonly [string, string]> | Record<string, string>;

/** Told of every change, so that the URL a list belongs to follows. */
type Follower = (text: string) => void;

export class URLSearchParams {
  /** Name, value, name, value, ... */
  #flat: string[] = [];
  #follower: Follower | undefined;

  constructor(init: SearchInit | URLSearchParams = "") {
    if (typeof init === "object" && init !== null && Symbol.iterator in init) {
      for (const pair of init as Iterable<readonly [string, string]>) {
        const [name, value, ...rest] = [...pair];
        if (value === undefined || rest.length > 0) throw new TypeError("URLSearchParams: each entry must be a pair.");
        this.#flat.push(text(name), text(value));
      }
    } else if (typeof init === "object" && init !== null) {
      for (const name of Object.keys(init)) this.#flat.push(text(name), text((init as Record<string, string>)[name]));
    } else {
      this.#flat = native.formParse(text(init).replace(/^\?/, ""));
    }
  }

  get size(): number {
    return this.#flat.length / 2;
  }

  append(name: string, value: string): void {
    this.#flat.push(text(name), text(value));
    this.#changed();
  }

  delete(name: string, value?: string): void {
    this.#keep((key, own) => key !== text(name) || (value !== undefined && own !== text(value)));
    this.#changed();
  }

  get(name: string): string | null {
    return this.getAll(name)[0] ?? null;
  }

  getAll(name: string): string[] {
    const wanted = text(name);
    return this.#flat.filter((_, at) => at % 2 === 1 && this.#flat[at - 1] === wanted);
  }

  has(name: string, value?: string): boolean {
    const values = this.getAll(name);
    return value === undefined ? values.length > 0 : values.includes(text(value));
  }

  set(name: string, value: string): void {
    const wanted = text(name);
    let found = false;
    this.#keep((key) => key !== wanted || (!found && (found = true)));
    const at = this.#flat.findIndex((key, index) => index % 2 === 0 && key === wanted);
    if (at < 0) this.#flat.push(wanted, text(value));
    else this.#flat[at + 1] = text(value);
    this.#changed();
  }

  sort(): void {
    const pairs = [...this];
    pairs.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    this.#flat = pairs.flat();
    this.#changed();
  }

  forEach(callback: (value: string, name: string, parent: URLSearchParams) => void, self?: unknown): void {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries(): Generator<[string, string]> {
    for (let at = 0; at < this.#flat.length; at += 2) yield [this.#flat[at] as string, this.#flat[at + 1] as string];
  }

  *keys(): Generator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }

  toString(): string {
    return native.formSerialize(this.#flat);
  }

  #keep(wanted: (name: string, value: string) => boolean): void {
    this.#flat = [...this].filter(([name, value]) => wanted(name, value)).flat();
  }

  #changed(): void {
    this.#follower?.(this.toString());
  }

  /** For this file alone: taken away below. */
  static follow(params: URLSearchParams, follower: Follower): void {
    params.#follower = follower;
  }

  static replace(params: URLSearchParams, query: string): void {
    params.#flat = native.formParse(query);
  }

  get [Symbol.toStringTag](): string {
    return "URLSearchParams";
  }
}

const { follow, replace } = URLSearchParams;
delete (URLSearchParams as { follow?: unknown }).follow;
delete (URLSearchParams as { replace?: unknown }).replace;

function text(value: unknown): string {
  return String(value).toWellFormed();
}

function parse(input: unknown, base: unknown): string | null {
  return base === undefined ? native.urlHref(String(input)) : native.urlHref(String(input), String(base));
}

export class URL {
  #href: string;
  /** Made when one of them is first asked for. */
  #parts: UrlParts | undefined;
  #params: URLSearchParams | undefined;

  constructor(input: string | URL, base?: string | URL) {
    const href = parse(input, base);
    if (href === null) throw new TypeError(`Invalid URL: '${text(input)}'${base === undefined ? "" : ` with base '${text(base)}'`}`);
    this.#href = href;
  }

  static canParse(input: string | URL, base?: string | URL): boolean {
    return parse(input, base) !== null;
  }

  static parse(input: string | URL, base?: string | URL): URL | null {
    return parse(input, base) === null ? null : new URL(input, base);
  }

  get searchParams(): URLSearchParams {
    if (this.#params === undefined) {
      this.#params = new URLSearchParams(this.search);
      follow(this.#params, (query) => this.#put("search", query));
    }
    return this.#params;
  }

  #put(part: string, value: unknown): boolean {
    const parts = native.urlSet(this.href, part, text(value));
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
    if (!this.#put("href", value)) throw new TypeError(`Invalid URL: '${text(value)}'`);
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
    return this.href;
  }

  toJSON(): string {
    return this.href;
  }

  get [Symbol.toStringTag](): string {
    return "URL";
  }
}

printAs(URL, (url) => ({ href: url.href }));
printAs(URLSearchParams, (params) => new Map(params));
