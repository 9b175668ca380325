// In: Intl.DurationFormat. Out: "1 hr, 2 min", "1:02:03".
// May touch: nothing outside.
// Security boundary: no.

import { intl, type Exact, type Part } from "./intl-native.ts";
import { finish } from "./intl-class.ts";
import { type Duration, durationOf, secondsOf, signOf, UNITS, type Unit } from "./intl-duration-record.ts";
import { type UnitOptions, unitOptions } from "./intl-duration-options.ts";
import { ListFormat } from "./intl-list.ts";
import { canonicalList, checkNumbering, resolve, setting, shownTag, supportedLocalesOf } from "./intl-locales.ts";
import { NumberFormat } from "./intl-number.ts";
import { asObject, checkMatcher, choice, matching, TYPE, whole } from "./intl-options.ts";

const CLOCK: readonly string[] = ["numeric", "2-digit"];

class DurationFormatClass {
  #data: string;
  #units: Record<Unit, UnitOptions>;
  #resolved: { locale: string; numberingSystem: string; style: string };
  #fraction: number | undefined;

  constructor(locales?: unknown, given?: unknown) {
    const requested = canonicalList(locales);
    const options = asObject(given);
    checkMatcher(options);
    const numbering = matching(options, "numberingSystem", TYPE)?.toLowerCase();
    const found = resolve("DurationFormat", requested);
    const system = setting(found, "nu", numbering, intl.numbering(found.data) ?? "latn", checkNumbering);
    const style = choice(options, "style", ["long", "short", "narrow", "digital"], "short");
    this.#data = found.data;
    this.#units = unitOptions(options, style);
    this.#fraction = whole(options.fractionalDigits, "fractionalDigits", 0, 9);
    this.#resolved = { locale: shownTag(found, system), numberingSystem: system.value, style };
  }

  format(duration: unknown): string {
    return this.#parts(duration).map(({ value }) => value).join("");
  }

  formatToParts(duration: unknown): Part[] {
    return this.#parts(duration);
  }

  resolvedOptions(): object {
    const units = UNITS.flatMap((unit) => {
      const { style, display } = this.#units[unit];
      return [[unit, style === "fractional" ? "numeric" : style], [`${unit}Display`, display]];
    });
    const digits = this.#fraction === undefined ? {} : { fractionalDigits: this.#fraction };
    return { ...this.#resolved, ...(Object.fromEntries(units) as object), ...digits };
  }

  #parts(given: unknown): Part[] {
    const duration = durationOf(given);
    const groups: Part[][] = [];
    // The first number that is shown carries the sign of all.
    let sign: "auto" | "never" = "auto";
    for (const [at, unit] of UNITS.entries()) {
      const { style, display } = this.#units[unit];
      if (CLOCK.includes(style)) {
        const clock = this.#clock(duration, unit, sign);
        if (clock.length > 0) groups.push(clock);
        break;
      }
      if (style === "fractional") break;
      const next = UNITS[at + 1];
      const last = next !== undefined && this.#units[next].style === "fractional";
      const value = last ? secondsOf(duration, unit) : duration[unit];
      if (display === "always" || Number(value) !== 0) {
        groups.push(this.#number(unit, negativeZero(value, sign, duration), { style: "unit", unit: unit.slice(0, -1), unitDisplay: style, signDisplay: sign, ...(last ? this.#fractions() : {}) }));
        sign = "never";
      }
      if (last) break;
    }
    return this.#joined(groups);
  }

  /** "1:02:03". */
  #clock(duration: Duration, first: Unit, sign: "auto" | "never"): Part[] {
    const from = UNITS.indexOf(first);
    const values = { hours: duration.hours, minutes: duration.minutes, seconds: secondsOf(duration, "seconds") };
    const wanted = (unit: "hours" | "minutes" | "seconds"): boolean =>
      UNITS.indexOf(unit) >= from && (Number(values[unit]) !== 0 || this.#units[unit].display === "always");
    const [hours, seconds] = [wanted("hours"), wanted("seconds")];
    const minutes = UNITS.indexOf("minutes") >= from && (wanted("minutes") || (hours && seconds));
    const parts: Part[] = [];
    for (const [unit, shown] of [["hours", hours], ["minutes", minutes], ["seconds", seconds]] as const) {
      if (!shown) continue;
      if (parts.length > 0) parts.push({ type: "literal", value: intl.separator(this.#data, this.#resolved.numberingSystem) });
      const digits = this.#units[unit].style === "2-digit" ? { minimumIntegerDigits: 2 } : {};
      const fraction = unit === "seconds" ? this.#fractions() : {};
      parts.push(...this.#number(unit, negativeZero(values[unit], sign, duration), { useGrouping: false, signDisplay: sign, ...digits, ...fraction }));
      sign = "never";
    }
    return parts;
  }

  #fractions(): object {
    const [min, max] = this.#fraction === undefined ? [0, 9] : [this.#fraction, this.#fraction];
    return { minimumFractionDigits: min, maximumFractionDigits: max, roundingMode: "trunc" };
  }

  #number(unit: Unit, value: Exact, options: object): Part[] {
    const format = new NumberFormat(this.#data, { numberingSystem: this.#resolved.numberingSystem, ...options });
    return format.formatToParts(value).map((part) => ({ ...part, unit: unit.slice(0, -1) }));
  }

  #joined(groups: Part[][]): Part[] {
    const style = this.#resolved.style === "digital" ? "short" : this.#resolved.style;
    const texts = groups.map((parts) => parts.map(({ value }) => value).join(""));
    const list = new ListFormat(this.#data, { type: "unit", style });
    let at = 0;
    return list.formatToParts(texts).flatMap((part) => (part.type === "element" ? (groups[at++] as Part[]) : [part]));
  }
}

export const DurationFormat = finish(DurationFormatClass, "DurationFormat", { supportedLocalesOf });

/** A negative duration that begins with a zero shows its sign there. */
function negativeZero(value: Exact, sign: string, duration: Duration): Exact {
  return sign === "auto" && Number(value) === 0 && signOf(duration) < 0 ? -0 : value;
}
