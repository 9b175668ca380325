// In: CLDR's names of languages, regions, scripts and calendars of one locale. Out: lines of the sections of their names.
// May touch: the CLDR packages, reading only.
// Security boundary: no.

import { main } from "./cldr.mjs";

export function languages(locale, lines) {
  const { languages: all } = main("localenames", locale, "languages").localeDisplayNames;
  plain(all, lines);
  const display = main("localenames", locale, "localeDisplayNames").localeDisplayNames;
  const { localePattern, localeSeparator } = display.localeDisplayPattern;
  lines.set("patterns", [localePattern, localeSeparator]);
}

export function regions(locale, lines) {
  plain(main("localenames", locale, "territories").localeDisplayNames.territories, lines);
}

export function scripts(locale, lines) {
  plain(main("localenames", locale, "scripts").localeDisplayNames.scripts, lines);
}

export function calendars(locale, lines) {
  const { calendar = {} } = main("localenames", locale, "localeDisplayNames").localeDisplayNames.types ?? {};
  plain(calendar, lines);
}

/** Short forms keep their mark; all other forms than the plain one are of no use here. */
function plain(all, lines) {
  for (const [code, name] of Object.entries(all)) {
    const [id, alternative] = code.split("-alt-");
    if (alternative === undefined || alternative === "short") {
      if (alternative !== undefined || name !== id) lines.set(alternative === undefined ? id : `${id}.${alternative}`, [name]);
    }
  }
}
