// In: a kind of case, and the cases of it: arguments and the expected text. Out: the cases that differ.
// May touch: nothing outside. Security boundary: no.

const WORDS = `a A á Á ä Ä å Å ae æ Æ ø Ø ö Ö oe o O z Z é e E è ñ n ñu nu ch c cz h i I ı İ ll l lz š s ś ss ß ž ź ż ł l' đ d ð þ y ý ü u û w v č ć dž lj nj α β Α а б в е ё и й ъ ы ґ г є і ї 1 2 10 10a 2a -a _a 'a a-b ab a b co-op coop resume résumé Resume RÉSUMÉ apple Äpfel Apfel aa Aachen Aarhus zebra Ångström Ö-land öland cote côte coté côté ø1 €5 $5 5 ١ 日本 日 本 一 二 三 中 国 啊 阿 あ ア い か が カ ガ きゃ 가 나 다 각 กก ขข अ आ א ב`.split(" ");

type Case = [args: any[], expected: string];

const KINDS: Record<string, (...args: any[]) => unknown> = {
  num: (locale, options, value) => new Intl.NumberFormat(locale, options).format(number(value)),
  numparts: (locale, options, value) => new Intl.NumberFormat(locale, options).formatToParts(number(value)),
  nrange: (locale, options, from, to) => new Intl.NumberFormat(locale, options).formatRange(number(from), number(to)),
  date: (locale, options, time) => new Intl.DateTimeFormat(locale, options).format(time),
  dateparts: (locale, options, time) => new Intl.DateTimeFormat(locale, options).formatToParts(time),
  range: (locale, options, from, to) => new Intl.DateTimeFormat(locale, { ...options, timeZone: "Europe/Berlin" }).formatRange(from, to),
  tls: (locale, options, time) => new Date(time).toLocaleString(locale, options ?? undefined),
  tlds: (locale, options, time) => new Date(time).toLocaleDateString(locale, options ?? undefined),
  tlts: (locale, options, time) => new Date(time).toLocaleTimeString(locale, options ?? undefined),
  zname: (locale, timeZone, timeZoneName, time) =>
    new Intl.DateTimeFormat(locale, { timeZone, timeZoneName, hour: "numeric" }).formatToParts(time).find((part) => part.type === "timeZoneName")!.value,
  plural: (locale, type, value) => new Intl.PluralRules(locale, typeof type === "string" ? { type } : type).select(number(value) as number),
  pluralrange: (locale, type, from, to) => (new Intl.PluralRules(locale, { type }) as any).selectRange(from, to),
  rel: (locale, numeric, style, value, unit) => new Intl.RelativeTimeFormat(locale, { numeric, style }).format(number(value) as number, unit),
  list: (locale, type, style, items) => new Intl.ListFormat(locale, { type, style }).format(items),
  dur: (locale, style, duration) => new (Intl as any).DurationFormat(locale, { style }).format(duration),
  names: (locale, type, style, languageDisplay, code) => new Intl.DisplayNames(locale, { type, style, languageDisplay }).of(code),
  case: (locale, word) => `${word.toLocaleUpperCase(locale)} ${word.toLocaleLowerCase(locale)}`,
  seg: (granularity, text) => [...new Intl.Segmenter("en", { granularity }).segment(text)],
  sorted: (locale, options) => WORDS.slice().sort(new Intl.Collator(locale, options).compare).join(" "),
};

/** What JSON cannot say is written as text. */
function number(value: unknown): number | bigint {
  return typeof value === "string" && value.endsWith("n") ? BigInt(value.slice(0, -1)) : Number(value);
}

/** Spaces and marks that look alike are told apart. */
function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\ufeff]/g,
    (found) => "\\u" + found.charCodeAt(0).toString(16).padStart(4, "0"));
}

function written(value: unknown): string {
  return visible(typeof value === "string" ? value : String(JSON.stringify(value)));
}

export default function ({ kind, cases }: { kind: string; cases: Case[] }) {
  const differing: string[] = [];
  for (const [args, expected] of cases) {
    let found: string;
    try {
      found = written(KINDS[kind]!(...args));
    } catch (error) {
      found = `threw ${error}`;
    }
    if (found !== expected) differing.push(`${kind} ${JSON.stringify(args)}: ${found}, not ${expected}`);
  }
  return { count: cases.length, differing };
}
