// In: a request for a run, or the continuation of one. Out: the run, as far as this client can bring it.
// May touch: the server, the caller's external tools.
// Security boundary: no.

import { MayflyError } from "./errors.js";
import { answer, declare, type Answerers } from "./external.js";
import { positive, type Ask, type CallOptions, type Http } from "./http.js";
import { CANCEL_MS, EXTERNAL_MS, ROUNDS_MAX, WALL_MARGIN_MS } from "./limits.js";
import type { Continuation, PausedRun, Run, RunRequest } from "./types.js";

export interface DriveOptions extends CallOptions {
  /** How often a paused run is answered; 1,000 unless it is said. */
  rounds_max?: number;
  /** For one external tool; what takes longer is an error for the script. 120 s unless it is said. */
  external_ms?: number;
}

export interface RunOptions extends DriveOptions {
  /** Two requests with the same key make one run. Made anew for each call unless it is said. */
  idempotency_key?: string;
}

export function creation(request: RunRequest, options: RunOptions): Ask {
  const { external, approve: _, ...rest } = request;
  const declared = declare(external);
  return {
    ...patience(options, request.limits?.wall_ms),
    method: "POST",
    path: "/v1/runs",
    json: { ...rest, ...(declared !== undefined && { external: declared }) },
    ...(options.idempotency_key !== undefined && { headers: { "idempotency-key": options.idempotency_key } }),
  };
}

export function continuation(id: string, said: Continuation, options: DriveOptions, wall_ms?: number): Ask {
  return { ...patience(options, wall_ms), method: "POST", path: `${pathOf(id)}/continue`, json: said };
}

export function pathOf(id: string): string {
  if (typeof id !== "string" || id === "" || id === "." || id === "..") throw new TypeError("id: is not the id of a run");
  return `/v1/runs/${encodeURIComponent(id)}`;
}

function patience(options: CallOptions, wall_ms: number | undefined): CallOptions & { least_ms?: number } {
  return {
    ...(options.signal !== undefined && { signal: options.signal }),
    ...(options.timeout_ms !== undefined && { timeout_ms: options.timeout_ms }),
    ...(wall_ms !== undefined && { least_ms: wall_ms + WALL_MARGIN_MS }),
  };
}

export async function askRun<T>(http: Http, ask: Ask): Promise<Run<T>> {
  return asRun<T>((await http.json(ask)).value, `${ask.method} ${ask.path}`);
}

export function asRun<T>(value: unknown, what: string): Run<T> {
  const { id, status } = (value ?? {}) as Partial<Run>;
  if (typeof id === "string" && typeof status === "string") return value as Run<T>;
  throw new MayflyError("protocol", `${what}: the answer is no run`);
}

/** Answers a paused run for as long as there is something to say. Whatever fails on the way cancels it. */
export async function drive<T>(http: Http, first: Run<T>, who: Answerers, options: DriveOptions, wall_ms?: number): Promise<Run<T>> {
  const rounds = new Rounds(options);
  return orCancel(http, first.id, async () => {
    let run = first;
    for (;;) {
      const said = run.status === "paused" ? await rounds.answer(run, who) : undefined;
      if (said === undefined) return run;
      run = await askRun<T>(http, continuation(run.id, said, options, wall_ms));
    }
  });
}

/** Counts how often a run was answered. */
export class Rounds {
  readonly #max: number;
  readonly #external_ms: number;
  readonly #signal: AbortSignal;
  #done = 0;

  constructor({ rounds_max, external_ms, signal }: DriveOptions) {
    this.#max = positive(rounds_max, ROUNDS_MAX, "rounds_max");
    this.#external_ms = positive(external_ms, EXTERNAL_MS, "external_ms");
    this.#signal = signal ?? new AbortController().signal;
  }

  async answer(run: PausedRun, who: Answerers): Promise<Continuation | undefined> {
    const said = await answer(run, who, this.#external_ms, this.#signal);
    if (said !== undefined && (this.#done += 1) > this.#max) {
      throw new MayflyError("rounds", `run ${run.id} was answered ${this.#max} times and is still paused; rounds_max allows no more`);
    }
    return said;
  }
}

export async function orCancel<T>(http: Http, id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    await cancelQuietly(http, id);
    throw thrown;
  }
}

/** Nobody will answer this run any more. What fails here must not hide why. */
export async function cancelQuietly(http: Http, id: string): Promise<void> {
  await http.text({ method: "DELETE", path: pathOf(id), timeout_ms: CANCEL_MS }).catch(() => undefined);
}
