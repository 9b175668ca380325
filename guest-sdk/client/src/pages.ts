// In: a list of the server, a page at a time. Out: its entries, one by one.
// May touch: the server, for as many pages as are asked for.
// Security boundary: no.

import { MayflyError } from "./errors.js";
import type { Ask, Http } from "./http.js";

export interface PageOptions {
  /** Entries of a page, not of the whole list. */
  limit?: number;
  /** Where to begin: what a list said before. */
  cursor?: string;
  signal?: AbortSignal;
}

type Page<Key extends string, Entry> = Record<Key, Entry[]> & { cursor?: string | null };

export async function* pages<Key extends string, Entry>(http: Http, path: string, key: Key, query: NonNullable<Ask["query"]>, signal?: AbortSignal): AsyncGenerator<Entry, void, undefined> {
  let cursor = query.cursor;
  for (;;) {
    const page = (await http.json<Page<Key, Entry>>({ method: "GET", path, query: { ...query, cursor }, ...(signal && { signal }) })).value;
    if (!Array.isArray(page[key])) throw new MayflyError("protocol", `GET ${path}: the answer has no list \`${key}\``);
    yield* page[key];
    if (page.cursor === undefined || page.cursor === null) return;
    // A list that stands still would be read for ever.
    if (page.cursor === cursor) throw new MayflyError("protocol", `GET ${path}: the cursor ${page.cursor} leads to itself`);
    cursor = page.cursor;
  }
}
