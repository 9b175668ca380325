// In: the options that say how many digits a number is shown with. Out: the same, resolved (SetNumberFormatDigitOptions).
// May touch: nothing outside.
// Security boundary: no.

import { choice, whole } from "./intl-options.ts";

export interface DigitOptions {
  integerMin: number;
  fractionMin: number;
  fractionMax: number;
  significantMin: number;
  significantMax: number;
  /** Which of the two counts. */
  priority: "fractionDigits" | "significantDigits" | "morePrecision" | "lessPrecision";
  increment: number;
  mode: string;
  stripZeros: boolean;
}

const INCREMENTS = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000];
const MODES = ["ceil", "floor", "expand", "trunc", "halfCeil", "halfFloor", "halfExpand", "halfTrunc", "halfEven"] as const;
const FRACTION_MAX = 100;
const SIGNIFICANT_MAX = 21;

export function digitOptions(options: Record<string, unknown>, fractionMin: number, fractionMax: number, notation: string): DigitOptions {
  const integerMin = whole(options.minimumIntegerDigits, "minimumIntegerDigits", 1, 21) ?? 1;
  const { minimumFractionDigits, maximumFractionDigits, minimumSignificantDigits, maximumSignificantDigits } = options;
  const increment = whole(options.roundingIncrement, "roundingIncrement", 1, 5000) ?? 1;
  if (!INCREMENTS.includes(increment)) throw new RangeError(`roundingIncrement value is out of range; it is one of: ${INCREMENTS.join(", ")}.`);
  const mode = choice(options, "roundingMode", MODES, "halfExpand");
  const priority = choice(options, "roundingPriority", ["auto", "morePrecision", "lessPrecision"], "auto");
  const stripZeros = choice(options, "trailingZeroDisplay", ["auto", "stripIfInteger"], "auto") === "stripIfInteger";
  const hasSignificant = minimumSignificantDigits !== undefined || maximumSignificantDigits !== undefined;
  const hasFraction = minimumFractionDigits !== undefined || maximumFractionDigits !== undefined;
  const needSignificant = priority !== "auto" || hasSignificant;
  const needFraction = priority !== "auto" || !(hasSignificant || (!hasFraction && notation === "compact"));
  const fallbackMax = increment === 1 ? fractionMax : fractionMin;

  let significant: [number, number] = [1, SIGNIFICANT_MAX];
  if (needSignificant && hasSignificant) {
    const min = whole(minimumSignificantDigits, "minimumSignificantDigits", 1, SIGNIFICANT_MAX) ?? 1;
    significant = [min, whole(maximumSignificantDigits, "maximumSignificantDigits", min, SIGNIFICANT_MAX) ?? SIGNIFICANT_MAX];
  }
  let fraction: [number, number] = [fractionMin, fallbackMax];
  if (needFraction && hasFraction) fraction = fractionBounds(minimumFractionDigits, maximumFractionDigits, fractionMin, fallbackMax);
  const short = !needSignificant && !needFraction;
  if (short) [fraction, significant] = [[0, 0], [1, 2]];
  const own = hasSignificant ? "significantDigits" : "fractionDigits";
  const made: DigitOptions = {
    integerMin, fractionMin: fraction[0], fractionMax: fraction[1], significantMin: significant[0], significantMax: significant[1],
    priority: short ? "morePrecision" : priority === "auto" ? own : priority, increment, mode, stripZeros,
  };
  checkIncrement(made);
  return made;
}

function fractionBounds(min: unknown, max: unknown, fallbackMin: number, fallbackMax: number): [number, number] {
  const least = whole(min, "minimumFractionDigits", 0, FRACTION_MAX);
  const most = whole(max, "maximumFractionDigits", 0, FRACTION_MAX);
  if (most === undefined) return [least as number, Math.max(fallbackMax, least as number)];
  if (least === undefined) return [Math.min(fallbackMin, most), most];
  if (least > most) throw new RangeError("maximumFractionDigits value is out of range: it is below minimumFractionDigits.");
  return [least, most];
}

function checkIncrement({ increment, priority, fractionMin, fractionMax }: DigitOptions): void {
  if (increment === 1) return;
  if (priority !== "fractionDigits") throw new TypeError("roundingIncrement goes with fraction digits only.");
  if (fractionMin !== fractionMax) throw new RangeError("roundingIncrement needs minimumFractionDigits and maximumFractionDigits to be the same.");
}

/** What `resolvedOptions` shows of them, in its two places. */
export function shownDigits(options: DigitOptions): { digits: object; rounding: object } {
  const { integerMin, fractionMin, fractionMax, significantMin, significantMax, priority, increment, mode, stripZeros } = options;
  const fraction = { minimumFractionDigits: fractionMin, maximumFractionDigits: fractionMax };
  const significant = { minimumSignificantDigits: significantMin, maximumSignificantDigits: significantMax };
  return {
    digits: {
      minimumIntegerDigits: integerMin,
      ...(priority === "significantDigits" ? {} : fraction), ...(priority === "fractionDigits" ? {} : significant),
    },
    rounding: {
      roundingIncrement: increment, roundingMode: mode,
      roundingPriority: priority === "morePrecision" || priority === "lessPrecision" ? priority : "auto",
      trailingZeroDisplay: stripZeros ? "stripIfInteger" : "auto",
    },
  };
}
