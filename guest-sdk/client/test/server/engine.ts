// In: modules in any form of CONTRACT section 3. Out: their turns: calls that wait, a result, or an error with its place.
// May touch: a context of node:vm, which is no sandbox: only tests run here.
// Security boundary: no. It stands for the engine, so that what these tests see are results and not recordings.

import { inspect } from "node:util";
import vm from "node:vm";
import ts from "typescript";
import type { LogLine, RunError } from "@mayfly/client";

export interface HostCall {
  call: number;
  tool: string;
  args: unknown;
  answer(value: unknown): void;
  refuse(name: string, message: string): void;
}

export interface Host {
  call(call: HostCall): void;
  log(line: LogLine): void;
}

export type State = { state: "waiting" } | { state: "completed"; result: unknown } | { state: "failed"; error: RunError };

export class Evaluation {
  #over: State | undefined;
  #waiting = 0;
  #timers = new Set<NodeJS.Timeout>();
  readonly #host: Host;
  readonly #began = performance.now();
  #calls = 0;

  constructor(modules: Record<string, string>, main: string, input: unknown, host: Host) {
    this.#host = host;
    void this.#evaluate(modules, main, input);
  }

  /** The state when nothing moves by itself any more. */
  async settled(wall_ms: number): Promise<State> {
    const until = performance.now() + wall_ms;
    for (let still = 0; still < 3; ) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#over !== undefined) return this.#over;
      if (performance.now() > until) return this.#end({ state: "failed", error: { kind: "wall_limit", name: "LimitError", message: `the run took longer than ${wall_ms} ms` } });
      still = this.#timers.size > 0 ? 0 : still + 1;
    }
    if (this.#waiting > 0) return { state: "waiting" };
    return this.#end({ state: "failed", error: { kind: "deadlock", name: "DeadlockError", message: "the script awaits something that nothing will answer" } });
  }

  stop(): void {
    this.#timers.forEach((timer) => clearTimeout(timer));
    this.#timers.clear();
  }

  #end(state: State): State {
    this.stop();
    return (this.#over ??= state);
  }

  async #evaluate(sources: Record<string, string>, main: string, input: unknown): Promise<void> {
    try {
      const context = this.#context();
      const modules = new Map<string, vm.SourceTextModule>();
      for (const [name, source] of Object.entries(sources)) modules.set(name, compile(name, source, context));
      const entry = modules.get(main)!;
      await entry.link((specifier) => {
        const found = modules.get(specifier.replace(/^\.\//, ""));
        if (found === undefined) throw Object.assign(new SyntaxError(`no module is called ${specifier}`), { kind: "syntax" });
        return found;
      });
      await entry.evaluate();
      const call = vm.runInContext("(script, input) => typeof script === 'function' ? script(JSON.parse(input)) : script", context);
      const value: unknown = await call((entry.namespace as { default: unknown }).default, JSON.stringify(input ?? null));
      this.#end({ state: "completed", result: serialized(value) });
    } catch (thrown) {
      this.#end({ state: "failed", error: told(thrown) });
    }
  }

  #context(): vm.Context {
    const context = vm.createContext({ atob, btoa, TextEncoder, TextDecoder });
    const host = {
      log: (level: LogLine["level"], ...data: unknown[]) =>
        this.#host.log({ level, at_ms: performance.now() - this.#began, text: data.map((one) => (typeof one === "string" ? one : inspect(one))).join(" ") }),
      setTimeout: (callback: () => void, ms?: number) => {
        const timer = setTimeout(() => (this.#timers.delete(timer), callback()), ms);
        this.#timers.add(timer);
        return timer[Symbol.toPrimitive]();
      },
      call: (tool: string, args: string, answer: (json: string) => void, refuse: (name: string, message: string) => void) => {
        this.#waiting += 1;
        const done = () => (this.#waiting -= 1);
        this.#host.call({
          call: (this.#calls += 1),
          tool,
          args: JSON.parse(args),
          answer: (value) => (done(), answer(JSON.stringify(value) ?? "null")),
          refuse: (name, message) => (done(), refuse(name, message)),
        });
      },
    };
    vm.runInContext(PRELUDE, context, { filename: "mayfly:prelude" })(host);
    return context;
  }
}

const PRELUDE = `(host) => {
  for (const name of ["ToolError", "PolicyError"]) {
    globalThis[name] = class extends Error {};
    Object.defineProperty(globalThis[name].prototype, "name", { value: name });
  }
  const NOT_TOOLS = new Set(["then", "toJSON", "constructor", "prototype", "__proto__", "inspect"]);
  const node = (path) => new Proxy(() => undefined, {
    get(_, name) {
      if (typeof name === "symbol" || NOT_TOOLS.has(name)) return undefined;
      if (name === "toString" || name === "valueOf") return () => "[tools." + path + "]";
      return node(path === "" ? name : path + "." + name);
    },
    apply: (_, __, args) => call(path, args),
    set() { throw new TypeError("\`tools\` cannot be changed."); },
  });
  const call = (tool, args) => {
    const from = new Error();
    return new Promise((resolve, reject) => {
      const [input = {}, ...rest] = args;
      if (rest.length > 0 || typeof input !== "object" || input === null || Array.isArray(input)) {
        throw new TypeError("tools." + tool + " takes one object of named arguments");
      }
      const raw = JSON.stringify(input, function (key) {
        const value = this[key];
        if (value instanceof ArrayBuffer) throw new TypeError("an ArrayBuffer");
        return ArrayBuffer.isView(value) ? Array.from(value) : value;
      });
      host.call(tool, raw, (json) => resolve(JSON.parse(json)), (name, message) => {
        const error = Object.assign(new globalThis[name](message), { tool });
        error.stack = name + ": " + message + "\\n" + from.stack.split("\\n").slice(1).join("\\n");
        reject(error);
      });
    });
  };
  globalThis.tools = globalThis.codemode = node("");
  globalThis.setTimeout = host.setTimeout;
  globalThis.console = Object.fromEntries(["debug", "log", "info", "warn", "error"].map((level) => [level, (...data) => host.log(level, ...data)]));
}`;

function compile(name: string, source: string, context: vm.Context): vm.SourceTextModule {
  const { text, columnOffset } = form(source.replace(/^```\w*\n([\s\S]*?)```\s*$/, "\n$1"));
  const options = { identifier: name, context, columnOffset };
  try {
    return new vm.SourceTextModule(text, options);
  } catch {
    // Only what is not JavaScript is transpiled: everything else keeps its lines.
    const { outputText, diagnostics } = ts.transpileModule(text, { reportDiagnostics: true, compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext } });
    const wrong = diagnostics?.[0];
    if (wrong?.start === undefined) return new vm.SourceTextModule(outputText, options);
    const { line, character } = ts.getLineAndCharacterOfPosition(ts.createSourceFile(name, text, ts.ScriptTarget.ESNext), wrong.start);
    throw Object.assign(new SyntaxError(ts.flattenDiagnosticMessageText(wrong.messageText, " ")), { kind: "syntax", module: name, line: line + 1, column: character + 1 });
  }
}

/** A module with a default export, a library, a function, or statements. */
function form(source: string): { text: string; columnOffset: number } {
  const file = ts.createSourceFile("x.ts", source, ts.ScriptTarget.ESNext);
  const statements = file.statements.filter((one) => !ts.isInterfaceDeclaration(one) && !ts.isTypeAliasDeclaration(one));
  const isExport = (one: ts.Statement) => ts.isExportAssignment(one) || ts.isExportDeclaration(one) || ts.canHaveModifiers(one) && ts.getModifiers(one)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  if (statements.some(isExport) || statements.every(ts.isImportDeclaration)) return { text: source, columnOffset: 0 };
  const last = statements.at(-1)!;
  const at = last.getStart(file);
  const isFunction = ts.isExpressionStatement(last) && (ts.isArrowFunction(last.expression) || ts.isFunctionExpression(last.expression) || ts.isParenthesizedExpression(last.expression));
  if (statements.length === 1 && (isFunction || ts.isFunctionDeclaration(last))) {
    const before = "export default ";
    return { text: `${source.slice(0, at)}${before}${source.slice(at)}`, columnOffset: source.slice(0, at).includes("\n") ? 0 : -before.length };
  }
  const before = "export default async function (input) { ";
  const returned = ts.isExpressionStatement(last) ? `${source.slice(0, at)}return ${source.slice(at)}` : source;
  return { text: `${before}${returned}\n}`, columnOffset: -before.length };
}

/** As the engine takes results: what JSON would lose in silence is refused. */
function serialized(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value) ?? "null");
  } catch (thrown) {
    throw Object.assign(new TypeError(`The result cannot be sent as JSON: ${(thrown as Error).message}`), { kind: "not_serializable" });
  }
}

function told(thrown: unknown): RunError {
  const { name, message, stack, ...more } = Object.assign(Object.create(null), { name: "Error", message: String(thrown) }, fields(thrown)) as RunError;
  const frame = /^\s+at (?:.*\()?([\w./-]+):(\d+):(\d+)\)?$/m.exec((stack ?? "").split("\n").filter((line) => !line.includes("mayfly:prelude")).join("\n"));
  const place = frame === null ? {} : { module: frame[1]!, line: Number(frame[2]), column: Number(frame[3]) };
  return { ...place, ...more, kind: more.kind ?? "exception", name, message, ...(stack !== undefined && { stack }) };
}

function fields(thrown: unknown): Partial<RunError> {
  if (typeof thrown !== "object" || thrown === null || !("message" in thrown)) return {};
  const { name, message, stack } = thrown as Error;
  const { kind, module, line, column } = thrown as Partial<RunError>;
  return JSON.parse(JSON.stringify({ name, message, stack, kind, module, line, column })) as Partial<RunError>;
}
