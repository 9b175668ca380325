// In: what a script gives for a duration. Out: its units as whole numbers, checked (ECMA-402, ToDurationRecord).
// May touch: nothing outside.
// Security boundary: no.

export const UNITS = [
  "years", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds",
] as const;

export type Unit = (typeof UNITS)[number];
export type Duration = Record<Unit, number>;

const NANOSECONDS: Partial<Record<Unit, bigint>> = {
  days: 86_400_000_000_000n, hours: 3_600_000_000_000n, minutes: 60_000_000_000n, seconds: 1_000_000_000n, milliseconds: 1_000_000n, microseconds: 1000n, nanoseconds: 1n,
};

export function durationOf(given: unknown): Duration {
  if (typeof given === "string") throw new RangeError("Intl.DurationFormat: a duration is an object like { hours: 1, minutes: 30 } here, no text.");
  if (typeof given !== "object" || given === null) throw new TypeError("Intl.DurationFormat: a duration is an object like { hours: 1, minutes: 30 }.");
  const duration = Object.fromEntries(UNITS.map((unit) => [unit, 0])) as Duration;
  let any = false;
  for (const unit of UNITS) {
    const value = (given as Record<string, unknown>)[unit];
    if (value === undefined) continue;
    any = true;
    const number = Number(value);
    if (!Number.isInteger(number)) throw new RangeError(`Intl.DurationFormat: ${unit} must be a whole number.`);
    duration[unit] = number;
  }
  if (!any) throw new TypeError(`Intl.DurationFormat: the duration has none of ${UNITS.join(", ")}.`);
  check(duration);
  return duration;
}

function check(duration: Duration): void {
  const signs = new Set(UNITS.map((unit) => Math.sign(duration[unit])).filter((sign) => sign !== 0));
  if (signs.size > 1) throw new RangeError("Intl.DurationFormat: all units must have the same sign.");
  const large = Math.max(...[duration.years, duration.months, duration.weeks].map(Math.abs)) >= 2 ** 32;
  if (large || abs(total(duration, "days")) >= 2n ** 53n * 1_000_000_000n) throw new RangeError("Intl.DurationFormat: the duration is too long.");
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** From `unit` on, in nanoseconds. */
function total(duration: Duration, unit: Unit): bigint {
  return UNITS.slice(UNITS.indexOf(unit)).reduce((sum, unit) => sum + BigInt(duration[unit]) * (NANOSECONDS[unit] ?? 0n), 0n);
}

/** The unit with all smaller ones as its fraction, exactly. */
export function secondsOf(duration: Duration, unit: Unit): string {
  const one = NANOSECONDS[unit] ?? 1n;
  const sum = total(duration, unit);
  const digits = String(one).length - 1;
  const fraction = digits === 0 ? "" : `.${String(abs(sum) % one).padStart(digits, "0")}`;
  return `${sum < 0n ? "-" : ""}${abs(sum) / one}${fraction}`;
}

export function signOf(duration: Duration): number {
  return UNITS.map((unit) => Math.sign(duration[unit])).find((sign) => sign !== 0) ?? 0;
}
