// In: Intl.DisplayNames. Out: what a locale calls languages, regions, scripts, currencies, calendars and fields of dates.
// May touch: nothing outside.
// Security boundary: no.

import { intl } from "./intl-native.ts";
import { finish } from "./intl-class.ts";
import { canonical, canonicalList, resolve, supportedLocalesOf } from "./intl-locales.ts";
import { asObject, checkMatcher, choice } from "./intl-options.ts";

const TYPES = ["language", "region", "script", "currency", "calendar", "dateTimeField"] as const;

const FIELDS = [
  "era", "year", "quarter", "month", "weekOfYear", "weekday", "day", "dayPeriod", "hour", "minute", "second", "timeZoneName",
];

class DisplayNamesClass {
  #data: string;
  #resolved: { locale: string; style: string; type: (typeof TYPES)[number]; fallback: string; languageDisplay: string };

  constructor(locales?: unknown, given?: unknown) {
    if (given === undefined) throw new TypeError("Intl.DisplayNames needs options with a type.");
    const requested = canonicalList(locales);
    const options = asObject(given);
    checkMatcher(options);
    const style = choice(options, "style", ["narrow", "short", "long"], "long");
    const type = choice(options, "type", TYPES, undefined);
    if (type === undefined) throw new TypeError(`Intl.DisplayNames needs a type: one of ${TYPES.join(", ")}.`);
    const fallback = choice(options, "fallback", ["code", "none"], "code");
    const languageDisplay = choice(options, "languageDisplay", ["dialect", "standard"], "dialect");
    const { data } = resolve("DisplayNames", requested);
    this.#data = data;
    this.#resolved = { locale: data, style, type, fallback, languageDisplay };
  }

  of(code: unknown): string | undefined {
    const { type, style, fallback, languageDisplay } = this.#resolved;
    const known = canonicalCode(type, String(code));
    const name = intl.name(this.#data, type, style, languageDisplay === "dialect", known);
    return name ?? (fallback === "code" ? known : undefined);
  }

  resolvedOptions(): object {
    const { languageDisplay, ...rest } = this.#resolved;
    return rest.type === "language" ? { ...rest, languageDisplay } : rest;
  }
}

export const DisplayNames = finish(DisplayNamesClass, "DisplayNames", { supportedLocalesOf });

function canonicalCode(type: (typeof TYPES)[number], code: string): string {
  const held = (form: RegExp): string => {
    if (!form.test(code)) throw new RangeError(`Invalid argument to Intl.DisplayNames.prototype.of: '${code}' is no ${type}.`);
    return code;
  };
  switch (type) {
    case "language":
      return canonical(held(/^[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?(-([a-z\d]{5,8}|\d[a-z\d]{3}))*$|^[a-z]{5,8}(-.*)?$/i));
    case "region":
      return held(/^([a-z]{2}|\d{3})$/i).toUpperCase();
    case "script":
      return held(/^[a-z]{4}$/i).replace(/^(.)(.*)$/, (_, first: string, rest: string) => first.toUpperCase() + rest.toLowerCase());
    case "currency":
      return held(/^[a-z]{3}$/i).toUpperCase();
    case "calendar":
      return held(/^[a-z\d]{3,8}(-[a-z\d]{3,8})*$/i).toLowerCase();
    default:
      if (!FIELDS.includes(code)) throw new RangeError(`Invalid argument to Intl.DisplayNames.prototype.of: '${code}' is none of ${FIELDS.join(", ")}.`);
      return code;
  }
}
