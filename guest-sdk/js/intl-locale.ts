// In: Intl.Locale. Out: a language tag taken apart, and what CLDR knows of the place that it names.
// May touch: nothing outside.
// Security boundary: no.

import { intl } from "./intl-native.ts";
import { finish } from "./intl-class.ts";
import { canonical, extensionOf, plain, setTagOfLocale } from "./intl-locales.ts";
import { choice, coerced, flag, matching, TYPE } from "./intl-options.ts";

/** Option and key of the `-u-` extension. */
const KEYS = {
  calendar: "ca", collation: "co", firstDayOfWeek: "fw", hourCycle: "hc", caseFirst: "kf", numeric: "kn", numberingSystem: "nu",
} as const;
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"];

class LocaleClass {
  #tag: string;

  constructor(tag: unknown, given?: unknown) {
    if (typeof tag !== "string" && (typeof tag !== "object" || tag === null)) {
      throw new TypeError("First argument to Intl.Locale constructor can't be empty or missing");
    }
    const base = typeof tag === "object" ? (LocaleClass.tagOf(tag) ?? canonical(String(tag))) : canonical(tag);
    const options = coerced(given);
    this.#tag = withKeys(withSubtags(base, options), options);
  }

  static tagOf(value: object): string | undefined {
    return #tag in value ? (value as LocaleClass).#tag : undefined;
  }

  get baseName(): string { return plain(this.#tag); }
  get language(): string { return subtags(this.#tag).language; }
  get script(): string | undefined { return subtags(this.#tag).script; }
  get region(): string | undefined { return subtags(this.#tag).region; }
  get variants(): string | undefined { return subtags(this.#tag).variants; }
  get calendar(): string | undefined { return this.#key("ca"); }
  get collation(): string | undefined { return this.#key("co"); }
  get hourCycle(): string | undefined { return this.#key("hc"); }
  get caseFirst(): string | undefined { return this.#key("kf"); }
  get numeric(): boolean { return this.#key("kn") === "true"; }
  get numberingSystem(): string | undefined { return this.#key("nu"); }
  get firstDayOfWeek(): string | undefined { return this.#key("fw"); }

  maximize(): LocaleClass {
    return new LocaleClass(intl.maximized(this.#tag) ?? this.#tag);
  }

  minimize(): LocaleClass {
    return new LocaleClass(intl.minimized(this.#tag) ?? this.#tag);
  }

  getCalendars(): string[] {
    const own = this.#key("ca");
    return own !== undefined ? [own] : (this.#ofRegion("calendars") ?? "gregory").split("\t");
  }

  getCollations(): string[] {
    const own = this.#key("co");
    return own !== undefined ? [own] : [...new Set([...intl.collations(this.language), "emoji", "eor"])].sort();
  }

  getHourCycles(): string[] {
    const own = this.#key("hc");
    if (own !== undefined) return [own];
    const [preferred] = (this.#ofRegion("hours") ?? "H").split("\t");
    return [preferred?.startsWith("h") ? "h12" : preferred?.startsWith("K") ? "h11" : "h23"];
  }

  getNumberingSystems(): string[] {
    const own = this.#key("nu");
    const data = intl.find(plain(this.#tag));
    return [own ?? (data === undefined ? undefined : intl.numbering(data)) ?? "latn"];
  }

  getTimeZones(): string[] | undefined {
    const { region } = this;
    if (region === undefined) return undefined;
    return intl.commonKeys("zones").filter((zone) => intl.common("zones", zone)?.split("\t")[0] === region).sort();
  }

  getTextInfo(): object {
    const leftward = intl.rightToLeft(this.#tag);
    return { direction: leftward === undefined ? undefined : leftward ? "rtl" : "ltr" };
  }

  getWeekInfo(): object {
    const [first, start, end] = (this.#ofRegion("weeks") ?? "1\t6\t7").split("\t").map(Number) as [number, number, number];
    const weekend = [];
    for (let day = start; ; day = (day % 7) + 1) {
      weekend.push(day);
      if (day === end) break;
    }
    const own = DAYS.indexOf(this.#key("fw") ?? "", 1);
    return { firstDay: own > 0 ? own : first, weekend };
  }

  toString(): string {
    return this.#tag;
  }

  toJSON(): string {
    return this.#tag;
  }

  #key(key: string): string | undefined {
    return extensionOf(this.#tag).get(key);
  }

  #ofRegion(section: string): string | undefined {
    return intl.common(section, intl.region(plain(this.#tag))) ?? intl.common(section, "001");
  }
}

const { tagOf } = LocaleClass;
delete (LocaleClass as { tagOf?: unknown }).tagOf;
setTagOfLocale(tagOf);

export const Locale = finish(LocaleClass, "Locale");

interface Subtags {
  language: string;
  script?: string;
  region?: string;
  variants?: string;
}

function subtags(tag: string): Subtags {
  const found = /^(?<language>[a-z]{2,8})(-(?<script>[A-Z][a-z]{3}))?(-(?<region>[A-Z]{2}|\d{3}))?(-(?<variants>.*))?$/.exec(plain(tag));
  return { language: "und", ...(found?.groups as Partial<Subtags> | undefined) };
}

/** The tag with its language, script, region and variants replaced by what the options say. */
function withSubtags(tag: string, options: Record<string, unknown>): string {
  const language = matching(options, "language", /^([a-z]{2,3}|[a-z]{5,8})$/i);
  const script = matching(options, "script", /^[a-z]{4}$/i);
  const region = matching(options, "region", /^([a-z]{2}|\d{3})$/i);
  const variants = matching(options, "variants", /^([a-z\d]{5,8}|\d[a-z\d]{3})(-([a-z\d]{5,8}|\d[a-z\d]{3}))*$/i);
  if (language === undefined && script === undefined && region === undefined && variants === undefined) return tag;
  const own = subtags(tag);
  const base = [language ?? own.language, script ?? own.script, region ?? own.region, variants ?? own.variants];
  return canonical(base.filter((subtag) => subtag !== undefined).join("-") + tag.slice(plain(tag).length));
}

/** The tag with the keys of its `-u-` extension replaced by what the options say. */
function withKeys(tag: string, options: Record<string, unknown>): string {
  const wanted: Record<keyof typeof KEYS, string | undefined> = {
    calendar: matching(options, "calendar", TYPE), collation: matching(options, "collation", TYPE), firstDayOfWeek: firstDay(options),
    hourCycle: choice(options, "hourCycle", ["h11", "h12", "h23", "h24"], undefined),
    caseFirst: choice(options, "caseFirst", ["upper", "lower", "false"], undefined), numeric: flag(options, "numeric")?.toString(),
    numberingSystem: matching(options, "numberingSystem", TYPE),
  };
  const changed = Object.entries(wanted).filter(([, value]) => value !== undefined);
  if (changed.length === 0) return tag;
  const keys = extensionOf(tag);
  for (const [name, value] of changed) keys.set(KEYS[name as keyof typeof KEYS], value as string);
  const extension = [...keys].sort(([left], [right]) => (left < right ? -1 : 1)).map(([key, value]) => (value === "true" ? key : `${key}-${value}`));
  const rest = tag.replace(/-u(-(?!.-)[a-z\d]{2,8})+(?=-|$)/, "");
  const end = rest.search(/-[a-tv-z\d]-/);
  const [before, after] = end < 0 ? [rest, ""] : [rest.slice(0, end), rest.slice(end)];
  return canonical(after.startsWith("-t-") ? `${rest}-u-${extension.join("-")}` : `${before}-u-${extension.join("-")}${after}`);
}

function firstDay(options: Record<string, unknown>): string | undefined {
  const value = options.firstDayOfWeek;
  if (value === undefined) return undefined;
  const text = String(value);
  const name = /^[0-7]$/.test(text) ? (DAYS[Number(text)] as string) : text;
  if (!TYPE.test(name)) throw new RangeError(`Invalid firstDayOfWeek: ${text}`);
  return name.toLowerCase();
}
