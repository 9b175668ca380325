// In: CLDR, through the other files here. Out: ../data: a file for each language and one for what belongs to none.
// May touch: ../data, which it empties first.
// Security boundary: no.
//
// A file holds locales (`= de-AT < de`: de-AT, which has what de has but for the lines that follow), a locale sections
// (`[numbers]`), a section lines: a key and its values, with tabs between. A key alone says that its parent's is void.
// Characters that nobody sees are written as \uXXXX.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { parentOf, version } from "./cldr.mjs";
import { dates, fields, zones } from "./dates.mjs";
import { locales } from "./locales.mjs";
import { calendars, languages, regions, scripts } from "./names.mjs";
import { currencies, lists, numbers, units } from "./numbers.mjs";
import { sections } from "./supplemental.mjs";

const SECTIONS = { numbers, currencies, units, lists, dates, fields, zones, languages, regions, scripts, calendars };
const DATA = new URL("../data/", import.meta.url);
const HEADER = `# Of CLDR ${version} (Unicode-3.0), by generate/generate.mjs. Not to be edited.\n`;

rmSync(DATA, { recursive: true, force: true });
mkdirSync(DATA);
const all = locales();
const files = new Map();
const done = new Map();
for (const locale of all) {
  const made = make(locale);
  done.set(locale, made);
  const parent = parentOf(locale);
  const file = parent === undefined ? locale : fileOf(locale);
  files.set(file, (files.get(file) ?? HEADER) + write(locale, parent, made, done.get(parent)));
}
for (const [name, text] of files) writeFileSync(new URL(`${name}.txt`, DATA), text);
const common = Object.entries(sections(all)).map(([name, lines]) => section(name, joined(lines), new Map()));
writeFileSync(new URL("supplemental.txt", DATA), HEADER + common.join(""));

function fileOf(locale) {
  const parent = parentOf(locale);
  return parent === undefined ? locale : fileOf(parent);
}

/** All sections of a locale, complete. */
function make(locale) {
  const made = {};
  for (const [name, fill] of Object.entries(SECTIONS)) {
    const lines = new Map();
    fill(locale, lines);
    made[name] = joined(lines);
  }
  return made;
}

function joined(lines) {
  const line = (values) => [values].flat().join("\t").replace(/\t+$/, "");
  return new Map([...lines].map(([key, values]) => [key, visible(line(values))]));
}

function visible(text) {
  const code = (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return text.replace(/[\\\u00a0\u00ad\u061c\u2000-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g, code);
}

function write(locale, parent, made, base) {
  const head = `= ${locale}${parent === undefined ? "" : ` < ${parent}`}\n`;
  return head + Object.entries(made).map(([name, lines]) => section(name, lines, base?.[name] ?? new Map())).join("");
}

function section(name, lines, base) {
  const changed = [...lines].filter(([key, value]) => base.get(key) !== value).map(([key, value]) => (value === "" ? key : `${key}\t${value}`));
  const gone = [...base.keys()].filter((key) => !lines.has(key));
  const text = [...changed, ...gone].sort();
  return text.length === 0 ? "" : `[${name}]\n${text.join("\n")}\n`;
}
