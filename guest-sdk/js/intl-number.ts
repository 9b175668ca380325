// In: Intl.NumberFormat and what calls it. Out: numbers as people of a locale write them.
// May touch: nothing outside.
// Security boundary: no.

import { intl, type Core, type Exact, type NumberCoreOptions, type Part } from "./intl-native.ts";
import { callable, Kept } from "./intl-class.ts";
import { type DigitOptions, digitOptions, shownDigits } from "./intl-digits.ts";
import { canonicalList, checkNumbering, resolve, setting, shownTag, supportedLocalesOf } from "./intl-locales.ts";
import { checkMatcher, choice, coerced, matching, TYPE } from "./intl-options.ts";

interface Resolved {
  locale: string;
  numberingSystem: string;
  style: string;
  currency: string | undefined;
  currencyDisplay: string;
  currencySign: string;
  unit: string | undefined;
  unitDisplay: string;
  notation: string;
  compactDisplay: string;
  useGrouping: string;
  signDisplay: string;
}

const kept = new Kept<Core>();

class NumberFormatClass {
  #core: Core;
  #digits: DigitOptions;
  #resolved: Resolved;
  #bound: ((value?: unknown) => string) | undefined;

  constructor(locales?: unknown, options?: unknown) {
    const { core, digits, resolved } = prepare(locales, options);
    this.#core = core;
    this.#digits = digits;
    this.#resolved = resolved;
  }

  get format(): (value?: unknown) => string {
    const core = this.#core;
    this.#bound ??= anonymous((value?: unknown) => intl.numberText(core, exact(value)));
    return this.#bound;
  }

  formatToParts(value?: unknown): Part[] {
    return intl.numberParts(this.#core, exact(value));
  }

  formatRange(start: unknown, end: unknown): string {
    return intl.numberRange(this.#core, ...ends(start, end));
  }

  formatRangeToParts(start: unknown, end: unknown): Part[] {
    return intl.numberRangeParts(this.#core, ...ends(start, end));
  }

  resolvedOptions(): object {
    const { locale, numberingSystem, style, currency, unit, notation, signDisplay } = this.#resolved;
    const { currencyDisplay, currencySign, unitDisplay, compactDisplay, useGrouping } = this.#resolved;
    const money = currency === undefined ? {} : { currency, currencyDisplay, currencySign };
    const measure = unit === undefined ? {} : { unit, unitDisplay };
    const { digits, rounding } = shownDigits(this.#digits);
    return {
      locale, numberingSystem, style, ...money, ...measure, ...digits,
      useGrouping: useGrouping === "false" ? false : useGrouping, notation,
      ...(notation === "compact" ? { compactDisplay } : {}), signDisplay, ...rounding,
    };
  }
}

export const NumberFormat = callable(NumberFormatClass, "NumberFormat", { supportedLocalesOf });

function prepare(locales: unknown, given: unknown): { core: Core; digits: DigitOptions; resolved: Resolved } {
  const requested = canonicalList(locales);
  const options = coerced(given);
  checkMatcher(options);
  const numbering = matching(options, "numberingSystem", TYPE)?.toLowerCase();
  const found = resolve("NumberFormat", requested);
  const system = setting(found, "nu", numbering, intl.numbering(found.data) ?? "latn", checkNumbering);
  const named = styleOptions(options);
  const notation = choice(options, "notation", ["standard", "scientific", "engineering", "compact"], "standard");
  const places = named.style === "currency" && notation === "standard" ? intl.currencyDigits(named.currency as string) : undefined;
  const digits = digitOptions(options, places ?? 0, places ?? (named.style === "percent" ? 0 : 3), notation);
  const compactDisplay = choice(options, "compactDisplay", ["short", "long"], "short");
  const useGrouping = grouping(options, notation === "compact" ? "min2" : "auto");
  const signDisplay = choice(options, "signDisplay", ["auto", "never", "always", "exceptZero", "negative"], "auto");
  const resolved = { locale: shownTag(found, system), numberingSystem: system.value, ...named, notation, compactDisplay, useGrouping, signDisplay };
  return { core: core(found.data, resolved, digits), digits, resolved };
}

function styleOptions(options: Record<string, unknown>): Omit<Resolved, "locale" | "numberingSystem" | "notation" | "compactDisplay" | "useGrouping" | "signDisplay"> {
  const style = choice(options, "style", ["decimal", "percent", "currency", "unit"], "decimal");
  const currency = matching(options, "currency", /^[a-z]{3}$/i)?.toUpperCase();
  const currencyDisplay = choice(options, "currencyDisplay", ["code", "symbol", "narrowSymbol", "name"], "symbol");
  const currencySign = choice(options, "currencySign", ["standard", "accounting"], "standard");
  const unit = options.unit === undefined ? undefined : String(options.unit);
  if (unit !== undefined) checkUnit(unit);
  const unitDisplay = choice(options, "unitDisplay", ["short", "narrow", "long"], "short");
  if (style === "currency" && currency === undefined) throw new TypeError("Currency code is required with currency style.");
  if (style === "unit" && unit === undefined) throw new TypeError("Unit is required with unit style.");
  return {
    style, currencyDisplay, currencySign, unitDisplay,
    currency: style === "currency" ? currency : undefined, unit: style === "unit" ? unit : undefined,
  };
}

function checkUnit(unit: string): void {
  const single = (name: string): boolean => !name.includes("-per-") && intl.common("units", name) !== undefined;
  if (single(unit)) return;
  const [amount, per, ...more] = unit.split("-per-");
  if (amount !== undefined && per !== undefined && more.length === 0 && single(amount) && single(per)) return;
  throw new RangeError(`Invalid unit argument for Intl.NumberFormat() '${unit}'; Intl.supportedValuesOf("unit") lists them, and two of them make one with -per-.`);
}

function grouping(options: Record<string, unknown>, otherwise: string): string {
  const value = options.useGrouping;
  if (value === undefined) return otherwise;
  if (value === true) return "always";
  if (!value) return "false";
  const name = String(value);
  if (name === "true" || name === "false") return otherwise;
  return choice(options, "useGrouping", ["min2", "auto", "always"], "auto");
}

function core(tag: string, resolved: Resolved, digits: DigitOptions): Core {
  const options: NumberCoreOptions = {
    ...digits,
    style: resolved.style, currency: resolved.currency ?? "", unit: resolved.unit ?? "",
    width: resolved.style === "currency" ? resolved.currencyDisplay : resolved.unitDisplay,
    accounting: resolved.currencySign === "accounting", notation: resolved.notation, compactDisplay: resolved.compactDisplay,
    useGrouping: resolved.useGrouping, signDisplay: resolved.signDisplay, numbering: resolved.numberingSystem, ordinal: false,
  };
  return kept.get(`${tag} ${Object.values(options).join(" ")}`, () => {
    const made = intl.number(tag, options);
    if (made === undefined) throw new RangeError(`Intl has no names for the unit '${options.unit}' in '${tag}'.`);
    return made;
  });
}

/** ECMA-402's ToIntlMathematicalValue. */
export function exact(value: unknown): Exact {
  if (typeof value === "number") return value;
  const primitive = typeof value === "object" && value !== null ? primitiveOf(value) : value;
  if (typeof primitive === "bigint") return `${primitive}n`;
  if (typeof primitive !== "string") return Number(primitive);
  const trimmed = primitive.trim();
  // Decimal text keeps all of its digits; all other text is what it is as a number.
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) ? trimmed : Number(trimmed);
}

function primitiveOf(value: object): unknown {
  const convert = (value as { [Symbol.toPrimitive]?: (hint: string) => unknown })[Symbol.toPrimitive];
  if (convert !== undefined && convert !== null) return convert.call(value, "number");
  const plain: unknown = value.valueOf();
  return typeof plain === "object" && plain !== null ? String(value) : plain;
}

function ends(start: unknown, end: unknown): [Exact, Exact] {
  if (start === undefined || end === undefined) throw new TypeError("formatRange: start and end are needed.");
  const [first, second] = [exact(start), exact(end)];
  if (Number.isNaN(first) || Number.isNaN(second)) throw new RangeError("formatRange: an end of the range is not a number.");
  return [first, second];
}

/** Functions that getters hand out have no name. */
export function anonymous<F extends (...args: never[]) => unknown>(made: F): F {
  Object.defineProperty(made, "name", { value: "", configurable: true });
  return made;
}

const plainCores = new Kept<Core>();

/** `toLocaleString` of numbers and BigInts. */
export function localeText(value: Exact, locales: unknown, options: unknown): string {
  const simple = options === undefined && (locales === undefined || typeof locales === "string");
  const make = (): Core => prepare(locales, options).core;
  return intl.numberText(simple ? plainCores.get(locales ?? "", make) : make(), value);
}
