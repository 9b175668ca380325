// In: bodies of `POST /v1/runs` and `.../continue`. Out: run objects, as CONTRACT section 4 has them.
// May touch: nothing but evaluations.
// Security boundary: no.

import { createHash } from "node:crypto";
import type { Continuation, HeldRequest, LogLine, PendingCall, Run, RunStatus } from "@mayfly/client";
import { Evaluation, type HostCall, type State } from "./engine.js";
import { Refusal } from "./refusal.js";

/** Tools of the tenant: what they answer to which argument, and whether somebody must say yes. */
export type TenantTools = Record<string, { approve?: boolean; takes?: string; answer(args: any): unknown }>;

const FIELDS = new Set("code modules main script input limits tools external workspace credentials record durable check tags wait".split(" "));

export type Told = { event: "log" | "call" | "paused" | "result"; data: unknown };

export class FakeRun {
  readonly id = `run_${crypto.randomUUID().replaceAll("-", "")}`;
  status: RunStatus = "running";
  readonly body: Record<string, any>;
  readonly #tools: TenantTools;
  readonly #held = new Map<number, HostCall & Pick<PendingCall, "reason">>();
  readonly #logs: LogLine[] = [];
  readonly #calls: unknown[] = [];
  readonly #evaluation: Evaluation;
  #state: State = { state: "waiting" };
  tell: (told: Told) => void = () => undefined;

  constructor(body: Record<string, any>, tools: TenantTools) {
    for (const name of Object.keys(body)) if (!FIELDS.has(name)) throw new Refusal(400, "bad_request", `\`${name}\`: unknown field`);
    for (const { name, ...rest } of body.external ?? []) {
      if (!/^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*$/.test(name)) throw new Refusal(400, "bad_request", `\`external\`: ${name} is no name`);
      const unknown = Object.keys(rest).find((field) => !["description", "input_schema", "output_schema"].includes(field));
      if (unknown !== undefined) throw new Refusal(400, "bad_request", `\`external.${unknown}\`: unknown field`);
    }
    this.body = body;
    this.#tools = tools;
    const modules = body.modules ?? { "main.ts": body.code };
    this.#evaluation = new Evaluation(modules, body.main ?? "main.ts", body.input, {
      call: (call) => void this.#call(call),
      log: (log) => (this.#logs.push(log), this.tell({ event: "log", data: log })),
    });
  }

  async settle(): Promise<Run> {
    // A cancellation is an answer too.
    const stopped = new Promise<undefined>((resolve) => (this.#stopped = () => resolve(undefined)));
    const state = await Promise.race([this.#evaluation.settled(this.body.limits?.wall_ms ?? 30_000), stopped]);
    if (state !== undefined) {
      this.#state = state;
      this.status = state.state === "waiting" ? "paused" : state.state;
    }
    const run = this.object();
    this.tell({ event: run.status === "paused" ? "paused" : "result", data: run });
    return run;
  }

  #stopped: () => void = () => undefined;

  continue({ decisions = [], outcomes = [] }: Continuation): void {
    if (this.status !== "paused") throw new Refusal(409, "conflict", `the run is ${this.status}`);
    const taken = [...decisions, ...outcomes].map(({ call }) => {
      const held = this.#held.get(call);
      if (held === undefined) throw new Refusal(400, "bad_request", `\`call\`: ${call} does not wait`);
      return [call, held] as const;
    });
    taken.forEach(([call]) => this.#held.delete(call));
    const calls = new Map(taken);
    for (const { call, approve } of decisions) {
      const held = calls.get(call)!;
      if (approve) held.answer(this.#tools[held.tool]!.answer(held.args));
      else held.refuse("PolicyError", `${held.tool} was not approved`);
    }
    for (const outcome of outcomes) {
      const held = calls.get(outcome.call)!;
      if ("error" in outcome) held.refuse("ToolError", outcome.error);
      else held.answer(outcome.value);
    }
    this.status = "running";
  }

  cancel(): void {
    if (this.status === "completed" || this.status === "failed") return;
    this.status = "cancelled";
    this.#evaluation.stop();
    this.#stopped();
  }

  object(): Run {
    const state = this.status === "cancelled" ? { error: { kind: "cancelled", name: "Cancelled", message: "the run was cancelled" } } : this.#state;
    const pending = [...this.#held.values()].map(({ call, tool, args, reason }) => ({ call, tool, args, reason, ...(reason === "approval" && { request: held(tool, args) }) }));
    return {
      id: this.id,
      status: this.status,
      ...("result" in state && { result: state.result }),
      ...("error" in state && { error: state.error }),
      ...(this.status === "paused" && { pending }),
      logs: this.#logs,
      calls: this.#calls,
      usage: { cpu_us: 1, wall_us: 1, memory_peak_bytes: 1, calls: this.#calls.length, bytes_out: 0, bytes_in: 0 },
    } as Run;
  }

  async #call(call: HostCall): Promise<void> {
    const record = { call: call.call, tool: call.tool, verdict: "allow", ms: 1, bytes_out: 0, bytes_in: 0 };
    this.#calls.push(record);
    this.tell({ event: "call", data: record });
    if ((this.body.external ?? []).some(({ name }: { name: string }) => name === call.tool)) return void this.#held.set(call.call, { ...call, reason: "external" });
    const tool = Object.hasOwn(this.#tools, call.tool) ? this.#tools[call.tool] : undefined;
    if (tool === undefined) return call.refuse("PolicyError", `there is no tool ${call.tool}`);
    if (tool.approve === true) return void this.#held.set(call.call, { ...call, reason: "approval" });
    call.answer(await tool.answer(call.args));
  }
}

function held(tool: string, args: unknown): HeldRequest {
  const [url, body] = [`http://127.0.0.1/${tool}`, JSON.stringify(args)];
  return { method: "POST", url, body, body_bytes: body.length, digest: createHash("sha256").update(`POST ${url} ${body}`).digest("hex") };
}
