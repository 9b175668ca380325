// In: namespaces and the names of their tools. Out: the modules that stand around the model's code in the isolate.
// May touch: nothing here; in the isolate, the global object, before the code begins.
// Security boundary: no. It runs beside the code that it serves, which may do with it what it likes.
//
// The code stays a module of its own, `main.ts`, untouched: its lines and columns are those that errors tell.

import { VALUE_DEPTH_MAX } from "../limits.js";
import { BINARY_TAG } from "./values.js";

export const MAIN = "main.ts";
const GUEST = "mayfly-codemode.ts";
const ENTRY = "mayfly-entry.ts";

/** One object with this key alone is a list of positional arguments. */
export const ARGS_TAG = "__mayfly_args_v1__";
/** A result that is `undefined`, which JSON does not have. */
export const UNDEFINED_TAG = "__mayfly_undefined_v1__";
/** The one tool of a connector, which takes any method. */
export const CONNECTOR_TOOL = "call_tool";
export const CONTROL_KEY = "__codemode_control__";
export const PAUSE = "__CODEMODE_PAUSE__";

export interface Namespace {
  name: string;
  /** Where the guest's `tools` has them. */
  path: string;
  /** The tools by the names that the script uses, and the names by which the server knows them. */
  tools: Record<string, string>;
  connector: boolean;
  prelude?: string | undefined;
}

export function isOurs(module: string): boolean {
  return module === GUEST || module === ENTRY || /^mayfly-prelude-\d+\.ts$/.test(module);
}

export function program(code: string, namespaces: Namespace[], more: Record<string, string> = {}): { modules: Record<string, string>; main: string } {
  const preludes = namespaces.flatMap(({ prelude }) => (prelude === undefined ? [] : [prelude]));
  // With an export it is a module for sure, and not a script to be called.
  const named = preludes.map((prelude, at) => [`mayfly-prelude-${at}.ts`, `${prelude}\nexport const __mayfly_prelude = true;\n`] as const);
  const imports = [GUEST, ...named.map(([name]) => name)].map((name) => `import "./${name}";\n`).join("");
  return {
    modules: { ...more, ...Object.fromEntries(named), [GUEST]: guest(namespaces), [ENTRY]: `${imports}${RUN}`, [MAIN]: code },
    main: ENTRY,
  };
}

const RUN = `import { encodeResult } from "./${GUEST}";
import code from "./${MAIN}";
const script: any = code;
export default async function (input: unknown) {
  return encodeResult(typeof script === "function" ? await script(input) : await script);
}
`;

function guest(namespaces: Namespace[]): string {
  const told = namespaces.map(({ name, path, tools, connector }) => ({ name, path: path.split("."), tools, connector }));
  return `${HELPERS}
${declared(namespaces)}for (const { name, path, tools, connector } of ${JSON.stringify(told)} as { name: string; path: string[]; tools: Record<string, string>; connector: boolean }[]) {
  const calls = path.reduce((at, step) => at[step], root);
  const value = connector ? connectorOf(calls) : namespaceOf(calls, tools);
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
`;
}

/** For `check`: globals that are not declared yet are errors in the model's code. */
function declared(namespaces: Namespace[]): string {
  const names = namespaces.map(({ name }) => name).filter((name) => name !== "tools" && name !== "codemode");
  return names.length === 0 ? "" : `declare global {\n${names.map((name) => `  var ${name}: any;\n`).join("")}}\n`;
}

const HELPERS = `
const root = (globalThis as any).tools;
const TAG = ${JSON.stringify(BINARY_TAG)};

function namespaceOf(calls: any, tools: Record<string, string>): any {
  return new Proxy({} as Record<string, unknown>, {
    get(own, name) {
      if (typeof name !== "string") return undefined;
      if (Object.hasOwn(own, name)) return own[name];
      if (Object.hasOwn(tools, name)) return async (...args: unknown[]) => decode(await calls[tools[name]!](packed(args)));
      // Whoever awaits the namespace asks for it.
      if (name === "then") return undefined;
      return async () => { throw new Error('Tool "' + name + '" not found'); };
    },
    has: (own, name) => typeof name === "string" && (Object.hasOwn(own, name) || Object.hasOwn(tools, name)),
    ownKeys: (own) => [...new Set([...Reflect.ownKeys(own), ...Object.keys(tools)])],
    getOwnPropertyDescriptor: (own, name) => Reflect.getOwnPropertyDescriptor(own, name) ??
      (typeof name === "string" && Object.hasOwn(tools, name) ? { enumerable: true, configurable: true, writable: true, value: undefined } : undefined),
  });
}

function connectorOf(calls: any): any {
  return new Proxy({}, {
    get(_own, method) {
      if (typeof method !== "string" || method === "then") return undefined;
      return async (args: unknown) => {
        const { stack } = new Error();
        const answer: any = decode(await calls.${CONNECTOR_TOOL}({ method, args: encode(args) }));
        if (answer?.${CONTROL_KEY} === "pause") throw new Error(${JSON.stringify(PAUSE)});
        // With the calls of now: after the wait there are none.
        if (answer?.${CONTROL_KEY} === "error") throw Object.defineProperty(new Error(String(answer.message)), "stack", { value: stack, writable: true, configurable: true });
        return answer;
      };
    },
  });
}

/** One plain object goes as it is, anything else as a list. */
function packed(args: unknown[]): object {
  const [only] = args;
  const plain = args.length === 1 && isPlain(only) && !Object.hasOwn(only, ${JSON.stringify(ARGS_TAG)}) && !Object.hasOwn(only, TAG);
  return (plain ? encode(only) : { ${ARGS_TAG}: args.map((arg) => (arg === undefined ? null : encode(arg))) }) as object;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

export function encodeResult(value: unknown): unknown {
  return value === undefined ? { ${UNDEFINED_TAG}: true } : encode(value);
}

function encode(value: unknown): unknown {
  return walk(value, (item) => {
    if (item instanceof Uint8Array) return { [TAG]: "Uint8Array", data: toBase64(item) };
    if (item instanceof ArrayBuffer) return { [TAG]: "ArrayBuffer", data: toBase64(new Uint8Array(item)) };
    if (!ArrayBuffer.isView(item)) return undefined;
    return { [TAG]: "ArrayBufferView", data: toBase64(new Uint8Array(item.buffer, item.byteOffset, item.byteLength)) };
  }, []);
}

function decode(value: unknown): unknown {
  return walk(value, (item: any) => {
    if (!Object.hasOwn(item, TAG) || typeof item.data !== "string") return undefined;
    const bytes = Uint8Array.from(atob(item.data), (character) => character.charCodeAt(0));
    return item[TAG] === "ArrayBuffer" ? bytes.buffer : bytes;
  }, []);
}

/** Copies only where something is replaced; cycles and what is too deep are left to the engine, which says where they are. */
function walk(value: unknown, step: (value: object) => unknown, above: object[]): unknown {
  if (typeof value !== "object" || value === null || above.length > ${VALUE_DEPTH_MAX} || above.includes(value)) return value;
  const stepped = step(value);
  if (stepped !== undefined) return stepped;
  const path = [...above, value];
  if (Array.isArray(value)) {
    const items = value.map((item) => walk(item, step, path));
    return items.some((item, at) => item !== value[at]) ? items : value;
  }
  if (!isPlain(value)) return value;
  const entries = Object.keys(value).map((key) => [key, walk(value[key], step, path)] as const);
  return entries.some(([key, item]) => item !== value[key]) ? Object.fromEntries(entries) : value;
}

function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.byteLength; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
}
`;
