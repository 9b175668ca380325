// In: Intl.PluralRules. Out: the plural category of a number.
// May touch: nothing outside.
// Security boundary: no.

import { intl, type Core } from "./intl-native.ts";
import { finish, Kept } from "./intl-class.ts";
import { type DigitOptions, digitOptions, shownDigits } from "./intl-digits.ts";
import { canonicalList, resolve, supportedLocalesOf } from "./intl-locales.ts";
import { exact } from "./intl-number.ts";
import { checkMatcher, choice, coerced } from "./intl-options.ts";

const kept = new Kept<Core>();

class PluralRulesClass {
  #core: Core;
  #digits: DigitOptions;
  #locale: string;
  #type: string;
  #notation: string;

  constructor(locales?: unknown, given?: unknown) {
    const requested = canonicalList(locales);
    const options = coerced(given);
    checkMatcher(options);
    const type = choice(options, "type", ["cardinal", "ordinal"], "cardinal");
    const notation = choice(options, "notation", ["standard", "scientific", "engineering", "compact"], "standard");
    const digits = digitOptions(options, 0, 3, notation);
    const compactDisplay = choice(options, "compactDisplay", ["short", "long"], "short");
    const { data } = resolve("PluralRules", requested);
    this.#digits = digits;
    this.#locale = data;
    this.#type = type;
    this.#notation = notation;
    const wanted = {
      ...digits, style: "decimal", currency: "", unit: "", width: "short", accounting: false, notation, compactDisplay,
      useGrouping: "auto", signDisplay: "auto", numbering: "latn", ordinal: type === "ordinal",
    };
    this.#core = kept.get(`${data} ${Object.values(wanted).join(" ")}`, () => intl.number(data, wanted) as Core);
  }

  select(value: unknown): string {
    return intl.category(this.#core, number(value));
  }

  selectRange(start: unknown, end: unknown): string {
    if (start === undefined || end === undefined) throw new TypeError("selectRange: start and end are needed.");
    const [first, second] = [number(start), number(end)];
    if (Number.isNaN(first) || Number.isNaN(second)) throw new RangeError("selectRange: an end of the range is not a number.");
    return intl.categoryOfRange(this.#core, first, second);
  }

  resolvedOptions(): object {
    const { digits, rounding } = shownDigits(this.#digits);
    return { locale: this.#locale, type: this.#type, notation: this.#notation, ...digits, pluralCategories: intl.categories(this.#core), ...rounding };
  }
}

export const PluralRules = finish(PluralRulesClass, "PluralRules", { supportedLocalesOf });

/** BigInts have a plural too, whatever ECMA-402 says of ToNumber. */
function number(value: unknown): number | string {
  return typeof value === "bigint" ? exact(value) : Number(value);
}
