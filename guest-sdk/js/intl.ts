// In: all of `intl-*.ts`. Out: the `Intl` object, and the methods of other objects that go through it.
// May touch: prototypes of Number, BigInt, Date, String and Array, once, before any script exists.
// Security boundary: no.

import { intl } from "./intl-native.ts";
import { Collator, compare } from "./intl-collator.ts";
import { DateTimeFormat, localeText as dateText } from "./intl-date.ts";
import { DisplayNames } from "./intl-names.ts";
import { ListFormat } from "./intl-list.ts";
import { Locale } from "./intl-locale.ts";
import { canonicalList, DEFAULT_LOCALE, plain } from "./intl-locales.ts";
import { localeText as numberText, NumberFormat } from "./intl-number.ts";
import { PluralRules } from "./intl-plural.ts";
import { RelativeTimeFormat } from "./intl-relative.ts";
import { Segmenter } from "./intl-segmenter.ts";
import { DurationFormat } from "./intl-duration.ts";

const numberOf = Number.prototype.valueOf;
const bigintOf = BigInt.prototype.valueOf;
const timeOf = Date.prototype.getTime;
const upper = String.prototype.toUpperCase;
const lower = String.prototype.toLowerCase;

const typed = Object.getPrototypeOf(Uint8Array.prototype) as object;
const { at } = typed as { at(index: number): unknown };
const typedLength = Object.getOwnPropertyDescriptor(typed, "length")?.get as () => number;

/** Languages whose letters have other cases than those of the world. */
const OWN_CASES = /^(az|el|hy|lt|tr)\b/;

function supportedValuesOf(key: unknown): string[] {
  const name = String(key);
  const sorted = (list: string[]): string[] => [...new Set(list)].sort();
  switch (name) {
    case "calendar": return ["gregory"];
    case "collation": return sorted(intl.languages().flatMap((language) => intl.collations(language)));
    case "currency": return intl.commonKeys("fractions").filter((code) => !intl.common("fractions", code)?.includes("old"));
    case "numberingSystem": return intl.commonKeys("digits");
    case "timeZone": return sorted(intl.zones().filter((zone) => zone === "UTC" || primary(zone)));
    case "unit": return intl.commonKeys("units").filter((unit) => !unit.includes("-per-"));
    default:
      throw new RangeError(`Invalid key: ${name}; it is one of: calendar, collation, currency, numberingSystem, timeZone, unit.`);
  }
}

/** Names that are not merely other names of a zone, as CLDR sees it. */
function primary(zone: string): boolean {
  return intl.common("zones", zone) !== undefined && zone !== "Etc/UTC" && zone !== "Etc/GMT" && zone !== "Etc/Unknown";
}

function getCanonicalLocales(locales?: unknown): string[] {
  return canonicalList(locales);
}

const SERVICES = {
  Collator, DateTimeFormat, DisplayNames, DurationFormat, ListFormat, Locale, NumberFormat, PluralRules, RelativeTimeFormat, Segmenter,
  getCanonicalLocales, supportedValuesOf,
};

export const Intl = Object.create(Object.prototype) as object;
for (const [name, value] of Object.entries(SERVICES)) define(Intl, name, value);
Object.defineProperty(Intl, Symbol.toStringTag, { value: "Intl", configurable: true });

/** Methods, because those cannot be constructed. */
const { ofArray, ofTypedArray } = {
  ofArray(this: unknown, locales?: unknown, options?: unknown): string {
    if (this === undefined || this === null) throw new TypeError("Array.prototype.toLocaleString called on null or undefined.");
    const list = Object(this) as ArrayLike<unknown>;
    return listText(list, list.length, locales, options);
  },
  ofTypedArray(this: ArrayLike<unknown>, locales?: unknown, options?: unknown): string {
    // A length of 0 may mean that the buffer is gone; this one throws then.
    at.call(this, 0);
    return listText(this, typedLength.call(this) as number, locales, options);
  },
};
Object.defineProperty(ofArray, "name", { value: "toLocaleString", configurable: true });
Object.defineProperty(ofTypedArray, "name", { value: "toLocaleString", configurable: true });

const METHODS: [prototype: object, methods: Record<string, unknown>][] = [
  [Number.prototype, {
    toLocaleString(this: unknown, locales?: unknown, options?: unknown): string {
      return numberText(numberOf.call(this), locales, options);
    },
  }],
  [BigInt.prototype, {
    toLocaleString(this: unknown, locales?: unknown, options?: unknown): string {
      return numberText(`${bigintOf.call(this as bigint)}n`, locales, options);
    },
  }],
  [Date.prototype, {
    toLocaleString(this: Date, locales?: unknown, options?: unknown): string {
      return dateText(timeOf.call(this), locales, options, "any", "all");
    },
    toLocaleDateString(this: Date, locales?: unknown, options?: unknown): string {
      return dateText(timeOf.call(this), locales, options, "date", "date");
    },
    toLocaleTimeString(this: Date, locales?: unknown, options?: unknown): string {
      return dateText(timeOf.call(this), locales, options, "time", "time");
    },
  }],
  [String.prototype, {
    localeCompare(this: unknown, that?: unknown, locales?: unknown, options?: unknown): number {
      return compare(own(this, "localeCompare"), String(that), locales, options);
    },
    toLocaleUpperCase(this: unknown, locales?: unknown): string {
      const [text, tag] = [own(this, "toLocaleUpperCase"), languageOf(locales)];
      return OWN_CASES.test(tag) ? intl.upper(text, tag) : upper.call(text);
    },
    toLocaleLowerCase(this: unknown, locales?: unknown): string {
      const [text, tag] = [own(this, "toLocaleLowerCase"), languageOf(locales)];
      return OWN_CASES.test(tag) ? intl.lower(text, tag) : lower.call(text);
    },
  }],
  [Array.prototype, { toLocaleString: ofArray }],
  [typed, { toLocaleString: ofTypedArray }],
];

/** Puts the methods where they belong. */
export function installLocaleMethods(): void {
  for (const [prototype, methods] of METHODS) {
    for (const [name, method] of Object.entries(methods)) {
      Object.defineProperty(method as object, "length", { value: name === "localeCompare" ? 1 : 0, configurable: true });
      define(prototype, name, method);
    }
  }
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}

function own(value: unknown, method: string): string {
  if (value === undefined || value === null) throw new TypeError(`String.prototype.${method} called on null or undefined.`);
  return String(value);
}

/** The first of the locales; case knows no region. */
function languageOf(locales: unknown): string {
  return plain(canonicalList(locales)[0] ?? DEFAULT_LOCALE);
}

function listText(list: ArrayLike<unknown>, length: number, locales: unknown, options: unknown): string {
  const texts: string[] = [];
  for (let at = 0; at < length; at++) {
    const item = list[at] as { toLocaleString(locales?: unknown, options?: unknown): unknown } | null | undefined;
    texts.push(item === undefined || item === null ? "" : String(item.toLocaleString(locales, options)));
  }
  return texts.join(",");
}
