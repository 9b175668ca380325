// In: CLDR's lists of locales. Out: the languages that the engine carries, their locales, and other names of the same.
// May touch: the CLDR packages, reading only.
// Security boundary: no.

import { read, localesIn, parentOf, supplemental } from "./cldr.mjs";

/** What each costs is a dozen kilobytes of the engine. Regions and scripts of a language come with it. */
export const LANGUAGES = [
  "bg", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hr", "hu", "id", "it", "ja", "ko", "nb", "nl", "nn", "no",
  "pl", "pt", "ro", "ru", "sk", "sl", "sv", "tr", "uk", "vi", "zh",
];

const known = read("cldr-core/coverageLevels.json").effectiveCoverageLevels;
const likely = supplemental("likelySubtags").likelySubtags;
const contents = read("cldr-core/defaultContent.json").defaultContent;

/** Not in ICU either. */
const LEFT_OUT = ["ca-ES-valencia", "el-polyton", "hi-Latn", "nb-SJ"];

/** Locales with data, parents before their children. */
export function locales() {
  const found = [];
  const add = (locale) => {
    const parent = parentOf(locale);
    if (parent !== undefined && !found.includes(parent)) add(parent);
    if (!found.includes(locale)) found.push(locale);
  };
  for (const locale of localesIn()) {
    if (carried(locale) && locale in known && !LEFT_OUT.includes(locale)) add(locale);
  }
  return found;
}

function carried(locale) {
  return LANGUAGES.includes(locale.split("-")[0]);
}

/** `[other name, locale with the data]`: en-US is en, zh-TW is zh-Hant. */
export function aliases(all) {
  const found = new Map();
  for (const tag of contents) {
    if (!carried(tag) || all.includes(tag)) continue;
    const data = tag.replace(/-[^-]*$/, "");
    if (all.includes(data)) found.set(tag, data);
  }
  for (const tag of [...all, ...found.keys()]) {
    const [language, script, region] = tag.split("-");
    if (region === undefined || script.length !== 4) continue;
    const short = `${language}-${region}`;
    const maximal = likely[short] ?? likely[language].replace(/-[^-]*$/, `-${region}`);
    if (maximal === tag && !all.includes(short)) found.set(short, found.get(tag) ?? tag);
  }
  return found;
}
