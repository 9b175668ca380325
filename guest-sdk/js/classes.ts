// In: any object. Out: what it is by its prototypes: its class, its tag, a title; for those who print it.
// May touch: the object and its prototypes by descriptors; a getter of `Symbol.toStringTag` is called.
// Security boundary: no.

import { native } from "./native.ts";

const describe = Object.getOwnPropertyDescriptor;
const above = Object.getPrototypeOf;

/** The nearest property of this name on the prototype chain, read without running anything. */
export function inherited(value: object, key: PropertyKey): PropertyDescriptor | undefined {
  for (let at: object | null = value; at !== null; at = above(at)) {
    if (native.brand(at) === "Proxy") return undefined;
    const found = describe(at, key);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The name of the nearest constructor that the object is an instance of; `null` where there is none. */
export function className(value: object): string | null {
  for (let at: object | null = value; at !== null; at = above(at)) {
    if (native.brand(at) === "Proxy") return "Object";
    const constructor: unknown = describe(at, "constructor")?.value;
    if (typeof constructor !== "function" || native.brand(constructor) === "Proxy") continue;
    const name: unknown = describe(constructor, "name")?.value;
    if (typeof name === "string" && name !== "" && isInstance(value, constructor)) return name;
  }
  return null;
}

function isInstance(value: object, constructor: object): boolean {
  const prototype: unknown = describe(constructor, "prototype")?.value;
  for (let at: object | null = above(value); at !== null; at = above(at)) {
    if (at === prototype) return true;
    if (native.brand(at) === "Proxy") return false;
  }
  return false;
}

/** The tag that a class gives its objects; one that is printed as a property is not told twice. */
export function tagOf(value: object): string {
  if (describe(value, Symbol.toStringTag)?.enumerable) return "";
  const found = inherited(value, Symbol.toStringTag);
  const tag: unknown = found?.get === undefined ? found?.value : found.get.call(value);
  return typeof tag === "string" ? tag : "";
}

/** `Map(2) `, `Point `, `[Object: null prototype] `, `Object [Generator] `. */
export function prefixOf(name: string | null, tag: string, otherwise: string, size: string): string {
  const shown = name === null ? `[${otherwise}${size}: null prototype] ` : `${name}${size} `;
  const known = name === null ? otherwise : name;
  return tag !== "" && tag !== known ? `${shown}[${tag}] ` : shown;
}

/** `[Function: name]`, `[class Name extends Other]`, `[AsyncFunction (anonymous)]`. */
export function functionTitle(value: object, brand: string | undefined, name: string | null, tag: string): string {
  const own: unknown = describe(value, "name")?.value;
  const title = typeof own === "string" && own !== "" ? own : "";
  const rest = name === null ? " (null prototype)" : "";
  if (brand === "Function" && describe(value, "prototype")?.writable === false) {
    const parent: object | null = above(value);
    const base: unknown = parent === null ? undefined : describe(parent, "name")?.value;
    const from = typeof base === "string" && base !== "" ? ` extends ${base}` : parent === null ? " extends null" : "";
    return `[class ${title || "(anonymous)"}${from}]`;
  }
  const kind = brand !== undefined && brand.endsWith("Function") && brand !== "CFunction" && brand !== "BoundFunction" ? brand : "Function";
  const extra = name !== null && name !== kind && name !== "Function" ? ` ${name}` : "";
  const mark = tag !== "" && tag !== name ? ` [${tag}]` : "";
  return `[${kind}${rest}${title === "" ? " (anonymous)" : `: ${title}`}]${extra}${mark}`;
}
