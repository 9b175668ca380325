// In: the natives (intl/*.rs). Out: the same, typed, for the other `intl-*.ts`.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";

/** A formatter of the engine. Opaque: only the natives below take it. */
export type Core = object & { readonly core: unique symbol };

/** A number; text stands for what a number cannot hold, that of a BigInt has an `n` behind it. */
export type Exact = number | string;

export interface Part {
  type: string;
  value: string;
  source?: string;
  unit?: string;
}

/** What `NumberFormat` and `PluralRules` ask for, complete. */
export interface NumberCoreOptions {
  style: string;
  currency: string;
  unit: string;
  width: string;
  accounting: boolean;
  notation: string;
  compactDisplay: string;
  useGrouping: string;
  signDisplay: string;
  numbering: string;
  integerMin: number;
  fractionMin: number;
  fractionMax: number;
  significantMin: number;
  significantMax: number;
  priority: string;
  increment: number;
  mode: string;
  stripZeros: boolean;
  ordinal: boolean;
}

export interface DateCoreOptions {
  dateStyle: string | undefined;
  timeStyle: string | undefined;
  /** Letters of UTS 35 for the fields that are wanted; `j` for hours. */
  skeleton: string;
  hourCycle: string | undefined;
  hour12: boolean | undefined;
  numbering: string;
  timeZone: string;
}

export interface ComparerOptions {
  collation: string;
  sensitivity: string;
  numeric: boolean;
  caseFirst: string;
  ignorePunctuation: boolean;
}

export interface IntlNative {
  /** `undefined` for what is no language tag. */
  canonical(tag: string): string | undefined;
  maximized(tag: string): string | undefined;
  minimized(tag: string): string | undefined;
  rightToLeft(tag: string): boolean | undefined;
  /** The region of a tag, or the likely one. */
  region(tag: string): string;
  /** The locale with data that a tag without extensions means. */
  find(tag: string): string | undefined;
  languages(): string[];
  numbering(tag: string): string | undefined;
  /** A line of CLDR's that belongs to no locale; values have tabs between them. */
  common(section: string, key: string): string | undefined;
  commonKeys(section: string): string[];
  zonesVersion(): string;

  number(tag: string, options: NumberCoreOptions): Core | undefined;
  numberText(core: Core, value: Exact): string;
  numberParts(core: Core, value: Exact): Part[];
  numberRange(core: Core, start: Exact, end: Exact): string;
  numberRangeParts(core: Core, start: Exact, end: Exact): Part[];
  category(core: Core, value: Exact): string;
  categoryOfRange(core: Core, start: Exact, end: Exact): string;
  categories(core: Core): string[];
  currencyDigits(code: string): number;
  /** Between hours and minutes. */
  separator(tag: string, numbering: string): string;

  date(tag: string, options: DateCoreOptions): Core;
  dateText(core: Core, ms: number): string;
  dateParts(core: Core, ms: number): Part[];
  dateRange(core: Core, start: number, end: number): string;
  dateRangeParts(core: Core, start: number, end: number): Part[];
  /** Name, value, name, value, ... */
  dateComponents(core: Core): string[];
  /** The zone as the database spells it. */
  zone(name: string): string | undefined;
  zones(): string[];

  comparer(tag: string, options: ComparerOptions): Core | undefined;
  compare(core: Core, left: string, right: string): number;
  caseFirst(core: Core): string;
  collations(language: string): string[];
  relative(tag: string, style: string, words: boolean, numbering: string): Core;
  relativeText(core: Core, value: Exact, unit: string): string | undefined;
  relativeParts(core: Core, value: Exact, unit: string): Part[] | undefined;
  list(tag: string, key: string): Core;
  listText(core: Core, items: string[]): string;
  listParts(core: Core, items: string[]): Part[];
  name(tag: string, kind: string, style: string, dialect: boolean, code: string): string | undefined;
  /** Ends of the segments; those of words that are words have 0.5 added. */
  segment(text: string, granularity: string): number[];
  needsDictionary(text: string): string | undefined;
  upper(text: string, tag: string): string;
  lower(text: string, tag: string): string;
}

export const intl: IntlNative = (native as unknown as { intl: IntlNative }).intl;
