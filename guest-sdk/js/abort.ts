// In: the wish to stop. Out: AbortSignal, which tells everybody who listens, once.
// May touch: timers, for AbortSignal.timeout.
// Security boundary: no.

import { Event, EventTarget } from "./events.ts";
import { setTimeout } from "./timers.ts";

/** Only this file makes signals. */
const KEY = Symbol();

interface State {
  aborted: boolean;
  reason: unknown;
}

export class AbortSignal extends EventTarget {
  #state: State = { aborted: false, reason: undefined };
  #onabort: ((event: Event) => unknown) | null = null;

  constructor(key?: symbol) {
    if (key !== KEY) throw new TypeError("Illegal constructor: use an AbortController.");
    super();
  }

  get aborted(): boolean {
    return this.#state.aborted;
  }

  get reason(): unknown {
    return this.#state.reason;
  }

  get onabort(): ((event: Event) => unknown) | null {
    return this.#onabort;
  }

  set onabort(handler: ((event: Event) => unknown) | null) {
    if (this.#onabort !== null) this.removeEventListener("abort", this.#onabort);
    this.#onabort = typeof handler === "function" ? handler : null;
    if (this.#onabort !== null) this.addEventListener("abort", this.#onabort);
  }

  throwIfAborted(): void {
    if (this.#state.aborted) throw this.#state.reason;
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(KEY);
    signal.#state = { aborted: true, reason: reason === undefined ? abortError() : reason };
    return signal;
  }

  static timeout(delay_ms: number): AbortSignal {
    const signal = new AbortSignal(KEY);
    setTimeout(() => fire(signal, new DOMException("The operation timed out.", "TimeoutError")), delay_ms);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const sources = [...signals];
    const aborted = sources.find((source) => source.aborted);
    if (aborted !== undefined) return AbortSignal.abort(aborted.reason);
    const signal = new AbortSignal(KEY);
    for (const source of sources) {
      source.addEventListener("abort", () => fire(signal, source.reason), { once: true });
    }
    return signal;
  }

  /** For this file alone: taken away below. */
  static fire(signal: AbortSignal, reason: unknown): void {
    if (signal.#state.aborted) return;
    signal.#state = { aborted: true, reason };
    signal.dispatchEvent(new Event("abort"));
  }

  override get [Symbol.toStringTag](): string {
    return "AbortSignal";
  }
}

const { fire } = AbortSignal;
delete (AbortSignal as { fire?: unknown }).fire;

function abortError(): DOMException {
  return new DOMException("This operation was aborted", "AbortError");
}

export class AbortController {
  readonly signal: AbortSignal = new AbortSignal(KEY);

  abort(reason?: unknown): void {
    fire(this.signal, reason === undefined ? abortError() : reason);
  }

  get [Symbol.toStringTag](): string {
    return "AbortController";
  }
}
