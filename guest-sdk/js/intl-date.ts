// In: Intl.DateTimeFormat and what calls it. Out: dates and times as people of a locale write them.
// May touch: the turn's clock, where no date is given.
// Security boundary: no.

import { intl, type Core, type DateCoreOptions, type Part } from "./intl-native.ts";
import { callable, Kept } from "./intl-class.ts";
import { canonicalList, checkNumbering, resolve, setting, shownTag, supportedLocalesOf } from "./intl-locales.ts";
import { anonymous } from "./intl-number.ts";
import { checkMatcher, choice, coerced, flag, matching, TYPE, whole } from "./intl-options.ts";

/** An isolate has no place, and so no zone of its own. */
export const DEFAULT_ZONE = "UTC";

const STYLES = ["full", "long", "medium", "short"] as const;
const CYCLES = ["h11", "h12", "h23", "h24"] as const;
const WORDS = { narrow: 5, short: 3, long: 4 };
const NUMBERS = { numeric: 1, "2-digit": 2 };

/** Option, letter of UTS 35, and how often it stands for each value. In the order in which options are read. */
const FIELDS: [name: string, letter: string, counts: Record<string, number>][] = [
  ["weekday", "E", WORDS], ["era", "G", WORDS], ["year", "y", NUMBERS], ["month", "M", { ...NUMBERS, ...WORDS }], ["day", "d", NUMBERS],
  ["dayPeriod", "B", { narrow: 5, short: 1, long: 4 }], ["hour", "j", NUMBERS], ["minute", "m", NUMBERS], ["second", "s", NUMBERS],
];
const ZONE_NAMES: Record<string, string> = {
  short: "z", long: "zzzz", shortOffset: "O", longOffset: "OOOO", shortGeneric: "v", longGeneric: "vvvv",
};

/** Which fields a caller means, and which it takes where none is named. */
type Scope = "date" | "time" | "any";
type Defaults = "date" | "time" | "all";

const OF_SCOPE: Record<Scope, string[]> = {
  date: ["weekday", "year", "month", "day"],
  time: ["dayPeriod", "hour", "minute", "second", "fractionalSecondDigits"],
  any: ["weekday", "year", "month", "day", "dayPeriod", "hour", "minute", "second", "fractionalSecondDigits"],
};

interface Resolved {
  locale: string;
  numberingSystem: string;
  timeZone: string;
  dateStyle: string | undefined;
  timeStyle: string | undefined;
}

const kept = new Kept<Core>();

class DateTimeFormatClass {
  #core: Core;
  #resolved: Resolved;
  #bound: ((date?: unknown) => string) | undefined;

  constructor(locales?: unknown, options?: unknown) {
    const { core, resolved } = prepare(locales, options, "any", "date");
    this.#core = core;
    this.#resolved = resolved;
  }

  get format(): (date?: unknown) => string {
    const core = this.#core;
    this.#bound ??= anonymous((date?: unknown) => intl.dateText(core, time(date)));
    return this.#bound;
  }

  formatToParts(date?: unknown): Part[] {
    return intl.dateParts(this.#core, time(date));
  }

  formatRange(start: unknown, end: unknown): string {
    return intl.dateRange(this.#core, ...ends(start, end));
  }

  formatRangeToParts(start: unknown, end: unknown): Part[] {
    return intl.dateRangeParts(this.#core, ...ends(start, end));
  }

  resolvedOptions(): object {
    const { locale, numberingSystem, timeZone, dateStyle, timeStyle } = this.#resolved;
    return { locale, calendar: "gregory", numberingSystem, timeZone, ...components(this.#core, dateStyle !== undefined || timeStyle !== undefined), ...given({ dateStyle, timeStyle }) };
  }
}

export const DateTimeFormat = callable(DateTimeFormatClass, "DateTimeFormat", { supportedLocalesOf });

function prepare(locales: unknown, bag: unknown, scope: Scope, defaults: Defaults): { core: Core; resolved: Resolved } {
  const requested = canonicalList(locales);
  const options = coerced(bag);
  checkMatcher(options);
  const calendar = matching(options, "calendar", TYPE)?.toLowerCase();
  const numbering = matching(options, "numberingSystem", TYPE)?.toLowerCase();
  const hour12 = flag(options, "hour12");
  const cycle = choice(options, "hourCycle", CYCLES, undefined);
  const found = resolve("DateTimeFormat", requested);
  const calendars = setting(found, "ca", calendar, "gregory", checkCalendar);
  const system = setting(found, "nu", numbering, intl.numbering(found.data) ?? "latn", checkNumbering);
  const cycles = setting(found, "hc", hour12 === undefined ? cycle : "", "", checkCycle);
  const timeZone = zone(options.timeZone);
  const fields = readFields(options);
  choice(options, "formatMatcher", ["basic", "best fit"], undefined);
  const dateStyle = choice(options, "dateStyle", STYLES, undefined);
  const timeStyle = choice(options, "timeStyle", STYLES, undefined);
  const styled = dateStyle !== undefined || timeStyle !== undefined;
  if (styled) checkStyled(fields, scope, dateStyle, timeStyle);
  const wanted: DateCoreOptions = {
    dateStyle, timeStyle, skeleton: styled ? "" : skeleton(fields, scope, defaults), hourCycle: cycles.value || undefined, hour12,
    numbering: system.value, timeZone,
  };
  const core = kept.get(`${found.data} ${Object.values(wanted).join(" ")}`, () => intl.date(found.data, wanted));
  return { core, resolved: { locale: shownTag(found, calendars, system, cycles), numberingSystem: system.value, timeZone, dateStyle, timeStyle } };
}

function checkCalendar(calendar: string): void {
  if (calendar === "gregory" || calendar === "gregorian") return;
  throw new RangeError(`Intl.DateTimeFormat has no data for the calendar '${calendar}'; it knows 'gregory' only.`);
}

function checkCycle(cycle: string): void {
  if (cycle !== "" && !(CYCLES as readonly string[]).includes(cycle)) throw new RangeError(`Invalid hourCycle: ${cycle}; it is one of: ${CYCLES.join(", ")}.`);
}

function zone(given: unknown): string {
  if (given === undefined) return DEFAULT_ZONE;
  const name = String(given);
  const found = intl.zone(name);
  if (found === undefined) throw new RangeError(`Invalid time zone specified: ${name}. It is a name of the IANA database ('Europe/Berlin'), 'UTC' or an offset ('+02:00').`);
  return found;
}

/** Letters of each field that is named. */
function readFields(options: Record<string, unknown>): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, letter, counts] of FIELDS) {
    const value = choice(options, name, Object.keys(counts), undefined);
    if (value !== undefined) found.set(name, letter.repeat(counts[value] as number));
  }
  const digits = whole(options.fractionalSecondDigits, "fractionalSecondDigits", 1, 3);
  if (digits !== undefined) found.set("fractionalSecondDigits", "S".repeat(digits));
  const zoneName = choice(options, "timeZoneName", Object.keys(ZONE_NAMES), undefined);
  if (zoneName !== undefined) found.set("timeZoneName", ZONE_NAMES[zoneName] as string);
  return found;
}

function checkStyled(fields: Map<string, string>, scope: Scope, dateStyle: unknown, timeStyle: unknown): void {
  const [first] = fields.keys();
  const style = dateStyle === undefined ? "timeStyle" : "dateStyle";
  if (first !== undefined) throw new TypeError(`Can't set option ${first} when ${style} is used`);
  if (scope === "date" && timeStyle !== undefined) throw new TypeError("toLocaleDateString takes no timeStyle; toLocaleString does.");
  if (scope === "time" && dateStyle !== undefined) throw new TypeError("toLocaleTimeString takes no dateStyle; toLocaleString does.");
}

function skeleton(fields: Map<string, string>, scope: Scope, defaults: Defaults): string {
  const named = [...fields.values()].join("");
  if (OF_SCOPE[scope].some((name) => fields.has(name))) return named;
  return named + (defaults === "time" ? "" : "yMd") + (defaults === "date" ? "" : "jms");
}

function components(core: Core, styled: boolean): object {
  const list = intl.dateComponents(core);
  const found: Record<string, unknown> = {};
  for (let at = 0; at < list.length; at += 2) found[list[at] as string] = list[at + 1];
  const { hourCycle, fractionalSecondDigits } = found as { hourCycle?: string; fractionalSecondDigits?: string };
  const clock = hourCycle === undefined ? {} : { hourCycle, hour12: hourCycle === "h11" || hourCycle === "h12" };
  if (styled) return clock;
  const { weekday, era, year, month, day, dayPeriod, hour, minute, second, timeZoneName } = found;
  const digits = fractionalSecondDigits === undefined ? undefined : Number(fractionalSecondDigits);
  return { ...clock, ...given({ weekday, era, year, month, day, dayPeriod, hour, minute, second, fractionalSecondDigits: digits, timeZoneName }) };
}

/** Without what is undefined. */
function given(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

const TIME_MAX_MS = 8.64e15;

function time(date: unknown): number {
  const ms = date === undefined ? Date.now() : Number(date);
  if (!(Math.abs(ms) <= TIME_MAX_MS)) throw new RangeError("Invalid time value");
  return Math.trunc(ms);
}

function ends(start: unknown, end: unknown): [number, number] {
  if (start === undefined || end === undefined) throw new TypeError("formatRange: start and end are needed.");
  const [first, second] = [Number(start), Number(end)];
  return [time(first), time(second)];
}

const plainCores = new Kept<Core>();

/** `toLocaleString` and its kin of dates. */
export function localeText(ms: number, locales: unknown, options: unknown, scope: Scope, defaults: Defaults): string {
  if (Number.isNaN(ms)) return "Invalid Date";
  const simple = options === undefined && (locales === undefined || typeof locales === "string");
  const make = (): Core => prepare(locales, options, scope, defaults).core;
  return intl.dateText(simple ? plainCores.get(`${defaults} ${locales ?? ""}`, make) : make(), ms);
}
