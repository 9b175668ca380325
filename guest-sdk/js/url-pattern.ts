// In: patterns of URLs, and URLs. Out: whether they match, and what stands in the place of each group.
// May touch: nothing outside. Patterns are parsed natively (patterns.rs); their expressions run as scripts' own do.
// Security boundary: no.

import { native, type PatternComponent, type PatternInit } from "./native.ts";
import { printAs } from "./inspect.ts";
import { dictionary, usv } from "./webidl.ts";

const COMPONENTS = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"] as const;
const MEMBERS = ["baseURL", ...COMPONENTS].sort();

type Name = (typeof COMPONENTS)[number];
export type URLPatternInit = Partial<Record<Name | "baseURL", string>>;
type Input = string | URLPatternInit;

export interface URLPatternOptions {
  ignoreCase?: boolean;
}

export interface URLPatternComponentResult {
  input: string;
  groups: Record<string, string | undefined>;
}

export type URLPatternResult = { inputs: Input[] } & Record<Name, URLPatternComponentResult>;

let partOf: (pattern: URLPattern, index: number) => string;

export interface URLPattern extends Readonly<Record<Name, string>> {}

export class URLPattern {
  #components: PatternComponent[];
  #expressions: (RegExp | undefined)[] = [];
  #hasRegExpGroups: boolean;
  #ignoreCase: boolean;

  static {
    partOf = (pattern, index) => pattern.#components[index]?.[0] ?? "";
  }

  constructor(input?: Input, base?: string | URLPatternOptions, options?: URLPatternOptions);
  constructor(...given: unknown[]) {
    const [input, second, third] = given;
    const isBase = given.length > 2 || (second !== undefined && second !== null && typeof second !== "object" && typeof second !== "function");
    const pattern = inputOf(input);
    const base = isBase ? usv(second) : undefined;
    const { ignoreCase } = dictionary((isBase ? third : second) as URLPatternOptions | undefined, "URLPattern");
    this.#ignoreCase = Boolean(ignoreCase);
    const native_input = typeof pattern === "string" ? pattern : listOf(pattern);
    [this.#components, this.#hasRegExpGroups] = native.urlPattern(native_input, base, this.#ignoreCase, matches);
    // An expression that is none is told now and not when the pattern is first used.
    if (this.#hasRegExpGroups) COMPONENTS.forEach((_, index) => this.#expression(index));
  }

  get hasRegExpGroups(): boolean {
    return this.#hasRegExpGroups;
  }

  test(input: Input = {}, base: string | undefined = undefined): boolean {
    const parts = this.#parts(inputOf(input), base === undefined ? undefined : usv(base));
    return parts !== null && parts.every((part, index) => this.#expression(index).test(part));
  }

  exec(input: Input = {}, base: string | undefined = undefined): URLPatternResult | null {
    const given = inputOf(input);
    const baseText = base === undefined ? undefined : usv(base);
    const parts = this.#parts(given, baseText);
    if (parts === null) return null;
    const result: Record<string, unknown> = { inputs: baseText === undefined ? [given] : [given, baseText] };
    for (const [index, part] of parts.entries()) {
      const match = this.#expression(index).exec(part);
      if (match === null) return null;
      const names = this.#components[index]?.[2] ?? [];
      const groups = Object.fromEntries(names.map((name, at) => [name, match[at + 1]]));
      result[COMPONENTS[index] as string] = { input: part, groups };
    }
    return result as URLPatternResult;
  }

  /** The parts of a URL in the order of the components; `null` where it is none. */
  #parts(input: Input, base: string | undefined): string[] | null {
    void this.#components;
    if (typeof input !== "string") {
      if (base !== undefined) throw new TypeError("URLPattern: a base URL is for text; give `baseURL` beside the other parts.");
      return native.urlPatternInput(listOf(input));
    }
    const href = base === undefined ? native.urlHref(input) : native.urlHref(input, base);
    const parsed = href === null ? null : native.urlParse(href);
    if (parsed === null) return null;
    const [, , protocol = "", username = "", password = "", , hostname = "", port = "", pathname = "", search = "", hash = ""] = parsed;
    return [protocol.slice(0, -1), username, password, hostname, port, pathname, search.slice(1), hash.slice(1)];
  }

  #expression(index: number): RegExp {
    const known = this.#expressions[index];
    if (known !== undefined) return known;
    const made = expression(this.#components[index]?.[1] ?? "", this.#ignoreCase && index >= COMPONENTS.indexOf("pathname"));
    this.#expressions[index] = made;
    return made;
  }
}

const RegularExpression = RegExp;

function expression(pattern: string, ignoreCase: boolean): RegExp {
  try {
    return new RegularExpression(pattern, ignoreCase ? "vi" : "v");
  } catch (error) {
    throw new TypeError(`URLPattern: ${(error as Error).message}`);
  }
}

/** Asked by the native parser, which has no expressions of this kind. */
function matches(pattern: string, flags: string, text: string): boolean {
  return new RegularExpression(pattern, flags).test(text);
}

function inputOf(input: unknown): Input {
  if (input !== undefined && input !== null && typeof input !== "object" && typeof input !== "function") return usv(input);
  const given = (input ?? {}) as Record<string, unknown>;
  const init: Record<string, string> = {};
  for (const member of MEMBERS) {
    const value = given[member];
    if (value !== undefined) init[member] = usv(value);
  }
  return init;
}

function listOf(init: URLPatternInit): PatternInit {
  return [...COMPONENTS.map((name) => init[name]), init.baseURL];
}

COMPONENTS.forEach((name, index) => {
  const accessor = {
    get [name](): string {
      return partOf(this as unknown as URLPattern, index);
    },
  };
  Object.defineProperty(URLPattern.prototype, name, Object.getOwnPropertyDescriptor(accessor, name) as PropertyDescriptor);
});
printAs(URLPattern, (pattern) => Object.fromEntries(COMPONENTS.map((name) => [name, pattern[name]])));
