// In: the pending calls of a paused run, and the caller's functions. Out: their outcomes and decisions.
// May touch: nothing but what those functions touch.
// Security boundary: yes, the caller's: of `external` only own properties are called, whatever name a script asks for.

import { Deadline, unlessAborted } from "./deadline.js";
import type { Approve, Continuation, Decision, ExternalTool, ExternalTools, JsonSchema, Outcome, PausedRun, PendingCall } from "./types.js";

/** Who answers the pending calls of a run. */
export interface Answerers {
  external?: ExternalTools | undefined;
  approve?: Approve | undefined;
}

export interface ExternalDeclaration {
  name: string;
  description?: string;
  input_schema?: JsonSchema;
  output_schema?: JsonSchema;
}

/** What the server is told of external tools. */
export function declare(external: ExternalTools | undefined): ExternalDeclaration[] | undefined {
  if (external === undefined || Object.keys(external).length === 0) return undefined;
  return Object.entries(external).map(([name, tool]) => {
    if (typeof tool?.execute !== "function") throw new TypeError(`external.${name}: has no function \`execute\``);
    const { description, input_schema, output_schema } = tool;
    return {
      name,
      ...(description !== undefined && { description }),
      ...(input_schema !== undefined && { input_schema }),
      ...(output_schema !== undefined && { output_schema }),
    };
  });
}

/** Whether anybody here has something to say to it. */
export function isAnswerable(run: PausedRun, who: Answerers): boolean {
  return (run.pending ?? []).some(({ reason }) => (reason === "external" ? who.external : who.approve) !== undefined);
}

/** What can be said to the pending calls; `undefined` when that is nothing, and the run is the caller's to continue. */
export async function answer(run: PausedRun, who: Answerers, within_ms: number, signal: AbortSignal): Promise<Continuation | undefined> {
  const outcomes: Promise<Outcome>[] = [];
  const decisions: Promise<Decision>[] = [];
  for (const call of run.pending ?? []) {
    if (call.reason === "external" && who.external !== undefined) outcomes.push(outcome(call, own(who.external, call.tool), run.id, within_ms, signal));
    if (call.reason === "approval" && who.approve !== undefined) decisions.push(decision(call, who.approve, run.id, signal));
  }
  if (outcomes.length === 0 && decisions.length === 0) return undefined;
  const said = Promise.all([Promise.all(outcomes), Promise.all(decisions)]);
  const [done, decided] = await unlessAborted(said, signal);
  return { ...(decided.length > 0 && { decisions: decided }), ...(done.length > 0 && { outcomes: done }) };
}

function own(external: ExternalTools, name: string): ExternalTool | undefined {
  return Object.hasOwn(external, name) ? external[name] : undefined;
}

/** Rejects only after an abort: a tool that fails is told to the script, which may know what to do. */
async function outcome(pending: PendingCall, tool: ExternalTool | undefined, run: string, within_ms: number, outer: AbortSignal): Promise<Outcome> {
  const { call, tool: name } = pending;
  if (tool === undefined) return { call, error: `there is no external tool called ${name}` };
  const deadline = new Deadline(within_ms, `tools.${name}`, outer);
  try {
    const { signal } = deadline;
    const work = (async () => tool.execute(pending.args, { run, call, tool: name, signal }))();
    return { call, value: sendable(await unlessAborted(work, signal)) };
  } catch (thrown) {
    return { call, error: message(thrown) };
  } finally {
    deadline.end();
  }
}

/** Checked here, so that one value that JSON cannot carry does not fail the answers of all the others. */
function sendable(value: unknown): unknown {
  try {
    return JSON.stringify(value) === undefined ? null : value;
  } catch (thrown) {
    throw new TypeError(`the result of the tool cannot be sent as JSON: ${message(thrown)}`);
  }
}

export function message(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message === "" ? thrown.name : thrown.message;
  return String(thrown);
}

async function decision({ ...pending }: PendingCall, approve: Approve, run: string, signal: AbortSignal): Promise<Decision> {
  // Anything but a plain yes is a no.
  return { call: pending.call, approve: (await approve(pending, { id: run, signal })) === true };
}
