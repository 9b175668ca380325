// In: any value. Out: text for people, in the manner of Node's util.inspect, bounded in depth, entries and length.
// May touch: the value by descriptors only: no getter and no proxy trap is run on purpose.
// Security boundary: no.

import { native } from "./native.ts";

const DEPTH_MAX = 4;
const ENTRIES_MAX = 100;
/** Values that one call prints in all; a wide and shared graph would otherwise be printed again and again. */
const VALUES_MAX = 5_000;
const STRING_MAX = 10_000;
const LINE_WIDTH = 72;

/** How the prelude's own classes show what they keep in private fields. */
const viewers = new Map<object, (value: object) => unknown>();

/** Has the objects of a class printed as what `view` makes of them. */
export function printAs<T extends object>(made: { prototype: T }, view: (value: T) => unknown): void {
  viewers.set(made.prototype, view as (value: object) => unknown);
}

interface Walk {
  depth_max: number;
  seen: object[];
  left: number;
}

/** One value as text. Never throws. */
export function inspect(value: unknown, depth_max: number = DEPTH_MAX): string {
  try {
    return format(value, { depth_max, seen: [], left: VALUES_MAX });
  } catch {
    return "[value that cannot be inspected]";
  }
}

function format(value: unknown, walk: Walk): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return value.toString();
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

function formatObject(value: object, walk: Walk): string {
  walk.left -= 1;
  if (walk.left < 0) return "…";
  const brand = native.brand(value);
  if (brand === "Proxy") return "[Proxy]";
  if (walk.seen.includes(value)) return "[Circular]";
  const name = className(value);
  if (walk.seen.length > walk.depth_max) return Array.isArray(value) ? "[Array]" : `[${name || "Object: null prototype"}]`;
  walk.seen.push(value);
  const text = formatBranded(value, brand ?? "Object", name, walk);
  walk.seen.pop();
  return text;
}

function formatBranded(value: object, brand: string, name: string, walk: Walk): string {
  if (typeof value === "function") return withProperties(functionTitle(value), value, walk);
  switch (brand) {
    case "Array":
      return bracket(name === "Array" ? "" : `${name}(${(value as unknown[]).length}) `, "[", "]", arrayEntries(value as unknown[], walk));
    case "Map":
      return bracket(`${name}(${(value as Map<unknown, unknown>).size}) `, "{", "}", mapEntries(value as Map<unknown, unknown>, walk));
    case "Set":
      return bracket(`${name}(${(value as Set<unknown>).size}) `, "{", "}", setEntries(value as Set<unknown>, walk));
    case "Date":
      return Number.isNaN(dateValue(value)) ? "Invalid Date" : toIso.call(value as Date);
    case "RegExp":
      return regexpText.call(value as RegExp);
    case "Error":
    case "DOMException":
      return errorText(value, walk);
    case "Promise":
      return bracket("Promise ", "{", "}", [promiseText(value, walk)]);
    case "ArrayBuffer":
      return `ArrayBuffer { byteLength: ${(value as ArrayBuffer).byteLength} }`;
    case "Number":
    case "String":
    case "Boolean":
    case "BigInt":
    case "Symbol":
      return `[${brand}: ${format((value as { valueOf(): unknown }).valueOf(), walk)}]`;
    case "WeakMap":
    case "WeakSet":
    case "WeakRef":
      return `${brand} { <items unknown> }`;
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return bracket(`${name}(${(value as Uint8Array).length}) `, "[", "]", arrayEntries(value as unknown as unknown[], walk));
  }
  const viewer = viewers.get(Object.getPrototypeOf(value) as object);
  if (viewer !== undefined) return `${name} ${format(viewer(value), walk)}`;
  return bracket(name === "Object" ? "" : `${name || "[Object: null prototype]"} `, "{", "}", propertyEntries(value, walk));
}

const toIso = Date.prototype.toISOString;
const dateNumber = Date.prototype.getTime;
const regexpText = RegExp.prototype.toString;
const describe = Object.getOwnPropertyDescriptor;

function dateValue(value: object): number {
  return dateNumber.call(value as Date);
}

/** The name of the nearest constructor on the prototype chain, read without running anything. */
export function className(value: object): string {
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
    if (native.brand(at) === "Proxy") return "Object";
    const constructor: unknown = describe(at, "constructor")?.value;
    if (typeof constructor !== "function" || native.brand(constructor) === "Proxy") continue;
    const name: unknown = describe(constructor, "name")?.value;
    if (typeof name === "string" && name !== "") return name;
  }
  return "";
}

function functionTitle(value: object): string {
  const name: unknown = describe(value, "name")?.value;
  return typeof name === "string" && name !== "" ? `[Function: ${name}]` : "[Function (anonymous)]";
}

/** Name, message and own stack; frames of the prelude say nothing to anybody. */
function errorText(error: object, walk: Walk): string {
  const read = (key: string): string => {
    for (let at: object | null = error; at !== null; at = Object.getPrototypeOf(at)) {
      const found: unknown = describe(at, key)?.value;
      if (typeof found === "string") return found;
      // DOMException keeps its fields behind getters of the engine.
      if (native.brand(error) === "DOMException" && key !== "stack") return String((error as unknown as Record<string, unknown>)[key]);
    }
    return "";
  };
  const message = read("message");
  const header = message === "" ? read("name") || "Error" : `${read("name") || "Error"}: ${message}`;
  const frames = read("stack").split("\n").filter((line) => line !== "" && !line.includes("(mayfly:") && !line.includes("at mayfly:"));
  const text = [header, ...frames].join("\n");
  const cause = describe(error, "cause");
  const errors: unknown = describe(error, "errors")?.value;
  const extra = propertyEntries(error, walk);
  if (cause !== undefined && "value" in cause) extra.push(`[cause]: ${format(cause.value, walk)}`);
  if (Array.isArray(errors)) extra.push(`[errors]: ${format(errors, walk)}`);
  return extra.length === 0 ? text : `${text} {\n${indent(extra.join(",\n"))}\n}`;
}

function promiseText(promise: object, walk: Walk): string {
  const [state, result] = native.promiseState(promise);
  return state === 0 ? "<pending>" : state === 1 ? format(result, walk) : `<rejected> ${format(result, walk)}`;
}

function arrayEntries(list: unknown[], walk: Walk): string[] {
  const shown = Math.min(list.length, ENTRIES_MAX);
  const out: string[] = [];
  let holes = 0;
  for (let at = 0; at < shown; at += 1) {
    const slot = describe(list, at);
    if (slot === undefined) {
      holes += 1;
      continue;
    }
    if (holes > 0) out.push(`<${holes} empty item${holes === 1 ? "" : "s"}>`);
    holes = 0;
    out.push(formatSlot(slot, walk));
  }
  if (holes > 0) out.push(`<${holes} empty item${holes === 1 ? "" : "s"}>`);
  if (list.length > shown) out.push(`... ${list.length - shown} more item${list.length - shown === 1 ? "" : "s"}`);
  return out;
}

const mapForEach = Map.prototype.forEach;
const setForEach = Set.prototype.forEach;

function mapEntries(map: Map<unknown, unknown>, walk: Walk): string[] {
  const out: string[] = [];
  mapForEach.call(map, (value, key) => {
    if (out.length < ENTRIES_MAX) out.push(`${format(key, walk)} => ${format(value, walk)}`);
  });
  if (map.size > out.length) out.push(`... ${map.size - out.length} more items`);
  return out;
}

function setEntries(set: Set<unknown>, walk: Walk): string[] {
  const out: string[] = [];
  setForEach.call(set, (value) => {
    if (out.length < ENTRIES_MAX) out.push(format(value, walk));
  });
  if (set.size > out.length) out.push(`... ${set.size - out.length} more items`);
  return out;
}

function propertyEntries(value: object, walk: Walk): string[] {
  const out: string[] = [];
  const keys = Reflect.ownKeys(value);
  for (const key of keys) {
    const slot = describe(value, key);
    if (slot === undefined || !slot.enumerable) continue;
    if (out.length === ENTRIES_MAX) {
      out.push(`... ${keys.length - ENTRIES_MAX} more properties`);
      break;
    }
    const name = typeof key === "symbol" ? `[${key.toString()}]` : isName(key) ? key : quote(key);
    out.push(`${name}: ${formatSlot(slot, walk)}`);
  }
  return out;
}

function isName(key: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(key) || /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key);
}

function formatSlot(slot: PropertyDescriptor, walk: Walk): string {
  if ("value" in slot) return format(slot.value, walk);
  return slot.get === undefined ? "[Setter]" : slot.set === undefined ? "[Getter]" : "[Getter/Setter]";
}

function withProperties(title: string, value: object, walk: Walk): string {
  const entries = propertyEntries(value, walk);
  return entries.length === 0 ? title : bracket(`${title} `, "{", "}", entries);
}

/** On one line where it fits, else one entry per line. */
function bracket(title: string, open: string, close: string, entries: string[]): string {
  if (entries.length === 0) return `${title}${open}${close}`;
  const line = entries.join(", ");
  const pad = open === "{" || line.length > 0 ? " " : "";
  if (line.length + title.length <= LINE_WIDTH && !line.includes("\n")) return `${title}${open}${pad}${line}${pad}${close}`;
  const short = entries.length > 6 && entries.every((entry) => entry.startsWith("... ") || (entry.length <= 10 && !entry.includes("\n")));
  const body = short ? rows(entries) : entries.join(",\n");
  return `${title}${open}\n${indent(body)}\n${close}`;
}

/** Many short entries, several to a line. */
function rows(entries: string[]): string {
  const lines: string[] = [];
  let line = "";
  for (const [at, entry] of entries.entries()) {
    const piece = at === entries.length - 1 ? entry : `${entry},`;
    if (line !== "" && line.length + piece.length + 1 > LINE_WIDTH) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? piece : `${line} ${piece}`;
  }
  lines.push(line);
  return lines.join("\n");
}

function indent(text: string): string {
  return `  ${text.replaceAll("\n", "\n  ")}`;
}

function quote(text: string): string {
  const more = text.length > STRING_MAX ? `... ${text.length - STRING_MAX} more characters` : "";
  const shown = text.slice(0, STRING_MAX).replace(/[\\\n\t]/g, (c) => (c === "\\" ? "\\\\" : c === "\n" ? "\\n" : "\\t"));
  const mark = !shown.includes("'") ? "'" : !shown.includes('"') ? '"' : !shown.includes("`") ? "`" : "'";
  const quoted = mark === "'" ? shown.replaceAll("'", "\\'") : shown;
  return `${mark}${quoted}${mark}${more}`;
}
