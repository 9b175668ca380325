// In: the wish to stop. Out: AbortSignal, which tells everybody who listens, once.
// May touch: timers, for AbortSignal.timeout.
// Security boundary: no.

import { Event, EventTarget, fire, signals, type Remover } from "./events.ts";
import { handlers } from "./handlers.ts";
import { printAs } from "./inspect.ts";
import { setTimeout } from "./timers.ts";
import { need } from "./webidl.ts";

/** Only this file makes signals. */
const KEY = Symbol();

let make: () => AbortSignal;
let stateOf: (signal: AbortSignal) => State;

interface State {
  aborted: boolean;
  reason: unknown;
  /** What has to happen before the event is dispatched. */
  actions: (() => void)[];
  /** Those whose state this one follows, where `AbortSignal.any` made it; never such a one itself. */
  sources: AbortSignal[] | undefined;
  dependents: AbortSignal[];
}

export class AbortSignal extends EventTarget {
  #state: State = { aborted: false, reason: undefined, actions: [], sources: undefined, dependents: [] };
  declare onabort: ((event: Event) => unknown) | null;

  static {
    make = () => new AbortSignal(KEY);
    stateOf = (signal) => signal.#state;
    signals.is = (value) => typeof value === "object" && value !== null && #state in value;
    signals.whenAborted = (signal, action) => whenAborted(signal as AbortSignal, action);
  }

  constructor(key: symbol | undefined = undefined) {
    if (key !== KEY) throw new TypeError("Illegal constructor: use an AbortController.");
    super();
  }

  get aborted(): boolean {
    return this.#state.aborted;
  }

  get reason(): unknown {
    return this.#state.reason;
  }

  throwIfAborted(): void {
    if (this.#state.aborted) throw this.#state.reason;
  }

  static abort(reason: unknown = undefined): AbortSignal {
    const signal = make();
    mark(signal, reason === undefined ? abortError() : reason);
    return signal;
  }

  static timeout(milliseconds: number): AbortSignal {
    need(arguments.length, 1, "AbortSignal.timeout");
    const delay_ms = Math.trunc(Number(milliseconds));
    if (!(delay_ms >= 0 && delay_ms <= Number.MAX_SAFE_INTEGER)) throw new TypeError("AbortSignal.timeout: the time is not a number of milliseconds.");
    const signal = make();
    setTimeout(() => abort(signal, new DOMException("The operation timed out.", "TimeoutError")), delay_ms);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    need(arguments.length, 1, "AbortSignal.any");
    const given = [...signals];
    const states = given.map(stateOf);
    const aborted = states.find((state) => state.aborted);
    if (aborted !== undefined) return AbortSignal.abort(aborted.reason);
    const signal = make();
    // Of a signal that follows others, those others: no chain is longer than one.
    const sources = new Set(given.flatMap((source, at) => states[at]?.sources ?? [source]));
    stateOf(signal).sources = [...sources];
    for (const source of sources) stateOf(source).dependents.push(signal);
    return signal;
  }
}

/** Has `action` done when the signal aborts, before anybody hears of it. Gives what takes that back. */
export function whenAborted(signal: AbortSignal | Remover, action: () => void): () => void {
  const state = stateOf(signal as AbortSignal);
  if (!state.aborted) state.actions.push(action);
  return () => {
    state.actions = state.actions.filter((known) => known !== action);
  };
}

function mark(signal: AbortSignal, reason: unknown): void {
  const state = stateOf(signal);
  state.aborted = true;
  state.reason = reason;
}

/** Those that follow are aborted before the first of all their listeners hears anything. */
function abort(signal: AbortSignal, reason: unknown): void {
  const state = stateOf(signal);
  if (state.aborted) return;
  mark(signal, reason);
  const dependents = state.dependents.filter((dependent) => !stateOf(dependent).aborted);
  state.dependents = [];
  for (const dependent of dependents) mark(dependent, reason);
  tell(signal);
  for (const dependent of dependents) tell(dependent);
}

function tell(signal: AbortSignal): void {
  const state = stateOf(signal);
  const { actions } = state;
  state.actions = [];
  for (const action of actions) action();
  fire(signal, new Event("abort"));
}

function abortError(): DOMException {
  return new DOMException("This operation was aborted", "AbortError");
}

export class AbortController {
  #signal: AbortSignal = make();

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason: unknown = undefined): void {
    abort(this.#signal, reason === undefined ? abortError() : reason);
  }
}

handlers(AbortSignal.prototype, ["abort"]);
printAs(AbortSignal, ({ aborted }) => ({ aborted }));
printAs(AbortController, ({ signal }) => ({ signal }));
