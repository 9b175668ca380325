// In: CLDR's Gregorian calendar, date fields and time zone names of one locale. Out: the sections dates, fields and zones.
// May touch: the CLDR packages, reading only.
// Security boundary: no.

import { main } from "./cldr.mjs";

const WIDTHS = { abbreviated: "a", wide: "w", narrow: "n" };
const LENGTHS = ["full", "long", "medium", "short"];

export function dates(locale, lines) {
  const { gregorian } = main("dates", locale, "ca-gregorian").dates.calendars;
  names(gregorian.months, "month", lines);
  names(gregorian.days, "day", lines);
  for (const [key, from] of [["w", "eraNames"], ["a", "eraAbbr"], ["n", "eraNarrow"]]) {
    lines.set(`era.${key}`, [gregorian.eras[from][0], gregorian.eras[from][1]]);
  }
  for (const [width, key] of Object.entries(WIDTHS)) {
    const periods = Object.entries(gregorian.dayPeriods.format[width]).filter(([name]) => !name.includes("-alt-"));
    lines.set(`period.${key}`, periods.map(([name, text]) => `${name}=${text}`));
  }
  lines.set("style.date", LENGTHS.map((length) => text(gregorian.dateFormats[length])));
  lines.set("style.time", LENGTHS.map((length) => text(gregorian.timeFormats[length])));
  lines.set("glue.plain", LENGTHS.map((length) => text(gregorian.dateTimeFormats[length])));
  lines.set("glue.at", LENGTHS.map((length) => text(gregorian["dateTimeFormats-atTime"].standard[length])));
  const { availableFormats, appendItems, intervalFormats } = gregorian.dateTimeFormats;
  for (const [skeleton, pattern] of Object.entries(availableFormats)) {
    if (!/[QWw]|-alt-|-count-/.test(skeleton)) lines.set(`a.${skeleton}`, [pattern]);
  }
  for (const [field, pattern] of Object.entries(appendItems)) lines.set(`append.${field}`, [pattern]);
  for (const [skeleton, patterns] of Object.entries(intervalFormats)) {
    if (skeleton === "intervalFormatFallback") lines.set("interval", [patterns]);
    else if (!/[QWw]/.test(skeleton)) lines.set(`i.${skeleton}`, differences(patterns));
  }
}

function text(pattern) {
  return typeof pattern === "string" ? pattern : pattern._value;
}

function names(all, key, lines) {
  for (const [width, short] of Object.entries(WIDTHS)) {
    const format = Object.values(all.format[width]);
    const alone = Object.values(all["stand-alone"][width]);
    lines.set(`${key}.${short}`, format);
    if (String(alone) !== String(format)) lines.set(`${key}.${short}.alone`, alone);
  }
}

function differences(patterns) {
  return Object.entries(patterns).filter(([field]) => !field.includes("-alt-")).map(([field, pattern]) => `${field}=${pattern}`);
}

const UNITS = ["year", "quarter", "month", "week", "day", "hour", "minute", "second"];

/** Names of fields, and the words of relative time. */
export function fields(locale, lines) {
  const { fields: all } = main("dates", locale, "dateFields").dates;
  for (const [name, field] of Object.entries(all)) {
    const [unit, style = "long"] = name.split("-");
    if (UNITS.includes(unit)) relative(`${unit}.${style}`, field, lines);
    if (field.displayName !== undefined) lines.set(`name.${unit}.${style}`, [field.displayName]);
  }
}

function relative(key, field, lines) {
  const found = [];
  for (const [name, value] of Object.entries(field)) {
    const word = /^relative-type-(-?\d)$/.exec(name);
    if (word) found.push(`${word[1]}=${value}`);
  }
  for (const direction of ["past", "future"]) {
    const patterns = field[`relativeTime-type-${direction}`];
    const other = patterns["relativeTimePattern-count-other"];
    for (const [name, pattern] of Object.entries(patterns)) {
      const count = name.replace("relativeTimePattern-count-", "");
      if (count === "other" || pattern !== other) found.push(`${direction}.${count}=${pattern}`);
    }
  }
  lines.set(key, found);
}

export function zones(locale, lines) {
  const { timeZoneNames: all } = main("dates", locale, "timeZoneNames").dates;
  lines.set("formats", [
    all.hourFormat, all.gmtFormat, all.gmtZeroFormat, all.regionFormat, all["regionFormat-type-standard"],
    all["regionFormat-type-daylight"], all.fallbackFormat,
  ]);
  for (const [name, zone] of leaves(all.zone, "")) set(lines, `z.${name}`, [exemplar(name, zone), ...zoneNames(zone)]);
  for (const [name, metazone] of Object.entries(all.metazone ?? {})) set(lines, `m.${name}`, zoneNames(metazone));
}

function set(lines, key, values) {
  if (values.some((value) => value !== "")) lines.set(key, values);
}

/** The city, unless it can be read off the zone's own name. */
function exemplar(name, zone) {
  const city = zone.exemplarCity ?? "";
  return city === name.replace(/^.*\//, "").replaceAll("_", " ") ? "" : city;
}

function zoneNames(zone) {
  const one = (length, kind) => zone[length]?.[kind]?.replace("∅∅∅", "") ?? "";
  return ["long", "short"].flatMap((length) => ["generic", "standard", "daylight"].map((kind) => one(length, kind)));
}

/** Zone names are nested by their slashes. */
function* leaves(node, path) {
  for (const [name, below] of Object.entries(node)) {
    if (name.startsWith("_")) continue;
    const isZone = below._type === "zone" || ["exemplarCity", "long", "short"].some((key) => key in below);
    if (isZone) yield [path + name, below];
    else yield* leaves(below, `${path}${name}/`);
  }
}
