// In: CLDR's data that belongs to no locale. Out: lines of the sections of supplemental.txt.
// May touch: the CLDR packages, reading only.
// Security boundary: no.

import { read, supplemental } from "./cldr.mjs";
import { LANGUAGES, aliases } from "./locales.mjs";

/** The single units that ECMA-402 sanctions, and those pairs of them that CLDR has names of their own for. */
export const UNITS = [
  "acre", "bit", "byte", "celsius", "centimeter", "day", "degree", "fahrenheit", "fluid-ounce", "foot", "gallon", "gigabit",
  "gigabyte", "gram", "hectare", "hour", "inch", "kilobit", "kilobyte", "kilogram", "kilometer", "liter", "megabit", "megabyte",
  "meter", "microsecond", "mile", "mile-scandinavian", "milliliter", "millimeter", "millisecond", "minute", "month", "nanosecond",
  "ounce", "percent", "petabyte", "pound", "second", "stone", "terabit", "terabyte", "week", "yard", "year",
  "kilometer-per-hour", "meter-per-second", "mile-per-hour", "liter-per-kilometer", "mile-per-gallon",
];

/** Currencies that were money somewhere in or after this year have names here; older ones show their code. */
const SINCE = "1999";

export function currencies() {
  const { region } = supplemental("currencyData").currencyData;
  const current = new Set();
  for (const entries of Object.values(region)) {
    for (const entry of entries) {
      const [[code, { _to: to = "9999", _tender: tender }]] = Object.entries(entry);
      if (tender !== "false" && to >= SINCE) current.add(code);
    }
  }
  return [...current].sort();
}

export function sections(locales) {
  return {
    aliases: aliases(locales), plurals: plurals("plurals", "plurals-type-cardinal"), ordinals: plurals("ordinals", "plurals-type-ordinal"),
    ranges: ranges(), digits: digits(), symbols: SYMBOLS, fractions: fractions(), hours: hours(), periods: periods(), weeks: weeks(),
    calendars: calendars(), zones: zones(), metazones: metazones(), golden: golden(), units: new Map(UNITS.map((unit) => [unit, []])),
  };
}

function plurals(file, key) {
  const found = new Map();
  for (const [language, rules] of Object.entries(supplemental(file)[key])) {
    if (!LANGUAGES.includes(language) && language !== "pt-PT") continue;
    const lines = Object.entries(rules).map(([name, rule]) => [name.replace("pluralRule-count-", ""), rule.replace(/\s*@.*/, "").trim()]);
    found.set(language, lines.filter(([count]) => count !== "other").map(([count, rule]) => `${count}=${rule}`));
  }
  return found;
}

/** `start end` and the form of the whole, where that is not the form of the end. */
function ranges() {
  const found = new Map();
  for (const [language, rules] of Object.entries(supplemental("pluralRanges").plurals)) {
    if (!LANGUAGES.includes(language)) continue;
    const parts = Object.entries(rules).map(([key, form]) => [/start-(\w+)-end-(\w+)/.exec(key), form]);
    found.set(language, parts.map(([[, start, end], form]) => `${start} ${end}=${form}`));
  }
  return found;
}

function digits() {
  const all = Object.entries(supplemental("numberingSystems").numberingSystems);
  return new Map(all.filter(([, system]) => system._type === "numeric").map(([name, system]) => [name, [system._digits]]));
}

function fractions() {
  const { fractions: all } = supplemental("currencyData").currencyData;
  const current = currencies();
  const found = new Map(current.map((code) => [code, [all[code]?._digits ?? all.DEFAULT._digits]]));
  for (const [code, { _digits }] of Object.entries(all)) if (code !== "DEFAULT" && !found.has(code)) found.set(code, [_digits, "old"]);
  return found;
}

/** Region, or language and region: the letters of the hours in use, the preferred one first. */
function hours() {
  const all = Object.entries(supplemental("timeData").timeData);
  const own = ([key]) => !key.includes("-") || LANGUAGES.includes(key.split("-")[0]);
  return new Map(all.filter(own).map(([key, { _allowed, _preferred }]) => [key, [_preferred, ..._allowed.split(" ")]]));
}

function periods() {
  const found = new Map();
  for (const [language, rules] of Object.entries(supplemental("dayPeriods").dayPeriodRuleSet)) {
    if (!LANGUAGES.includes(language) && !language.startsWith("es-") && !language.startsWith("zh-")) continue;
    const hour = (time) => String(Number.parseInt(time, 10));
    found.set(language, Object.entries(rules).map(([name, { _at, _from, _before }]) =>
      _at === undefined ? `${name}=${hour(_from)} ${hour(_before)}` : `${name}=${hour(_at)}`));
  }
  return found;
}

const DAYS = ["", "mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** First day of the week, first and last day of the weekend; Monday is 1. */
function weeks() {
  const { firstDay, weekendStart, weekendEnd } = supplemental("weekData").weekData;
  const day = (from, region) => String(DAYS.indexOf(from[region] ?? from["001"]));
  const regions = new Set([firstDay, weekendStart, weekendEnd].flatMap((from) => Object.keys(from)));
  const plain = [...regions].filter((region) => !region.includes("-alt-"));
  return new Map(plain.map((region) => [region, [day(firstDay, region), day(weekendStart, region), day(weekendEnd, region)]]));
}

const CALENDAR_IDS = { gregorian: "gregory", "ethiopic-amete-alem": "ethioaa" };

function calendars() {
  const all = Object.entries(supplemental("calendarPreferenceData").calendarPreferenceData);
  return new Map(all.map(([region, list]) => [region, list.map((name) => CALENDAR_IDS[name] ?? name)]));
}

/** By CLDR's own name of each zone: its region, whether it stands for the region, and its other names. */
function zones() {
  const { tz } = read("cldr-bcp47/bcp47/timezone.json").keyword.u;
  const { primaryZones } = supplemental("primaryZones");
  const found = new Map();
  for (const [id, zone] of Object.entries(tz)) {
    if (typeof zone !== "object" || zone._deprecated || zone._alias === undefined) continue;
    const [name, ...others] = zone._alias.split(" ");
    const region = zone._region ?? (/^(utc|gmt|unk)/.test(id) ? "" : id.slice(0, 2).toUpperCase());
    found.set(name, [region, others.join(" "), zone._iana ?? ""]);
  }
  const inRegion = (region) => [...found.values()].filter(([other]) => other === region).length;
  for (const [name, [region, others, iana]] of found) {
    const primary = region !== "" && (primaryZones[region] === name || inRegion(region) === 1);
    found.set(name, [region, primary ? "primary" : "", iana, others]);
  }
  return found;
}

/** The metazones of a zone: name, from and to in minutes since 1970, and where they are given, the two offsets. */
function metazones() {
  const found = new Map();
  for (const [name, uses] of below(supplemental("metaZones").metaZones.metazoneInfo.timezone, "")) {
    found.set(name, uses.map(({ usesMetazone: use }) =>
      [use._mzone, minutes(use._from), minutes(use._to), use._stdOffset ?? "", use._dstOffset ?? ""].join(" ").trimEnd()));
  }
  return found;
}

function minutes(time) {
  return time === undefined ? "-" : String(Date.parse(`${time.replace(" ", "T")}Z`) / 60_000);
}

function* below(node, path) {
  for (const [name, child] of Object.entries(node)) {
    if (Array.isArray(child)) yield [path + name, child];
    else yield* below(child, `${path}${name}/`);
  }
}

/** The zone that a metazone means, in the world and in single regions. */
function golden() {
  const found = new Map();
  for (const { mapZone: map } of supplemental("metaZones").metaZones.metazones) {
    found.set(map._other, [...(found.get(map._other) ?? []), `${map._territory}=${map._type}`]);
  }
  return found;
}

/** What CLDR's root.xml has and its JSON has not: signs of Arabic digits in locales that do not write these themselves. */
const SYMBOLS = new Map([
  ["symbols.arab", ["\u066b", "\u066c", "\u066a\u061c", "\u061c+", "\u061c-", "~", "\u0623\u0633", "\u00d7", "\u221e", "NaN", "", "", ":"]],
  ["symbols.arabext", ["\u066b", "\u066c", "\u066a", "\u200e+\u200e", "\u200e-\u200e", "~", "\u00d7\u06f1\u06f0^", "\u00d7", "\u221e", "NaN", "", "", ":"]],
  ["patterns.arab", ["", "#,##0%", "", "#,##0.00\u00a0\u00a4", "#,##0.00\u00a0\u00a4"]],
]);
