// In: names and sources of stored scripts. Out: what the server has of them.
// May touch: the server. Security boundary: no; the token's role decides there.
//
// Entity tags are kept as the server writes them, quotes included, and are taken with or without quotes.

import { parse, type CallOptions, type Http } from "./http.js";
import { pages, type PageOptions } from "./pages.js";
import type { ScriptInfo, StoredScript, WrittenScript } from "./types.js";

export interface WriteOptions extends CallOptions {
  /** Only if this is what is stored now: the `etag` of an answer, or `*` for anything. Else a `conflict`. */
  if_match?: string;
  /** `*`: only if there is nothing by this name yet. Else a `conflict`. */
  if_none_match?: string;
}

export interface GetOptions extends CallOptions {
  /** The newest one unless it is said. */
  version?: number;
}

export class Scripts {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Stores a new version. One that does not compile is a `bad_request` whose `error` has the place. */
  async put(name: string, source: string | { code: string } | { modules: Record<string, string>; main: string }, options: WriteOptions = {}): Promise<WrittenScript> {
    const json = typeof source === "string" ? { code: source } : source;
    const { value, headers } = await this.#http.json<WrittenScript>({ method: "PUT", path: at(name), json, ...conditional(options) });
    return { ...value, etag: headers.get("etag") ?? "" };
  }

  async get(name: string, options?: GetOptions): Promise<StoredScript>;
  /** `undefined` when what is stored is still the one with this tag. */
  async get(name: string, options: GetOptions & { if_none_match: string }): Promise<StoredScript | undefined>;
  async get(name: string, options: GetOptions & { if_none_match?: string } = {}): Promise<StoredScript | undefined> {
    const { version, ...rest } = options;
    const { text, headers, status } = await this.#http.text({ method: "GET", path: at(name), query: { version }, ...conditional(rest) });
    return status === 304 ? undefined : { ...(parse(text, `GET ${at(name)}`) as StoredScript), etag: headers.get("etag") ?? "" };
  }

  list({ signal, ...query }: PageOptions = {}): AsyncGenerator<ScriptInfo, void, undefined> {
    return pages(this.#http, "/v1/scripts", "scripts", query, signal);
  }

  /** Newest first. */
  versions(name: string, { signal, ...query }: PageOptions = {}): AsyncGenerator<ScriptInfo, void, undefined> {
    return pages(this.#http, `${at(name)}/versions`, "versions", query, signal);
  }

  async delete(name: string, options: WriteOptions = {}): Promise<void> {
    await this.#http.text({ method: "DELETE", path: at(name), ...conditional(options) });
  }

  /** Makes the content of an earlier version the newest version. */
  async rollback(name: string, version: number, options: WriteOptions = {}): Promise<WrittenScript> {
    const { value, headers } = await this.#http.json<WrittenScript>({ method: "POST", path: `${at(name)}/rollback`, json: { version }, ...conditional(options) });
    return { ...value, etag: headers.get("etag") ?? "" };
  }
}

function at(name: string): string {
  // Checked here as well, because `.` and `..` would be another path before the server could see them.
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
    throw new TypeError(`name: ${JSON.stringify(name)} is none; use 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends`);
  }
  return `/v1/scripts/${name}`;
}

function conditional({ if_match, if_none_match, ...options }: WriteOptions): CallOptions & { headers: Record<string, string> } {
  const headers: Record<string, string> = {};
  if (if_match !== undefined) headers["if-match"] = tag(if_match);
  if (if_none_match !== undefined) headers["if-none-match"] = tag(if_none_match);
  return { ...options, headers };
}

function tag(given: string): string {
  return given === "*" || given.endsWith('"') ? given : `"${given}"`;
}
