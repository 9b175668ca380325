// In: CLDR's numbers, currencies, units and lists of one locale. Out: lines of the sections numbers, currencies, units, lists.
// May touch: the CLDR packages, reading only.
// Security boundary: no.

import { main, supplemental } from "./cldr.mjs";
import { UNITS, currencies as current } from "./supplemental.mjs";

/** Order of the values of `symbols.*`; `number/symbols.rs` reads them by place. */
const SYMBOLS = [
  "decimal", "group", "percentSign", "plusSign", "minusSign", "approximatelySign", "exponential", "superscriptingExponent",
  "infinity", "nan", "currencyDecimal", "currencyGroup", "timeSeparator",
];

const digits = supplemental("numberingSystems").numberingSystems;

export function numbers(locale, lines) {
  const { numbers: all } = main("numbers", locale, "numbers");
  const own = all.defaultNumberingSystem;
  const native = all.otherNumberingSystems.native;
  lines.set("default", [own, native, all.minimumGroupingDigits]);
  for (const system of new Set(["latn", own, native])) {
    if (digits[system]?._type === "numeric" && all[`symbols-numberSystem-${system}`]) oneSystem(all, system, lines);
  }
}

function oneSystem(all, system, lines) {
  const part = (name) => all[`${name}-numberSystem-${system}`];
  const symbols = part("symbols");
  lines.set(`symbols.${system}`, SYMBOLS.map((name) => symbols[name] ?? ""));
  const currency = part("currencyFormats");
  const misc = part("miscPatterns");
  lines.set(`patterns.${system}`, [
    part("decimalFormats").standard, part("percentFormats").standard, part("scientificFormats").standard,
    currency.standard, currency.accounting, currency["standard-alphaNextToNumber"] ?? "",
    currency["accounting-alphaNextToNumber"] ?? "", misc.range, misc.approximately ?? "",
  ]);
  const { beforeCurrency: before, afterCurrency: after } = currency.currencySpacing;
  lines.set(`spacing.${system}`, [before.insertBetween, after.insertBetween]);
  lines.set(`unit.${system}`, counts(currency, "unitPattern-count-"));
  lines.set(`short.${system}`, compact(part("decimalFormats").short.decimalFormat));
  lines.set(`long.${system}`, compact(part("decimalFormats").long.decimalFormat));
  if (currency.short) lines.set(`money.${system}`, compact(currency.short.standard));
}

/** `count=pattern` for `other` and for every count that differs from it. */
function counts(from, prefix) {
  const other = from[`${prefix}other`];
  const found = [];
  for (const count of ["zero", "one", "two", "few", "many", "other", "0", "1"]) {
    const pattern = from[prefix + count];
    if (pattern !== undefined && (count === "other" || pattern !== other)) found.push(`${count}=${pattern}`);
  }
  return found;
}

/** The same with the power of ten before each: `3 other=0K`. Forms for letters next to digits are nobody's yet, ICU's neither. */
function compact(from) {
  const found = [];
  for (let power = 3; power < 16; power++) {
    for (const entry of counts(from, `1${"0".repeat(power)}-count-`)) found.push(`${power} ${entry}`);
  }
  return found;
}

export function currencies(locale, lines) {
  const { currencies: all } = main("numbers", locale, "currencies").numbers;
  for (const code of current()) {
    const currency = all[code] ?? {};
    const { symbol = "", displayName = "" } = currency;
    const narrow = currency["symbol-alt-narrow"] ?? "";
    const names = counts(currency, "displayName-count-").filter((entry) => entry !== `other=${displayName}`);
    const formal = currency["symbol-alt-formal"] ?? "";
    const line = [symbol === code ? "" : symbol, narrow === symbol ? "" : narrow, formal, displayName === code ? "" : displayName, ...names];
    if (line.some((value) => value !== "")) lines.set(code, line);
  }
}

export function units(locale, lines) {
  const all = main("units", locale, "units").units;
  for (const width of ["long", "short", "narrow"]) {
    const given = new Map(Object.entries(all[width]).map(([key, unit]) => [key.replace(/^[a-z0-9]+-/, ""), unit]));
    for (const name of UNITS) {
      const unit = given.get(name);
      const per = unit.perUnitPattern === undefined ? [] : [`per=${unit.perUnitPattern}`];
      lines.set(`${name}.${width}`, [...counts(unit, "unitPattern-count-"), ...per]);
    }
    lines.set(`per.${width}`, [all[width].per.compoundUnitPattern]);
  }
  for (const [width, name] of [["long", "hms"], ["short", "hm"], ["narrow", "ms"]]) {
    const pattern = all[`durationUnit-type-${name}`]?.durationUnitPattern;
    if (pattern !== undefined) lines.set(`clock.${name}`, [pattern]);
  }
}

const LISTS = {
  "conjunction.long": "standard", "conjunction.short": "standard-short", "conjunction.narrow": "standard-narrow",
  "disjunction.long": "or", "disjunction.short": "or-short", "disjunction.narrow": "or-narrow",
  "unit.long": "unit", "unit.short": "unit-short", "unit.narrow": "unit-narrow",
};

export function lists(locale, lines) {
  const { listPatterns } = main("misc", locale, "listPatterns");
  for (const [key, type] of Object.entries(LISTS)) {
    const { 2: two, start, middle, end } = listPatterns[`listPattern-type-${type}`];
    lines.set(key, [two, start, middle, end]);
  }
}
