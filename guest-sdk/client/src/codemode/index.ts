// In: code that a model wrote, and the functions that it may call. Out: its result, error and log, in codemode's shape.
// May touch: the Mayfly server; the functions, as the code calls them.
// Security boundary: no. The isolate is the boundary, and it is on the server.

import type { Mayfly } from "../client.js";
import { message } from "../external.js";
import type { Approve, Limits, LogLine, Run, RunError, Tags } from "../types.js";
import { isOurs, MAIN, PAUSE, program, UNDEFINED_TAG } from "./guest.js";
import { plan, type Plan } from "./namespaces.js";
import type { ExecuteOptions, ExecuteResult, Executor, HostFunction, ResolvedProvider } from "./shapes.js";
import { decode } from "./values.js";

export type { ConnectorBinding, ExecuteOptions, ExecuteResult, Executor, HostFunction, ResolvedProvider } from "./shapes.js";
export { sanitizeToolName } from "../names.js";

export interface MayflyExecutorOptions {
  client: Mayfly;
  /** For each run; `wall_ms` is the timeout. What is not said has the tenant's default. */
  limits?: Limits;
  /** Further modules, by the name that `import "./NAME"` uses. */
  modules?: Record<string, string>;
  /** Narrows the tenant's own tools, which the code may call beside what it is given; all of them unless it is said. */
  tools?: string[];
  /** Decides where a tool of the tenant wants approval. Without it such a call ends the run with an error. */
  approve?: Approve;
  /** Type-check the code before it runs. */
  check?: boolean;
  tags?: Tags;
  /** Ends all runs of this executor. */
  signal?: AbortSignal;
}

/** Runs code of `@cloudflare/codemode` on Mayfly: `createCodeTool({ tools, executor: new MayflyExecutor({ client }) })`. */
export class MayflyExecutor implements Executor {
  readonly #options: MayflyExecutorOptions;

  constructor(options: MayflyExecutorOptions) {
    this.#options = options;
  }

  /** Never throws: whatever goes wrong is `error`. */
  async execute(code: string, providersOrFns: ResolvedProvider[] | Record<string, HostFunction>, options?: ExecuteOptions): Promise<ExecuteResult> {
    try {
      const providers = Array.isArray(providersOrFns) ? providersOrFns : [{ name: "codemode", fns: providersOrFns }];
      const connectors = options?.connectors ?? [];
      const planned = plan(providers, connectors);
      if ("error" in planned) return { result: undefined, error: planned.error };
      const run = await this.#run(code, planned);
      return { ...(await this.#told(run)), logs: run.logs.map(line) };
    } catch (thrown) {
      return { result: undefined, error: thrown instanceof Error ? `${thrown.name}: ${message(thrown)}` : String(thrown) };
    }
  }

  #run(code: string, { namespaces, external }: Plan): Promise<Run> {
    const { limits, modules, tools, approve, check, tags, signal } = this.#options;
    const settings = {
      external,
      ...(limits && { limits }),
      ...(tools && { tools }),
      ...(approve && { approve }),
      ...(check !== undefined && { check }),
      ...(tags && { tags }),
    };
    return this.#options.client.run({ ...program(code, namespaces, modules), ...settings }, signal && { signal });
  }

  async #told(run: Run): Promise<ExecuteResult> {
    switch (run.status) {
      case "completed":
        return { result: resultOf(run.result) };
      case "failed":
        return { result: undefined, error: text(run.error) };
      case "paused": {
        // Nobody could continue it: codemode has no word for that.
        await this.#options.client.cancel(run.id).catch(() => undefined);
        const calls = run.pending.map(({ tool }) => tool).join(", ");
        return { result: undefined, error: `ApprovalRequired: ${calls} must be approved; give the executor \`approve\`` };
      }
      default:
        return { result: undefined, error: run.error === undefined ? `Error: the run is ${run.status}` : text(run.error) };
    }
  }
}

function resultOf(result: unknown): unknown {
  if (typeof result === "object" && result !== null && Object.hasOwn(result, UNDEFINED_TAG)) return undefined;
  return decode(result);
}

/** `TypeError: x is not a function (main.ts:3:7)`. */
function text(error: RunError): string {
  if (error.message === PAUSE) return PAUSE;
  const place = placeOf(error);
  const told = error.message === "" ? error.name : `${error.name}: ${error.message}`;
  return place === undefined ? told : `${told} (${place})`;
}

/** In the model's code: what is thrown in ours for it has its place where the code called. */
function placeOf({ module, line, column, stack }: RunError): string | undefined {
  if (module !== undefined && !isOurs(module)) return [module, line, column].filter((part) => part !== undefined).join(":");
  return new RegExp(`\\b${MAIN.replace(".", "\\.")}:\\d+:\\d+`).exec(stack ?? "")?.[0];
}

function line({ level, text }: LogLine): string {
  return level === "warn" || level === "error" ? `[${level}] ${text}` : text;
}
