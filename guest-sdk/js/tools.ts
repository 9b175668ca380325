// In: `tools.github.repos.get({...})`. Out: a Call effect, and a promise of the tool's result.
// May touch: the effect buffer. Which tools there are is the bridge's knowledge; any name can be asked for.
// Security boundary: no. The bridge decides about every call.

import { native } from "./native.ts";
import { expect, forget } from "./pending.ts";
import { relocate, site } from "./errors.ts";
import { printProxiesOn } from "./inspect.ts";
import { emitCall } from "./serialize.ts";

export interface Tools {
  (args?: object): Promise<unknown>;
  [name: string]: Tools;
}

/** Names that the language itself asks every object for; a tool cannot have them. */
const NOT_TOOLS = new Set(["then", "toJSON", "constructor", "prototype", "__proto__", "inspect"]);

/** Every node stands on the same function: what differs is the handler, which knows the path. */
const target = (() => undefined) as unknown as Tools;

class Node implements ProxyHandler<Tools> {
  readonly #path: string;
  /** The steps below that were asked for already. */
  readonly #steps = new Map<string, Tools>();

  constructor(path: string) {
    this.#path = path;
  }

  get(_target: Tools, name: string | symbol): unknown {
    if (typeof name === "symbol" || NOT_TOOLS.has(name)) return undefined;
    if (name === "toString" || name === "valueOf") return () => `[tools.${this.#path}]`;
    let step = this.#steps.get(name);
    if (step === undefined) {
      step = node(this.#path === "" ? name : `${this.#path}.${name}`);
      this.#steps.set(name, step);
    }
    return step;
  }

  apply(_target: Tools, _self: unknown, args: unknown[]): Promise<unknown> {
    return call(this.#path, args);
  }

  has(_target: Tools, name: string | symbol): boolean {
    return typeof name === "string" && !NOT_TOOLS.has(name);
  }

  set(): boolean {
    throw new TypeError("`tools` cannot be changed.");
  }

  defineProperty(): boolean {
    throw new TypeError("`tools` cannot be changed.");
  }
}

function node(path: string): Tools {
  return new Proxy(target, new Node(path));
}

printProxiesOn(target, (proxy) => String(proxy));

/** `tools`, and every step of a path below it. */
export const tools: Tools = node("");

function call(tool: string, args: unknown[]): Promise<unknown> {
  // The stack of the call: when the answer comes there is no other.
  const from = site();
  return new Promise((resolve, reject) => {
    const input = argument(tool, args);
    const number = expect({
      // Only bytes need to be said.
      fulfil(meta) {
        try {
          resolve(meta === "" ? native.bodyJson() : native.bodyBytes());
        } catch (thrown) {
          reject(thrown);
        }
      },
      reject(error) {
        reject(relocate(error, from));
      },
    });
    try {
      emitCall(number, tool, input);
    } catch (thrown) {
      forget(number);
      throw thrown;
    }
  });
}

function argument(tool: string, args: unknown[]): object {
  const [input = {}, ...rest] = args;
  if (tool === "") throw new TypeError("`tools` itself cannot be called: use `tools.NAME({ ... })`.");
  if (rest.length > 0 || typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new TypeError(`tools.${tool} takes one object of named arguments: tools.${tool}({ name: value }).`);
  }
  return input;
}
