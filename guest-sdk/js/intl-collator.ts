// In: Intl.Collator and localeCompare. Out: the order of two strings in a language.
// May touch: nothing outside.
// Security boundary: no.

import { intl, type ComparerOptions, type Core } from "./intl-native.ts";
import { callable, Kept } from "./intl-class.ts";
import { canonicalList, resolve, setting, shownTag, supportedLocalesOf } from "./intl-locales.ts";
import { anonymous } from "./intl-number.ts";
import { checkMatcher, choice, coerced, flag, matching, TYPE } from "./intl-options.ts";

interface Resolved extends ComparerOptions {
  locale: string;
}

const kept = new Kept<Core>();

class CollatorClass {
  #core: Core;
  #resolved: Resolved;
  #bound: ((left?: unknown, right?: unknown) => number) | undefined;

  constructor(locales?: unknown, options?: unknown) {
    const { core, resolved } = prepare(locales, options);
    this.#core = core;
    this.#resolved = resolved;
  }

  get compare(): (left?: unknown, right?: unknown) => number {
    const core = this.#core;
    this.#bound ??= anonymous((left?: unknown, right?: unknown) => intl.compare(core, String(left), String(right)));
    return this.#bound;
  }

  resolvedOptions(): object {
    const { locale, sensitivity, ignorePunctuation, collation, numeric } = this.#resolved;
    const caseFirst = intl.caseFirst(this.#core);
    return { locale, usage: "sort", sensitivity, ignorePunctuation, collation: collation || "default", numeric, caseFirst };
  }
}

export const Collator = callable(CollatorClass, "Collator", { supportedLocalesOf });

function prepare(locales: unknown, given: unknown): { core: Core; resolved: Resolved } {
  const requested = canonicalList(locales);
  const options = coerced(given);
  if (choice(options, "usage", ["sort", "search"], "sort") === "search") {
    throw new RangeError("Intl.Collator has no data for usage 'search'; leave usage out and set sensitivity ('base' finds letters whatever their accents and case).");
  }
  checkMatcher(options);
  const collation = matching(options, "collation", TYPE)?.toLowerCase();
  const numeric = flag(options, "numeric");
  const caseFirst = choice(options, "caseFirst", ["upper", "lower", "false"], undefined);
  const found = resolve("Collator", requested);
  const language = found.data.split("-")[0] as string;
  const kinds = setting(found, "co", collation, "", (kind) => checkKind(language, kind));
  const numbers = setting(found, "kn", numeric === undefined ? undefined : String(numeric), "false", checkFlag);
  const cases = setting(found, "kf", caseFirst, "", checkCase);
  const sensitivity = choice(options, "sensitivity", ["base", "accent", "case", "variant"], "variant");
  const wanted = {
    collation: kinds.value === "standard" || kinds.value === "default" ? "" : kinds.value, sensitivity, numeric: numbers.value === "true",
    caseFirst: cases.value, ignorePunctuation: flag(options, "ignorePunctuation") ?? false,
  };
  return { core: comparer(found.data, wanted), resolved: { locale: shownTag(found, kinds, numbers, cases), ...wanted } };
}

function comparer(tag: string, wanted: ComparerOptions): Core {
  return kept.get(`${tag} ${Object.values(wanted).join(" ")}`, () => {
    const made = intl.comparer(tag, wanted);
    if (made === undefined) {
      throw new RangeError(`Intl.Collator has no data for the order of '${tag}'; there is some for its other services.`);
    }
    return made;
  });
}

function checkKind(language: string, kind: string): void {
  const own = intl.collations(language);
  if (kind === "standard" || kind === "default" || own.includes(kind)) return;
  const known = own.length === 0 ? "it has the standard one only" : `it has ${own.join(", ")} beside the standard one`;
  throw new RangeError(`Intl.Collator has no collation '${kind}' for '${language}': ${known}.`);
}

function checkFlag(value: string): void {
  if (value !== "true" && value !== "false") throw new RangeError(`Invalid value '${value}' of the extension key kn: it is true or false.`);
}

function checkCase(value: string): void {
  if (!["upper", "lower", "false"].includes(value)) throw new RangeError(`Invalid value '${value}' of the extension key kf: it is upper, lower or false.`);
}

const plainCores = new Kept<Core>();

/** `localeCompare`. Called by sorts without end: the plain cases and those with the same few options cost little. */
export function compare(left: string, right: string, locales: unknown, options: unknown): number {
  const simple = options === undefined && (locales === undefined || typeof locales === "string");
  const make = (): Core => prepare(locales, options).core;
  return intl.compare(simple ? plainCores.get(locales ?? "", make) : make(), left, right);
}
