// In: the options of Intl.DurationFormat. Out: style and display of every unit (ECMA-402, GetDurationUnitOptions).
// May touch: nothing outside.
// Security boundary: no.

import { choice } from "./intl-options.ts";
import { UNITS, type Unit } from "./intl-duration-record.ts";

export interface UnitOptions {
  style: string;
  display: "auto" | "always";
}

const WORDS = ["long", "short", "narrow"];
const CLOCK = ["hours", "minutes", "seconds"];
const PARTS = ["milliseconds", "microseconds", "nanoseconds"];

export function unitOptions(options: Record<string, unknown>, base: string): Record<Unit, UnitOptions> {
  const found = {} as Record<Unit, UnitOptions>;
  let previous = "";
  for (const unit of UNITS) {
    found[unit] = one(options, unit, base, previous);
    if (CLOCK.includes(unit) || PARTS.includes(unit)) previous = found[unit].style;
  }
  return found;
}

function one(options: Record<string, unknown>, unit: Unit, base: string, previous: string): UnitOptions {
  const allowed = CLOCK.includes(unit) ? [...WORDS, "numeric", "2-digit"] : PARTS.includes(unit) ? [...WORDS, "numeric"] : WORDS;
  let style = choice(options, unit, allowed, undefined) as string | undefined;
  let display: "auto" | "always" = "always";
  const onClock = previous === "numeric" || previous === "2-digit" || previous === "fractional";
  if (style === undefined && base === "digital") {
    if (!CLOCK.includes(unit)) display = "auto";
    style = CLOCK.includes(unit) || PARTS.includes(unit) ? "numeric" : "short";
  } else if (style === undefined) {
    if (!(onClock && (unit === "minutes" || unit === "seconds"))) display = "auto";
    style = onClock ? "numeric" : base;
  }
  if (style === "numeric" && PARTS.includes(unit)) {
    style = "fractional";
    display = "auto";
  }
  display = choice(options, `${unit}Display`, ["auto", "always"], display);
  check(unit, style, display, previous);
  if ((unit === "minutes" || unit === "seconds") && (previous === "numeric" || previous === "2-digit")) style = "2-digit";
  return { style, display };
}

function check(unit: Unit, style: string, display: string, previous: string): void {
  const bad = (why: string): never => {
    throw new RangeError(`Intl.DurationFormat: ${unit} cannot be '${style}' ${why}.`);
  };
  if (style === "fractional" && display === "always") bad("and always be shown");
  if (previous === "fractional" && style !== "fractional") bad("behind a fraction");
  const clock = ["numeric", "2-digit", "fractional"];
  if ((previous === "numeric" || previous === "2-digit") && !clock.includes(style)) bad("behind a unit in digits");
}
