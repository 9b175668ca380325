// In: a time and perhaps the caller's signal. Out: one signal for both, and what ended it.
// May touch: a timer, which does not outlive `end`.
// Security boundary: no.

import { MayflyError } from "./errors.js";

export class Deadline {
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout>;
  readonly #what: string;
  readonly #outer: AbortSignal | undefined;
  readonly #follow = () => this.#controller.abort(this.#outer?.reason);

  constructor(within_ms: number, what: string, outer?: AbortSignal) {
    outer?.throwIfAborted();
    this.#what = what;
    this.#timer = this.#start(within_ms);
    this.#outer = outer;
    outer?.addEventListener("abort", this.#follow, { once: true });
  }

  #start(within_ms: number): ReturnType<typeof setTimeout> {
    const late = () => this.#controller.abort(new MayflyError("timeout", `${this.#what}: no complete answer within ${within_ms} ms`));
    return setTimeout(late, within_ms);
  }

  /** From now on it is this long. */
  restart(within_ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start(within_ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What to throw for a failure under this deadline: the reason of its end, if that is what it was. */
  explain(thrown: unknown, what: string): unknown {
    if (this.signal.aborted) return this.signal.reason;
    if (thrown instanceof MayflyError) return thrown;
    return new MayflyError("connection", `${what}: ${reason(thrown)}`, { cause: thrown });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#follow);
  }
}

/** `work`, or the reason of the abort as soon as there is one. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  // Else its failure after the abort would be one that nobody handles.
  work.catch(() => undefined);
  return new Promise((resolve, reject) => {
    const give_up = () => reject(signal.reason);
    if (signal.aborted) return give_up();
    signal.addEventListener("abort", give_up, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", give_up));
  });
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, timer } = later(ms);
  if (signal === undefined) return promise;
  return unlessAborted(promise, signal).finally(() => clearTimeout(timer));
}

function later(ms: number): { promise: Promise<void>; timer: ReturnType<typeof setTimeout> } {
  let timer!: ReturnType<typeof setTimeout>;
  const promise = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return { promise, timer };
}

/** The message, and that of its cause, which is where `fetch` tells what happened. */
function reason(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { cause } = thrown;
  return cause instanceof Error && cause.message !== "" ? `${thrown.message} (${cause.message})` : thrown.message;
}
