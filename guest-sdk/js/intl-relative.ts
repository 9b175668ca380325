// In: Intl.RelativeTimeFormat. Out: "in 3 days", "yesterday".
// May touch: nothing outside.
// Security boundary: no.

import { intl, type Core, type Part } from "./intl-native.ts";
import { finish } from "./intl-class.ts";
import { canonicalList, checkNumbering, resolve, setting, shownTag, supportedLocalesOf } from "./intl-locales.ts";
import { checkMatcher, choice, coerced, matching, TYPE } from "./intl-options.ts";

const UNITS = ["second", "minute", "hour", "day", "week", "month", "quarter", "year"];

class RelativeTimeFormatClass {
  #core: Core;
  #resolved: { locale: string; style: string; numeric: string; numberingSystem: string };

  constructor(locales?: unknown, given?: unknown) {
    const requested = canonicalList(locales);
    const options = coerced(given);
    checkMatcher(options);
    const numbering = matching(options, "numberingSystem", TYPE)?.toLowerCase();
    const found = resolve("RelativeTimeFormat", requested);
    const system = setting(found, "nu", numbering, intl.numbering(found.data) ?? "latn", checkNumbering);
    const style = choice(options, "style", ["long", "short", "narrow"], "long");
    const numeric = choice(options, "numeric", ["always", "auto"], "always");
    this.#core = intl.relative(found.data, style, numeric === "auto", system.value);
    this.#resolved = { locale: shownTag(found, system), style, numeric, numberingSystem: system.value };
  }

  format(value: unknown, unit: unknown): string {
    return intl.relativeText(this.#core, ...given(value, unit)) ?? "";
  }

  formatToParts(value: unknown, unit: unknown): Part[] {
    const [number, name] = given(value, unit);
    const parts = intl.relativeParts(this.#core, number, name) ?? [];
    for (const part of parts) if (part.type !== "literal") part.unit = name;
    return parts;
  }

  resolvedOptions(): object {
    return { ...this.#resolved };
  }
}

export const RelativeTimeFormat = finish(RelativeTimeFormatClass, "RelativeTimeFormat", { supportedLocalesOf });

function given(value: unknown, unit: unknown): [number, string] {
  const number = Number(value);
  const name = String(unit).replace(/s$/, "");
  if (!UNITS.includes(name)) throw new RangeError(`Invalid unit argument for format() '${String(unit)}'; it is one of: ${UNITS.join(", ")}, with or without an s.`);
  if (!Number.isFinite(number)) throw new RangeError("Intl.RelativeTimeFormat: the value must be a finite number.");
  return [number, name];
}
