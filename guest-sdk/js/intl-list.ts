// In: Intl.ListFormat. Out: "a, b, and c".
// May touch: nothing outside.
// Security boundary: no.

import { intl, type Core, type Part } from "./intl-native.ts";
import { finish } from "./intl-class.ts";
import { canonicalList, resolve, supportedLocalesOf } from "./intl-locales.ts";
import { asObject, checkMatcher, choice } from "./intl-options.ts";

class ListFormatClass {
  #core: Core;
  #resolved: { locale: string; type: string; style: string };

  constructor(locales?: unknown, given?: unknown) {
    const requested = canonicalList(locales);
    const options = asObject(given);
    checkMatcher(options);
    const { data } = resolve("ListFormat", requested);
    const type = choice(options, "type", ["conjunction", "disjunction", "unit"], "conjunction");
    const style = choice(options, "style", ["long", "short", "narrow"], "long");
    this.#core = intl.list(data, `${type}.${style}`);
    this.#resolved = { locale: data, type, style };
  }

  format(list?: unknown): string {
    return intl.listText(this.#core, strings(list));
  }

  formatToParts(list?: unknown): Part[] {
    return intl.listParts(this.#core, strings(list));
  }

  resolvedOptions(): object {
    return { ...this.#resolved };
  }
}

export const ListFormat = finish(ListFormatClass, "ListFormat", { supportedLocalesOf });

function strings(list: unknown): string[] {
  if (list === undefined) return [];
  const found: string[] = [];
  for (const item of list as Iterable<unknown>) {
    if (typeof item !== "string") throw new TypeError(`Intl.ListFormat: item ${found.length} of the list is no string.`);
    found.push(item);
  }
  return found;
}
