// In: listeners and events. Out: the listeners called, in order; an error in one does not stop the others.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { uncaught } from "./console.ts";

export interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
  composed?: boolean;
}

interface State {
  target: EventTarget | null;
  dispatching: boolean;
  stopped: boolean;
  prevented: boolean;
  passive: boolean;
}

const states = new WeakMap<Event, State>();

function stateOf(event: Event): State {
  const state = states.get(event);
  if (state === undefined) throw new TypeError("Illegal invocation: this is not an Event.");
  return state;
}

export class Event {
  static readonly NONE = 0;
  static readonly CAPTURING_PHASE = 1;
  static readonly AT_TARGET = 2;
  static readonly BUBBLING_PHASE = 3;
  readonly type: string;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly isTrusted = false;
  readonly timeStamp: number = native.elapsed();

  constructor(type: string, init: EventInit = {}) {
    if (arguments.length === 0) throw new TypeError("Event: a type is needed.");
    this.type = String(type);
    this.bubbles = Boolean(init?.bubbles);
    this.cancelable = Boolean(init?.cancelable);
    this.composed = Boolean(init?.composed);
    states.set(this, { target: null, dispatching: false, stopped: false, prevented: false, passive: false });
  }

  get target(): EventTarget | null {
    return stateOf(this).target;
  }

  get srcElement(): EventTarget | null {
    return stateOf(this).target;
  }

  get currentTarget(): EventTarget | null {
    const state = stateOf(this);
    return state.dispatching ? state.target : null;
  }

  get eventPhase(): number {
    return stateOf(this).dispatching ? Event.AT_TARGET : Event.NONE;
  }

  get defaultPrevented(): boolean {
    return stateOf(this).prevented;
  }

  get returnValue(): boolean {
    return !stateOf(this).prevented;
  }

  get cancelBubble(): boolean {
    return false;
  }

  composedPath(): EventTarget[] {
    const state = stateOf(this);
    return state.dispatching && state.target !== null ? [state.target] : [];
  }

  preventDefault(): void {
    const state = stateOf(this);
    if (this.cancelable && !state.passive) state.prevented = true;
  }

  /** There is no tree to propagate through. */
  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    stateOf(this).stopped = true;
  }

  get [Symbol.toStringTag](): string {
    return "Event";
  }
}

export class CustomEvent extends Event {
  readonly detail: unknown;

  constructor(type: string, init: EventInit & { detail?: unknown } = {}) {
    super(type, init);
    this.detail = init?.detail ?? null;
  }

  override get [Symbol.toStringTag](): string {
    return "CustomEvent";
  }
}

type Handler = ((event: Event) => unknown) | { handleEvent(event: Event): unknown } | null;

interface ListenerOptions {
  capture?: boolean;
  once?: boolean;
  passive?: boolean;
  signal?: EventTarget & { readonly aborted: boolean };
}

interface Listener {
  type: string;
  handler: NonNullable<Handler>;
  capture: boolean;
  once: boolean;
  passive: boolean;
  removed: boolean;
}

export class EventTarget {
  #listeners: Listener[] = [];

  addEventListener(type: string, handler: Handler, options: boolean | ListenerOptions = {}): void {
    const given: ListenerOptions = typeof options === "boolean" ? { capture: options } : (options ?? {});
    if (handler === null || handler === undefined || given.signal?.aborted) return;
    const capture = Boolean(given.capture);
    if (this.#find(String(type), handler, capture) !== undefined) return;
    this.#listeners.push({
      type: String(type), handler, capture, once: Boolean(given.once), passive: Boolean(given.passive), removed: false,
    });
    given.signal?.addEventListener("abort", () => this.removeEventListener(type, handler, capture), { once: true });
  }

  removeEventListener(type: string, handler: Handler, options: boolean | ListenerOptions = {}): void {
    const capture = typeof options === "boolean" ? options : Boolean(options?.capture);
    const listener = this.#find(String(type), handler, capture);
    if (listener !== undefined) this.#remove(listener);
  }

  dispatchEvent(event: Event): boolean {
    const state = stateOf(event);
    if (state.dispatching) throw new DOMException("The event is already being dispatched.", "InvalidStateError");
    state.target = this;
    state.dispatching = true;
    for (const listener of [...this.#listeners]) {
      if (listener.type !== event.type || listener.removed) continue;
      if (listener.once) this.#remove(listener);
      state.passive = listener.passive;
      this.#call(listener.handler, event);
      if (state.stopped) break;
    }
    Object.assign(state, { dispatching: false, stopped: false, passive: false });
    return !state.prevented;
  }

  #find(type: string, handler: Handler, capture: boolean): Listener | undefined {
    return this.#listeners.find((known) => known.type === type && known.handler === handler && known.capture === capture);
  }

  #remove(listener: Listener): void {
    listener.removed = true;
    this.#listeners = this.#listeners.filter((known) => known !== listener);
  }

  #call(handler: NonNullable<Handler>, event: Event): void {
    try {
      if (typeof handler === "function") handler.call(this, event);
      else handler.handleEvent(event);
    } catch (thrown) {
      uncaught(thrown);
    }
  }

  get [Symbol.toStringTag](): string {
    return "EventTarget";
  }
}
