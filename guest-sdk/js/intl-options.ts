// In: option bags as scripts write them. Out: options that are known to be good, or an error that says what they can be.
// May touch: nothing outside.
// Security boundary: no.

/** An object to read options from: as ECMA-402's CoerceOptionsToObject, or GetOptionsObject where `null` is refused. */
export function coerced(options: unknown): Record<string, unknown> {
  return options === undefined ? (Object.create(null) as Record<string, unknown>) : (Object(nonNull(options)) as Record<string, unknown>);
}

export function asObject(options: unknown): Record<string, unknown> {
  if (options === undefined) return Object.create(null) as Record<string, unknown>;
  if (typeof options !== "object" && typeof options !== "function") throw new TypeError("Intl: the options must be an object.");
  return nonNull(options) as Record<string, unknown>;
}

function nonNull(options: unknown): unknown {
  if (options === null) throw new TypeError("Intl: the options are null; leave them out or give an object.");
  return options;
}

/** One of `allowed`, as text; `otherwise` where the option is absent. */
export function choice<T extends string, O extends T | undefined>(
  options: Record<string, unknown>,
  name: string,
  allowed: readonly T[],
  otherwise: O,
): T | O {
  const value = options[name];
  if (value === undefined) return otherwise;
  const text = string(value);
  if (!allowed.includes(text as T)) {
    throw new RangeError(`Value ${text} out of range for Intl options property ${name}; it is one of: ${allowed.join(", ")}.`);
  }
  return text as T;
}

/** Any text, held to what `form` matches. */
export function matching(options: Record<string, unknown>, name: string, form: RegExp): string | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  const text = string(value);
  if (!form.test(text)) throw new RangeError(`Invalid ${name}: ${text}`);
  return text;
}

export function flag(options: Record<string, unknown>, name: string): boolean | undefined {
  const value = options[name];
  return value === undefined ? undefined : Boolean(value);
}

/** A whole number within bounds; what comes after the point is dropped. */
export function whole(value: unknown, name: string, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!(number >= min && number <= max)) {
    throw new RangeError(`${name} value is out of range: ${string(value)} is not between ${min} and ${max}.`);
  }
  return Math.floor(number);
}

function string(value: unknown): string {
  if (typeof value === "symbol") throw new TypeError("Intl: an option cannot be a symbol.");
  return String(value);
}

/** Reads `localeMatcher`, which has nothing to choose from here: a tag has data or it has not. */
export function checkMatcher(options: Record<string, unknown>): void {
  choice(options, "localeMatcher", ["lookup", "best fit"], undefined);
}

/** UTS 35's form of the value of an extension's key. */
export const TYPE = /^[a-z0-9]{3,8}(-[a-z0-9]{3,8})*$/i;
