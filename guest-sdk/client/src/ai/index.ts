// In: tools of the AI SDK, and a client. Out: one tool, with which the model writes code that calls them.
// May touch: the Mayfly server; the tools, as the code calls them.
// Security boundary: no. The isolate is the boundary; arguments are checked against each tool's schema before it is called.

import { asSchema, jsonSchema, tool, type Tool, type ToolSet } from "ai";
import type { Mayfly } from "../client.js";
import { LOG_CHARS_MAX, RESULT_CHARS_MAX } from "../limits.js";
import { sanitized, wireName } from "../names.js";
import { clipString, truncate } from "../truncate.js";
import type { Approve, ErrorKind, ExternalCall, ExternalTools, JsonSchema, Limits, LogLine, Run, Tags } from "../types.js";
import { declarations } from "./declarations.js";

export interface MayflyToolOptions {
  client: Mayfly;
  /** What the code may call, each as `tools.NAME(input)`. */
  tools: ToolSet;
  /** Instead of the built-in one; `{{types}}` stands for the declarations. */
  description?: string;
  limits?: Limits;
  /** Decides about tools with `needsApproval`, and those of the tenant that want it. Without it the former are refused when the tool is made. */
  approve?: Approve;
  /** Type-check the code before it runs. */
  check?: boolean;
  tags?: Tags;
  /** What the model is shown of a result, as JSON; 24,000 characters unless it is said. */
  result_chars_max?: number;
  /** What the model is shown of the log; 8,000 characters unless it is said. */
  log_chars_max?: number;
}

export interface MayflyToolInput {
  code: string;
}

/** A script that fails is no failure of the tool: the model reads the error with its place, and mends the code. */
export type MayflyToolOutput = { run: string; logs?: string[] } & (
  | { status: "completed"; result: unknown }
  | { status: "failed"; error: { kind: ErrorKind; text: string; place?: string; source?: string } }
  | { status: "paused"; pending: { call: number; tool: string; args: unknown }[] }
  | { status: "cancelled" | "running" }
);

const DESCRIPTION = `Runs TypeScript in a fresh sandbox and returns its result.

{{types}}

Write a function: \`async () => { ... return result; }\`. TypeScript is fine. Chain several calls in one piece of code, run independent
ones side by side with Promise.all, and return only what is needed: the result must be JSON. Await every call. There are no packages
and no files. console.log is shown to you. Nothing is kept from one call of this tool to the next.`;

const INPUT = jsonSchema<MayflyToolInput>({
  type: "object",
  properties: { code: { type: "string", description: "TypeScript: an async function without parameters" } },
  required: ["code"],
  additionalProperties: false,
});

/** One tool that runs code: `generateText({ tools: { execute: mayflyTool({ client, tools }) } })`. */
export function mayflyTool(options: MayflyToolOptions): Tool<MayflyToolInput, MayflyToolOutput> {
  const tools = callable(options);
  const described = declarations([...tools].map(([name, one]) => declaredAs(name, one)), "tools");
  return tool({
    // A function, because text of a tool may hold what String.replace takes for a pattern.
    description: (options.description ?? DESCRIPTION).replace("{{types}}", () => described),
    inputSchema: INPUT,
    execute: async ({ code }: MayflyToolInput, context: Context): Promise<MayflyToolOutput> => {
      const { client, limits, approve, check, tags } = options;
      const external = externals(tools, approve, context);
      const asked = { ...(limits && { limits }), ...(approve && { approve }), ...(check !== undefined && { check }), ...(tags && { tags }) };
      return shown(await client.run({ code, external, ...asked }, context.abortSignal && { signal: context.abortSignal }), options);
    },
  }) as Tool<MayflyToolInput, MayflyToolOutput>;
}

type AnyTool = ToolSet[string];

/** What the SDK tells `execute` of the call; its types differ between its major versions. */
type Context = { toolCallId: string; messages: unknown[]; abortSignal?: AbortSignal };

function callable({ tools, approve }: MayflyToolOptions): Map<string, AnyTool> {
  const found = sanitized(tools);
  if (!("byName" in found)) throw new TypeError(`tools: "${found.first}" and "${found.second}" would both be tools.${found.both}`);
  const here = [...found.byName].filter(([, one]) => typeof one.execute === "function");
  const held = here.filter(([, one]) => needsApproval(one) !== undefined).map(([name]) => name);
  if (held.length > 0 && approve === undefined) throw new TypeError(`tools: ${held.join(", ")} must be approved; give \`approve\``);
  return new Map(here.map(([name, one]) => [wireName(name), one]));
}

function needsApproval(one: AnyTool): true | ((input: unknown, context: unknown) => unknown) | undefined {
  const given = (one as { needsApproval?: unknown }).needsApproval;
  if (typeof given === "function") return given as (input: unknown, context: unknown) => unknown;
  return given === true ? true : undefined;
}

function declaredAs(name: string, one: AnyTool) {
  const { description } = one as { description?: unknown };
  return { name, description: typeof description === "string" ? description : undefined, input: schemaOf(one.inputSchema), output: one.outputSchema && schemaOf(one.outputSchema) };
}

/** `undefined` where it is not known yet, or cannot be written: the model is shown `unknown` then. */
function schemaOf(given: unknown): JsonSchema | undefined {
  try {
    const schema: unknown = asSchema(given as Parameters<typeof asSchema>[0]).jsonSchema;
    if (typeof schema !== "object" || schema === null || "then" in schema) return undefined;
    return schema as JsonSchema;
  } catch {
    return undefined;
  }
}

function externals(tools: Map<string, AnyTool>, approve: Approve | undefined, context: Context): ExternalTools {
  const external: ExternalTools = {};
  for (const [name, one] of tools) {
    const { name: _, description, input } = declaredAs(name, one);
    external[name] = {
      ...(description !== undefined && { description }),
      ...(input !== undefined && { input_schema: input }),
      execute: (args, call) => perform(one, args, call, approve, context),
    };
  }
  return external;
}

async function perform(one: AnyTool, args: unknown, call: ExternalCall, approve: Approve | undefined, outer: Context): Promise<unknown> {
  const schema = asSchema(one.inputSchema as Parameters<typeof asSchema>[0]);
  const checked = schema.validate === undefined ? { success: true as const, value: args } : await schema.validate(args);
  if (!checked.success) throw new TypeError(`tools.${call.tool}: the input does not fit: ${checked.error.message}`);
  const context = { ...outer, abortSignal: call.signal };
  const held = needsApproval(one);
  const ask = held === true || (held !== undefined && (await held(checked.value, context)) !== false);
  if (ask && (await approve?.({ call: call.call, tool: call.tool, args, reason: "approval" }, { id: call.run, signal: call.signal })) !== true) {
    throw new Error(`tools.${call.tool}: was not approved`);
  }
  const execute = one.execute as (input: unknown, context: unknown) => unknown;
  return last(await execute(checked.value, context));
}

/** A tool that tells how far it is ends with what it found. */
async function last(value: unknown): Promise<unknown> {
  if (typeof value !== "object" || value === null || !(Symbol.asyncIterator in value)) return value;
  let latest: unknown;
  for await (const one of value as AsyncIterable<unknown>) latest = one;
  return latest;
}

function shown(run: Run, { result_chars_max = RESULT_CHARS_MAX, log_chars_max = LOG_CHARS_MAX }: MayflyToolOptions): MayflyToolOutput {
  const lines = logged(run.logs, log_chars_max);
  const common = { run: run.id, ...(lines.length > 0 && { logs: lines }) };
  switch (run.status) {
    case "completed":
      return { status: "completed", result: truncate(run.result, result_chars_max), ...common };
    case "failed": {
      const { kind, name, message, module, line, column, source } = run.error;
      const place = [module, line, column].filter((part) => part !== undefined).join(":");
      const text = clipString(`${name}: ${message}`, log_chars_max);
      return { status: "failed", error: { kind, text, ...(place !== "" && { place }), ...(source !== undefined && { source: clipString(source, 500) }) }, ...common };
    }
    case "paused":
      return { status: "paused", pending: run.pending.map(({ call, tool, args }) => ({ call, tool, args: truncate(args, result_chars_max) })), ...common };
    default:
      return { status: run.status, ...common };
  }
}

/** The first lines: what a script says first leads to what it says later. */
function logged(logs: LogLine[], chars_max: number): string[] {
  const lines: string[] = [];
  let room = chars_max;
  for (const [at, { level, text }] of logs.entries()) {
    const told = level === "log" ? text : `[${level}] ${text}`;
    if (told.length > room) {
      lines.push(clipString(told, room), `…[${logs.length - at - 1} more lines]`);
      break;
    }
    room -= told.length;
    lines.push(told);
  }
  return lines;
}
