// In: the `locales` argument of Intl. Out: the locale with data that it means, and what its `-u-` extension asks for.
// May touch: nothing outside.
// Security boundary: no.

import { intl } from "./intl-native.ts";
import { asObject, checkMatcher } from "./intl-options.ts";

/** An isolate has no place; everything that asks for none gets this one. */
export const DEFAULT_LOCALE = "en-US";

/** Told by `intl-locale.ts`: the tag of an Intl.Locale. */
let tagOfLocale: (value: object) => string | undefined = () => undefined;

export function setTagOfLocale(read: (value: object) => string | undefined): void {
  tagOfLocale = read;
}

/** ECMA-402, CanonicalizeLocaleList. */
export function canonicalList(locales: unknown): string[] {
  if (locales === undefined) return [];
  if (typeof locales === "string") return [canonical(locales)];
  if (locales === null) throw new TypeError("Intl: the locales are null; leave them out or give a language tag.");
  const own = typeof locales === "object" ? tagOfLocale(locales) : undefined;
  if (own !== undefined) return [own];
  const list = Object(locales) as ArrayLike<unknown>;
  const found = new Set<string>();
  for (let at = 0; at < Math.min(Number(list.length) || 0, Number.MAX_SAFE_INTEGER); at++) {
    if (!(at in list)) continue;
    const item = list[at];
    if (typeof item !== "string" && (typeof item !== "object" || item === null)) {
      throw new TypeError(`Intl: a locale must be a string or an Intl.Locale, and item ${at} of the list is neither.`);
    }
    found.add((typeof item === "object" ? tagOfLocale(item) : undefined) ?? canonical(String(item)));
  }
  return [...found];
}

export function canonical(tag: string): string {
  const found = intl.canonical(tag);
  if (found === undefined) throw new RangeError(`Incorrect locale information provided: '${tag}' is not a language tag like 'en' or 'de-AT'.`);
  return found;
}

export interface Resolved {
  /** The locale whose data is used. */
  data: string;
  /** Values of the keys of the tag's `-u-` extension. */
  extension: Map<string, string>;
}

/**
 * The first of the locales that there is data for. Where there is none for any of them this throws, although ECMA-402
 * would have the default locale: text in the wrong language, silently, is worse.
 */
export function resolve(service: string, requested: string[]): Resolved {
  for (const tag of requested) {
    const data = intl.find(plain(tag));
    if (data !== undefined) return { data, extension: extensionOf(tag) };
  }
  if (requested.length === 0) return { data: DEFAULT_LOCALE, extension: new Map() };
  throw new RangeError(
    `Intl.${service} has no data for '${requested.join("', '")}'. There is data for: ${intl.languages().join(", ")}; give one of ` +
      `these as a second choice (['${requested[0]}', 'en']), or ask Intl.${service}.supportedLocalesOf first.`,
  );
}

/** A canonical tag without its extensions. */
export function plain(tag: string): string {
  return tag.replace(/-[a-z0-9]-.*$/, "");
}

/** Keys and values of the `-u-` extension of a canonical tag; a key alone means "true". */
export function extensionOf(tag: string): Map<string, string> {
  const found = new Map<string, string>();
  const subtags = /-u-(.*)$/.exec(tag.replace(/-x-.*$/, ""))?.[1]?.split("-") ?? [];
  let key: string | undefined;
  for (const subtag of subtags) {
    if (subtag.length === 1) break;
    if (subtag.length === 2) {
      key = subtag;
      if (!found.has(key)) found.set(key, "");
    } else if (key !== undefined) {
      const value = found.get(key);
      found.set(key, value ? `${value}-${subtag}` : subtag);
    }
  }
  for (const [name, value] of found) if (value === "") found.set(name, "true");
  return found;
}

/** What a key is to be: the option counts before the tag, and that before what the locale has. */
export interface Setting<T> {
  value: T;
  /** The tag asked for it, so that `locale` of `resolvedOptions` shows it. */
  shown: string;
}

export function setting(resolved: Resolved, key: string, option: string | undefined, otherwise: string, check: (value: string) => void): Setting<string> {
  const wanted = resolved.extension.get(key);
  if (wanted !== undefined) check(wanted);
  if (option !== undefined) check(option);
  const value = option ?? wanted ?? otherwise;
  return { value, shown: wanted !== undefined && wanted === value ? `-${key}${wanted === "true" ? "" : `-${wanted}`}` : "" };
}

/** The tag that `resolvedOptions` shows. */
export function shownTag(resolved: Resolved, ...settings: Setting<unknown>[]): string {
  const keys = settings.map(({ shown }) => shown).filter((shown) => shown !== "").sort();
  return keys.length === 0 ? resolved.data : `${resolved.data}-u${keys.join("")}`;
}

/** `supportedLocalesOf` of every service. */
export function supportedLocalesOf(locales?: unknown, options?: unknown): string[] {
  const requested = canonicalList(locales);
  if (options !== undefined) checkMatcher(Object(asObject(options)) as Record<string, unknown>);
  return requested.filter((tag) => intl.find(plain(tag)) !== undefined);
}

/** The numbering system of an option or a tag: one with ten digits. */
export function checkNumbering(value: string): void {
  if (intl.common("digits", value) === undefined) {
    throw new RangeError(`Intl has no digits of the numbering system '${value}'; Intl.supportedValuesOf("numberingSystem") lists those it has.`);
  }
}
