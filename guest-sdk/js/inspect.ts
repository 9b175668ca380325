// In: any value. Out: text for people, in the manner of Node's util.inspect, bounded in depth, entries and length.
// May touch: the value by descriptors. Two things that scripts define are called: `Symbol.toStringTag` and Node's `inspect.custom`.
// Security boundary: no.

import { native } from "./native.ts";
import { className, functionTitle, inherited, prefixOf, tagOf } from "./classes.ts";
import { escaped, fold, quote, quoted } from "./fold.ts";
import { errorText } from "./inspect-errors.ts";

/** Levels below the value itself. Node shows two: too few for the replies of APIs, which is what scripts log. */
const DEPTH_MAX = 4;
/** Levels that are shown to whoever asks for all of them: each takes several calls of the engine's stack. */
const LEVELS_MAX = 50;
const ENTRIES_MAX = 100;
/** Values that one call prints in all; a wide and shared graph would otherwise be printed again and again. */
const VALUES_MAX = 5_000;
/** Longer lists are not searched for properties beside their elements: that would list every index. */
const LIST_WITH_KEYS_MAX = 1_000;
const PROXIES_MAX = 8;
/** Holes of a list that are counted one by one, before its keys are asked for. */
const HOLES_COUNTED_MAX = 1_000;

/** How the prelude's own classes show what they keep in private fields. */
const viewers = new Map<object, (value: never) => unknown>();

/** Has the objects of a class printed with what `view` makes of them: an object, a Map or a Set. */
export function printAs<T extends object>(made: { prototype: T }, view: (value: T) => unknown): void {
  viewers.set(made.prototype, view as (value: never) => unknown);
}

/** What proxies on this target are printed as. */
const titles = new Map<object, (proxy: object) => string>();

export function printProxiesOn(target: object, title: (proxy: object) => string): void {
  titles.set(target, title);
}

export interface Walk {
  readonly depth_max: number;
  /** The objects around the one that is printed, outermost first. */
  readonly seen: object[];
  /** Numbers of those that something inside leads back to. */
  readonly circular: Map<object, number>;
  /** Values that may still be printed. */
  left: number;
  /** The column where the value stands. */
  indent: number;
  /** Level of the object that was last begun. */
  level: number;
}

/** One value as text. Never throws: where the stack is nearly used up, fewer levels are shown. */
export function inspect(value: unknown, depth: number = DEPTH_MAX): string {
  for (const depth_max of [Math.min(depth, LEVELS_MAX), 1, 0]) {
    try {
      return format(value, { depth_max, seen: [], circular: new Map(), left: VALUES_MAX, indent: 0, level: 0 });
    } catch (thrown) {
      if (!(thrown instanceof StackError)) break;
    }
  }
  return "[value that cannot be inspected]";
}

export function format(value: unknown, walk: Walk): string {
  switch (typeof value) {
    case "string":
      walk.left -= value.length >> 6;
      return quoted(value, walk.indent);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return symbolText(value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "object":
      return value === null ? "null" : formatObject(value, walk);
    case "function":
      return formatObject(value, walk);
    default:
      return String(value);
  }
}

function symbolText(symbol: symbol): string {
  return `Symbol(${escaped(symbol.description ?? "", false)})`;
}

function formatObject(given: object, walk: Walk): string {
  walk.left -= 1;
  if (walk.left < 0) return "…";
  const value = unwrapped(given);
  if (typeof value === "string") return value;
  const custom = walk.seen.includes(value) ? undefined : customText(value, walk);
  if (custom !== undefined) return custom;
  if (walk.seen.includes(value)) {
    if (!walk.circular.has(value)) walk.circular.set(value, walk.circular.size + 1);
    return `[Circular *${walk.circular.get(value)}]`;
  }
  return formatRaw(value, walk);
}

/** What a proxy stands for, without asking its handler. */
function unwrapped(value: object): object | string {
  let at: object | null = value;
  for (let turns = 0; at !== null && native.brand(at) === "Proxy"; turns += 1) {
    const target: object | null = native.proxyTarget(at);
    const title = target === null ? undefined : titles.get(target);
    if (title !== undefined) return title(at);
    if (turns === PROXIES_MAX) return "[Proxy]";
    at = target;
  }
  return at ?? "<Revoked Proxy>";
}

const CUSTOM = Symbol.for("nodejs.util.inspect.custom");

/** The text that the object's class has for itself, after the custom of Node. */
function customText(value: object, walk: Walk): string | undefined {
  const custom = inherited(value, CUSTOM)?.value;
  if (typeof custom !== "function") return undefined;
  const depth = walk.depth_max - walk.seen.length;
  const made: unknown = custom.call(value, depth, { depth }, (inner: unknown) => inspect(inner, depth));
  if (made === value) return undefined;
  return typeof made === "string" ? indented(made, walk.indent) : format(made, walk);
}

/** Text of several lines, of which all but the first stand in the column of the value. */
export function indented(text: string, indent: number): string {
  return indent === 0 ? text : text.replaceAll("\n", `\n${" ".repeat(indent)}`);
}

/** What an object is printed from. */
export interface Shape {
  base: string;
  open: string;
  close: string;
  /** What it holds beside its properties. */
  entries: (walk: Walk) => string[];
  keys: PropertyKey[];
  list?: ArrayLike<unknown>;
  /** Printed as it is when there are no entries and no keys. */
  empty?: string;
}

function formatRaw(value: object, walk: Walk): string {
  const name = className(value);
  const tag = tagOf(value);
  const shape = shapeOf(value, name, tag, walk);
  if (typeof shape === "string") return shape;
  if (walk.seen.length > walk.depth_max) {
    return `[${prefixOf(name, tag, shape.list === undefined ? "Object" : "Array", "").slice(0, -1)}]`;
  }
  const before = walk.level;
  const level = walk.seen.push(value);
  walk.level = level;
  const entries = shape.entries(walk);
  const held = entries.length;
  propertyEntries(value, shape.keys, walk, entries);
  walk.seen.pop();
  if (entries.length === 0) walk.level = before;
  const number = walk.circular.get(value);
  const base = number === undefined ? shape.base : `<ref *${number}>${shape.base === "" ? "" : ` ${shape.base}`}`;
  if (entries.length === 0) return shape.empty !== undefined && number === undefined ? shape.empty : `${base === "" ? "" : `${base} `}${shape.open}${shape.close}`;
  const more = held > 0 && held === entries.length && (entries[held - 1] as string).startsWith("... ");
  const { open, close, list } = shape;
  return fold({ base, open, close, entries, list, more }, walk.indent, walk.level - level);
}

const none = (): string[] => [];

function shapeOf(value: object, name: string | null, tag: string, walk: Walk): Shape | string {
  const brand = native.brand(value);
  const prefix = (otherwise: string, size: string = ""): string => prefixOf(name, tag, otherwise, size);
  const braces = (kind: string, entries: (walk: Walk) => string[], size?: string): Shape => {
    return { base: "", open: `${prefix(kind, size)}{`, close: "}", entries, keys: Reflect.ownKeys(value) };
  };
  if (typeof value === "function") {
    const base = functionTitle(value, brand, name, tag);
    return { base, open: "{", close: "}", entries: none, keys: Reflect.ownKeys(value), empty: base };
  }
  switch (brand) {
    case "Array":
      return listShape(value as unknown[], name === "Array" && tag === "" ? "" : prefix("Array", `(${(value as unknown[]).length})`));
    case "Map":
      return braces("Map", (at) => mapEntries(value as Map<unknown, unknown>, at), `(${sizeOf(value, mapSize)})`);
    case "Set":
      return braces("Set", (at) => setEntries(value as Set<unknown>, at), `(${sizeOf(value, setSize)})`);
    case "Date":
      return based(value, titled(prefix("Date"), "Date", Number.isNaN(dateValue(value)) ? "Invalid Date" : toIso.call(value as Date)));
    case "RegExp":
      return based(value, titled(prefix("RegExp"), "RegExp", regexpText.call(value as RegExp)));
    case "Error":
    case "DOMException":
      return errorText(value, name, tag, walk);
    case "Promise":
      return braces("Promise", (at) => [inside(at, () => promiseText(value, at))]);
    case "ArrayBuffer":
      return braces("ArrayBuffer", () => bufferEntries(value as ArrayBuffer));
    case "Number":
    case "String":
    case "Boolean":
    case "BigInt":
    case "Symbol":
      return boxed(value, brand, name, walk);
    case "WeakMap":
    case "WeakSet":
      return braces(brand, () => ["<items unknown>"]);
    case "WeakRef":
      return braces(brand, (at) => [inside(at, () => format((value as WeakRef<object>).deref(), at))]);
    case "Arguments":
      return { ...braces("Object", none), open: "[Arguments] {" };
  }
  if (ArrayBuffer.isView(value)) {
    if (brand !== "DataView") return listShape(value as unknown as unknown[], prefix(brand ?? "TypedArray", `(${(value as Uint8Array).length})`));
    const { byteLength, byteOffset, buffer } = value;
    return braces("DataView", (at) => viewEntries({ byteLength, byteOffset, buffer }, at));
  }
  const view = viewOf(value);
  if (view !== undefined) return { ...braces("Object", (at) => viewEntries(view, at)), keys: [] };
  const shape = braces(tag === "Module" ? "Module" : "Object", none);
  return name === "Object" && tag === "" ? { ...shape, open: "{" } : shape;
}

function based(value: object, base: string): Shape {
  return { base, open: "{", close: "}", entries: none, keys: Reflect.ownKeys(value), empty: base };
}

/** A subclass is named before the text that its objects are printed as. */
function titled(prefix: string, usual: string, text: string): string {
  return prefix === `${usual} ` ? text : `${prefix}${text}`;
}

function listShape(list: ArrayLike<unknown> & object, prefix: string): Shape {
  const keys = list.length > LIST_WITH_KEYS_MAX ? [] : Reflect.ownKeys(list).filter((key) => typeof key === "symbol" || !/^\d+$/.test(key));
  return { base: "", open: `${prefix}[`, close: "]", entries: (walk) => listEntries(list, walk), keys, list };
}

function boxed(value: object, brand: string, name: string | null, walk: Walk): Shape {
  const inner = (value as { valueOf(): unknown }).valueOf();
  const kind = name === brand ? brand : `${brand} (${name ?? "null prototype"})`;
  const base = `[${kind}: ${format(inner, { ...walk, indent: 0 })}]`;
  const keys = Reflect.ownKeys(value).filter((key) => brand !== "String" || (key !== "length" && !/^\d+$/.test(String(key))));
  return { base, open: "{", close: "}", entries: none, keys, empty: base };
}

/** What QuickJS throws when the stack is used up; taken before a script can replace it. */
const StackError = RangeError;
const toIso = Date.prototype.toISOString;
const dateNumber = Date.prototype.getTime;
const regexpText = RegExp.prototype.toString;
const describe = Object.getOwnPropertyDescriptor;
const above = Object.getPrototypeOf;
const mapSize = describe(Map.prototype, "size")?.get as () => number;
const setSize = describe(Set.prototype, "size")?.get as () => number;

function sizeOf(value: object, size: () => number): number {
  return size.call(value);
}

function dateValue(value: object): number {
  return dateNumber.call(value as Date);
}

/** What a class of the prelude, or one derived from it, shows of itself. */
function viewOf(value: object): object | undefined {
  for (let at: object | null = above(value); at !== null; at = above(at)) {
    const viewer = viewers.get(at);
    if (viewer !== undefined) return viewer(value as never) as object;
  }
  return undefined;
}

function viewEntries(view: object, walk: Walk): string[] {
  const brand = native.brand(view);
  if (brand === "Map") return mapEntries(view as Map<unknown, unknown>, walk);
  if (brand === "Set") return setEntries(view as Set<unknown>, walk);
  return propertyEntries(view, Reflect.ownKeys(view), walk, []);
}

/** Formats two columns further to the right. */
function inside(walk: Walk, print: () => string): string {
  walk.indent += 2;
  const text = print();
  walk.indent -= 2;
  return text;
}

function promiseText(promise: object, walk: Walk): string {
  const [state, result] = native.promiseState(promise);
  return state === 0 ? "<pending>" : state === 1 ? format(result, walk) : `<rejected> ${format(result, walk)}`;
}

function bufferEntries(buffer: ArrayBuffer): string[] {
  const bytes = new Uint8Array(buffer, 0, Math.min(buffer.byteLength, ENTRIES_MAX));
  const rest = buffer.byteLength - bytes.length;
  const shown = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return [`[Uint8Contents]: <${shown}${rest > 0 ? ` ... ${moreOf(rest, "byte").slice(4)}` : ""}>`, `byteLength: ${buffer.byteLength}`];
}

function moreOf(count: number, what: string): string {
  return `... ${count} more ${what}${count === 1 ? "" : "s"}`;
}

function listEntries(list: ArrayLike<unknown> & object, walk: Walk): string[] {
  const out: string[] = [];
  let at = 0;
  while (at < list.length && out.length < ENTRIES_MAX) {
    const slot = describe(list, at);
    if (slot !== undefined) {
      out.push(inside(walk, () => slotText(slot, walk)));
      at += 1;
      continue;
    }
    const from = at;
    at = nextElement(list, from);
    out.push(`<${at - from} empty item${at - from === 1 ? "" : "s"}>`);
  }
  if (list.length > at) out.push(moreOf(list.length - at, "item"));
  return out;
}

/** Index of the first element from here on; the length where there is none. */
function nextElement(list: ArrayLike<unknown> & object, from: number): number {
  const near = Math.min(list.length, from + HOLES_COUNTED_MAX);
  for (let at = from; at < near; at += 1) if (describe(list, at) !== undefined) return at;
  // Keys that are numbers come first, in their order.
  const next = near === list.length ? undefined : Object.keys(list).find((key) => Number(key) >= near);
  return next === undefined ? list.length : Math.min(Number(next), list.length);
}

const mapForEach = Map.prototype.forEach;
const setForEach = Set.prototype.forEach;

function mapEntries(map: Map<unknown, unknown>, walk: Walk): string[] {
  const out: string[] = [];
  mapForEach.call(map, (value, key) => {
    if (out.length < ENTRIES_MAX) out.push(inside(walk, () => `${format(key, walk)} => ${format(value, walk)}`));
  });
  const size = sizeOf(map, mapSize);
  if (size > out.length) out.push(moreOf(size - out.length, "item"));
  return out;
}

function setEntries(set: Set<unknown>, walk: Walk): string[] {
  const out: string[] = [];
  setForEach.call(set, (value) => {
    if (out.length < ENTRIES_MAX) out.push(inside(walk, () => format(value, walk)));
  });
  const size = sizeOf(set, setSize);
  if (size > out.length) out.push(moreOf(size - out.length, "item"));
  return out;
}

/** Appends the enumerable ones of these properties, and those that `errorText` wants to be seen all the same. */
function propertyEntries(value: object, keys: PropertyKey[], walk: Walk, out: string[]): string[] {
  let shown = 0;
  for (const key of keys) {
    const slot = describe(value, key);
    if (slot === undefined || !(slot.enumerable || isErrorPart(value, key))) continue;
    if (shown === ENTRIES_MAX) {
      out.push(`... ${keys.length - ENTRIES_MAX} more properties`);
      break;
    }
    shown += 1;
    out.push(`${keyText(key, slot)}: ${inside(walk, () => slotText(slot, walk))}`);
  }
  return out;
}

const ERROR_PARTS: PropertyKey[] = ["cause", "errors", "error", "suppressed"];

function isErrorPart(value: object, key: PropertyKey): boolean {
  return ERROR_PARTS.includes(key) && native.brand(value) === "Error";
}

function keyText(key: PropertyKey, slot: PropertyDescriptor): string {
  if (typeof key === "symbol") return `[${symbolText(key)}]`;
  const name = String(key);
  if (name === "__proto__") return "['__proto__']";
  if (!slot.enumerable) return `[${name}]`;
  return /^[a-zA-Z_][a-zA-Z_0-9]*$/.test(name) ? name : quote(name);
}

function slotText(slot: PropertyDescriptor, walk: Walk): string {
  if ("value" in slot) return format(slot.value, walk);
  return slot.get === undefined ? "[Setter]" : slot.set === undefined ? "[Getter]" : "[Getter/Setter]";
}
