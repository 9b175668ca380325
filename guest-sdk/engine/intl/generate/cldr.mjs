// In: the CLDR packages in node_modules. Out: their JSON, and which locales and parents there are.
// May touch: node_modules, reading only.
// Security boundary: no; it runs by hand, before a release.

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const packages = dirname(dirname(createRequire(import.meta.url).resolve("cldr-core/package.json")));

export const { version } = read("cldr-core/package.json");

export function read(path) {
  return JSON.parse(readFileSync(join(packages, path), "utf8"));
}

/** One file of one locale, down to what is below its name. */
export function main(kind, locale, file) {
  return read(`cldr-${kind}-full/main/${locale}/${file}.json`).main[locale];
}

export function supplemental(file) {
  return read(`cldr-core/supplemental/${file}.json`).supplemental;
}

/** All locales that have dates in CLDR. */
export function localesIn() {
  return readdirSync(join(packages, "cldr-dates-full/main")).sort();
}

const parents = supplemental("parentLocales").parentLocales.parentLocale;

/** The locale whose data stands behind that of `locale`; `undefined` at the top. */
export function parentOf(locale) {
  const parent = parents[locale] ?? locale.replace(/-?[^-]*$/, "");
  return parent === "root" || parent === "und" || parent === "" ? undefined : parent;
}
