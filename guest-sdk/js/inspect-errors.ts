// In: an error. Out: what it is printed from: its class and message, its frames, and whatever else it has.
// May touch: the error by descriptors; DOMException's own getters.
// Security boundary: no.

import { native } from "./native.ts";
import { inherited, prefixOf } from "./classes.ts";
import { type Shape, type Walk, indented } from "./inspect.ts";
import { framesOf } from "./stacks.ts";

export function errorText(error: object, className: string | null, tag: string, walk: Walk): Shape {
  const name = field(error, "name") || "Error";
  const message = field(error, "message");
  const head = `${titleOf(name, className, tag)}${message === "" ? "" : `: ${message}`}`;
  const own = inherited(error, "stack")?.value;
  const stack = typeof own === "string" ? own : "";
  const frames = framesOf(stack);
  // A stack without any frame is a text that the script put in its place.
  const text = frames !== "" ? `${head}\n${frames}` : stack === "" || head.includes(stack.trim()) ? `[${head}]` : stack;
  const base = indented(text, walk.indent);
  const keys = Reflect.ownKeys(error).filter((key) => !repeats(error, key, text));
  return { base, open: "{", close: "}", entries: () => [], keys, empty: base };
}

/** A text field, without running what a script may have put there. */
function field(error: object, key: string): string {
  // DOMException keeps its fields behind getters of the engine.
  if (native.brand(error) === "DOMException") return String((error as Record<string, unknown>)[key] ?? "");
  const found: unknown = inherited(error, key)?.value;
  return typeof found === "string" ? found : "";
}

/** The error's name, with that of its class where it says something else, as Node has it. */
function titleOf(name: string, className: string | null, tag: string): string {
  const prefix = prefixOf(className, tag, "Error", "").slice(0, -1);
  if (name === prefix || !name.endsWith("Error")) return name;
  return prefix.includes(name) ? prefix : `${prefix} [${name}]`;
}

/** Whether a property says what the text says already. */
function repeats(error: object, key: PropertyKey, text: string): boolean {
  if (key !== "name" && key !== "message" && key !== "stack") return false;
  const value: unknown = Object.getOwnPropertyDescriptor(error, key)?.value;
  return key === "stack" || (typeof value === "string" && text.includes(value));
}
