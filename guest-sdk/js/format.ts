// In: the arguments of one console call. Out: its text.
// May touch: what `inspect` touches; `toString` and `toJSON` of values under `%s` and `%j`.
// Security boundary: no.

import { inherited } from "./classes.ts";
import { inspect } from "./inspect.ts";

/** Joined by spaces; `%s` and its kin in a first text are replaced, as the console standard and Node have it. */
export function format(args: unknown[]): string {
  const [first] = args;
  const marked = typeof first === "string" && args.length > 1 && first.includes("%");
  const [head, used] = marked ? substitute(first, args) : [undefined, 0];
  const rest = args.slice(used).map(plain);
  return (head === undefined ? rest : [head, ...rest]).join(" ");
}

/** Text as it is, everything else as `inspect` has it. */
function plain(value: unknown): string {
  return typeof value === "string" ? value : inspect(value);
}

/** Gives the text and how many arguments it used up. */
function substitute(pattern: string, args: unknown[]): [text: string, used: number] {
  let used = 1;
  const text = pattern.replace(/%[sdifjoOc%]/g, (mark) => {
    if (mark === "%%") return "%";
    if (used >= args.length) return mark;
    const value = args[used];
    used += 1;
    try {
      return substituted(mark, value);
    } catch {
      return inspect(value);
    }
  });
  return [text, used];
}

function substituted(mark: string, value: unknown): string {
  switch (mark) {
    case "%s":
      return asString(value);
    case "%d":
      return asNumber(value, Number);
    case "%i":
      return asNumber(value, (given) => Number.parseInt(String(given), 10));
    case "%f":
      return typeof value === "symbol" ? "NaN" : String(Number.parseFloat(String(value)));
    case "%j":
      return json(value);
    case "%c":
      return "";
    default:
      return inspect(value);
  }
}

function asNumber(value: unknown, convert: (value: unknown) => number): string {
  if (typeof value === "bigint") return `${value}n`;
  return typeof value === "symbol" ? "NaN" : inspect(convert(value));
}

/** Objects of classes with a `toString` of their own are asked for it, others are shown with one level. */
function asString(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return inspect(value);
  return hasOwnText(value) ? String(value) : inspect(value, 0);
}

const builtIn: unknown[] = [Object, Array, Error, Date, RegExp].map((made) => made.prototype.toString);

function hasOwnText(value: object): boolean {
  const found: unknown = inherited(value, "toString")?.value;
  return typeof found === "function" && !builtIn.includes(found);
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "undefined";
  } catch (thrown) {
    if (thrown instanceof TypeError && /circular/i.test(thrown.message)) return "[Circular]";
    throw thrown;
  }
}
