// In: listeners and events. Out: the listeners called, in order; an error in one does not stop the others.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { uncaught } from "./uncaught.ts";
import { printAs } from "./inspect.ts";
import { constants, dictionary, need } from "./webidl.ts";

export interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
  composed?: boolean;
}

/** What is true of an event, a bit each. */
const BUBBLES = 1;
const CANCELABLE = 2;
const COMPOSED = 4;
const TRUSTED = 8;
const DISPATCHING = 16;
const STOPPED = 32;
const STOPPED_AT_ONCE = 64;
const PREVENTED = 128;
const PASSIVE = 256;

const PHASES = { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 };

/** For `EventTarget` alone, and for those that make the platform's own events. */
let flagsOf: (event: Event) => number;
let setFlags: (event: Event, flags: number) => void;
let setTarget: (event: Event, target: EventTarget | null) => void;

/** An own property of every event, which no subclass and no script can put another in the place of. */
const isTrusted = Object.getOwnPropertyDescriptor(
  { get isTrusted(): boolean { return (flagsOf(this as unknown as Event) & TRUSTED) !== 0; } },
  "isTrusted",
) as PropertyDescriptor;
isTrusted.configurable = false;

export class Event {
  #type: string;
  #flags: number;
  #target: EventTarget | null = null;
  #time = native.elapsed();
  declare readonly isTrusted: boolean;

  static {
    flagsOf = (event) => event.#flags;
    setFlags = (event, flags) => {
      event.#flags = flags;
    };
    setTarget = (event, target) => {
      event.#target = target;
    };
  }

  constructor(type: string, init: EventInit = {}) {
    need(arguments.length, 1, "Event");
    this.#type = `${type}`;
    const { bubbles, cancelable, composed } = dictionary(init, "Event");
    this.#flags = (bubbles ? BUBBLES : 0) | (cancelable ? CANCELABLE : 0) | (composed ? COMPOSED : 0);
    Object.defineProperty(this, "isTrusted", isTrusted);
  }

  get type(): string { return this.#type; }
  get target(): EventTarget | null { return this.#target; }
  get srcElement(): EventTarget | null { return this.#target; }
  get currentTarget(): EventTarget | null { return this.#is(DISPATCHING) ? this.#target : null; }
  get eventPhase(): number { return this.#is(DISPATCHING) ? PHASES.AT_TARGET : PHASES.NONE; }
  get bubbles(): boolean { return this.#is(BUBBLES); }
  get cancelable(): boolean { return this.#is(CANCELABLE); }
  get composed(): boolean { return this.#is(COMPOSED); }
  get defaultPrevented(): boolean { return this.#is(PREVENTED); }
  get timeStamp(): number { return this.#time; }

  get returnValue(): boolean { return !this.#is(PREVENTED); }
  set returnValue(value: boolean) {
    if (!value) this.preventDefault();
  }

  get cancelBubble(): boolean { return this.#is(STOPPED); }
  set cancelBubble(value: boolean) {
    if (value) this.#flags |= STOPPED;
  }

  composedPath(): EventTarget[] {
    return this.#is(DISPATCHING) && this.#target !== null ? [this.#target] : [];
  }

  preventDefault(): void {
    if ((this.#flags & (CANCELABLE | PASSIVE)) === CANCELABLE) this.#flags |= PREVENTED;
  }

  stopPropagation(): void {
    this.#flags |= STOPPED;
  }

  stopImmediatePropagation(): void {
    this.#flags |= STOPPED | STOPPED_AT_ONCE;
  }

  initEvent(type: string, bubbles = false, cancelable = false): void {
    need(arguments.length, 1, "Event.initEvent");
    const name = `${type}`;
    if (this.#is(DISPATCHING)) return;
    this.#type = name;
    this.#target = null;
    this.#flags = (bubbles ? BUBBLES : 0) | (cancelable ? CANCELABLE : 0) | (this.#flags & COMPOSED);
  }

  #is(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }
}

export interface CustomEventInit extends EventInit {
  detail?: unknown;
}

export class CustomEvent extends Event {
  #detail: unknown;

  constructor(type: string, init: CustomEventInit = {}) {
    need(arguments.length, 1, "CustomEvent");
    super(type, init);
    const { detail } = dictionary(init, "CustomEvent");
    this.#detail = detail === undefined ? null : detail;
  }

  get detail(): unknown { return this.#detail; }

  initCustomEvent(type: string, bubbles = false, cancelable = false, detail: unknown = null): void {
    need(arguments.length, 1, "CustomEvent.initCustomEvent");
    if ((flagsOf(this) & DISPATCHING) !== 0) return;
    this.initEvent(type, bubbles, cancelable);
    this.#detail = detail;
  }
}

type Handler = ((event: Event) => unknown) | { handleEvent(event: Event): unknown } | null;

/** A signal that takes listeners away. `abort.ts` knows what one is. */
export interface Remover {
  readonly aborted: boolean;
}

interface ListenerOptions {
  capture?: boolean;
  once?: boolean;
  passive?: boolean;
  signal?: Remover;
}

interface Listener {
  readonly type: string;
  readonly handler: NonNullable<Handler>;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  removed: boolean;
}

/** Filled in by `abort.ts`, which stands on this file. */
export const signals = {
  is: (_value: unknown): boolean => false,
  whenAborted: (_signal: Remover, _action: () => void): void => {},
};

let listenersOf: (target: EventTarget) => Listener[];
let setListeners: (target: EventTarget, listeners: Listener[]) => void;

export class EventTarget {
  /** Made with the first listener. */
  #listeners: Listener[] | undefined;

  static {
    // The global object is one too, and was made by nobody's constructor.
    const own: { list: Listener[] | undefined } = { list: undefined };
    const isGlobal = (target: EventTarget): boolean => (target as unknown) === globalThis;
    listenersOf = (target) => (isGlobal(target) ? own.list : target.#listeners) ?? NONE;
    setListeners = (target, listeners) => {
      if (isGlobal(target)) own.list = listeners;
      else target.#listeners = listeners;
    };
  }

  addEventListener(type: string, handler: Handler, options: boolean | ListenerOptions = {}): void {
    need(arguments.length, 2, "EventTarget.addEventListener");
    const self = receiver(this);
    const known = listenersOf(self);
    const name = `${type}`;
    const listener = listenerOf(name, handler, options);
    if (listener === undefined || find(known, name, listener.handler, listener.capture) !== undefined) return;
    setListeners(self, [...known, listener]);
    const signal = typeof options === "object" && options !== null ? options.signal : undefined;
    if (signal !== undefined) signals.whenAborted(signal, () => remove(self, listener));
  }

  removeEventListener(type: string, handler: Handler, options: boolean | ListenerOptions = {}): void {
    need(arguments.length, 2, "EventTarget.removeEventListener");
    const self = receiver(this);
    const capture = typeof options === "object" ? Boolean(options?.capture) : Boolean(options);
    const listener = find(listenersOf(self), `${type}`, handler, capture);
    if (listener !== undefined) remove(self, listener);
  }

  dispatchEvent(event: Event): boolean {
    need(arguments.length, 1, "EventTarget.dispatchEvent");
    const self = receiver(this);
    listenersOf(self);
    const flags = flagsOf(event);
    if ((flags & DISPATCHING) !== 0) throw new DOMException("The event is already being dispatched.", "InvalidStateError");
    setFlags(event, flags & ~TRUSTED);
    return deliver(self, event);
  }
}

const NONE: Listener[] = [];

/** A function of the global object can be called without it. */
function receiver(self: EventTarget | undefined): EventTarget {
  return self ?? (globalThis as unknown as EventTarget);
}

function listenerOf(type: string, handler: Handler, options: boolean | ListenerOptions): Listener | undefined {
  const given: ListenerOptions = typeof options === "object" ? (options ?? {}) : { capture: Boolean(options) };
  const { capture, once, passive, signal } = given;
  if (signal !== undefined && !signals.is(signal)) throw new TypeError("addEventListener: `signal` is not an AbortSignal.");
  if (handler === null || handler === undefined) return undefined;
  if (typeof handler !== "function" && typeof handler !== "object") throw new TypeError("addEventListener: the listener is neither a function nor an object.");
  if (signal?.aborted) return undefined;
  return { type, handler, capture: Boolean(capture), once: Boolean(once), passive: Boolean(passive), removed: false };
}

function find(listeners: Listener[], type: string, handler: Handler, capture: boolean): Listener | undefined {
  return listeners.find((known) => known.handler === handler && known.type === type && known.capture === capture);
}

/** A list is never changed but replaced, so that an event that is on its way goes on along its own. */
function remove(target: EventTarget, listener: Listener): void {
  listener.removed = true;
  setListeners(target, listenersOf(target).filter((known) => known !== listener));
}

/** Whether anybody would hear of such an event: where nobody does, none need be made. */
export function isHeard(target: EventTarget, type: string): boolean {
  return listenersOf(target).some((listener) => listener.type === type);
}

/** Dispatches an event of the platform's own. Whether nobody prevented what follows from it. */
export function fire(target: EventTarget, event: Event): boolean {
  setFlags(event, flagsOf(event) | TRUSTED);
  return deliver(target, event);
}

function deliver(target: EventTarget, event: Event): boolean {
  setTarget(event, target);
  setFlags(event, flagsOf(event) | DISPATCHING);
  const listeners = listenersOf(target);
  // Without a tree there is one target, whose capturing listeners come first.
  if (listeners.some((listener) => listener.capture)) invoke(target, event, listeners, true);
  if ((flagsOf(event) & STOPPED) === 0) invoke(target, event, listeners, false);
  setFlags(event, flagsOf(event) & ~(DISPATCHING | STOPPED | STOPPED_AT_ONCE | PASSIVE));
  return (flagsOf(event) & PREVENTED) === 0;
}

function invoke(target: EventTarget, event: Event, listeners: Listener[], capture: boolean): void {
  for (const listener of listeners) {
    if (listener.type !== event.type || listener.capture !== capture || listener.removed) continue;
    if (listener.once) remove(target, listener);
    setFlags(event, listener.passive ? flagsOf(event) | PASSIVE : flagsOf(event) & ~PASSIVE);
    call(target, listener.handler, event);
    if ((flagsOf(event) & STOPPED_AT_ONCE) !== 0) return;
  }
}

function call(target: EventTarget, handler: NonNullable<Handler>, event: Event): void {
  try {
    if (typeof handler === "function") handler.call(target, event);
    else handler.handleEvent(event);
  } catch (thrown) {
    uncaught(thrown);
  }
}

constants(Event, PHASES);
printAs(Event, ({ type, defaultPrevented, cancelable, timeStamp }) => ({ type, defaultPrevented, cancelable, timeStamp }));
printAs(CustomEvent, ({ type, detail, defaultPrevented, cancelable }) => ({ type, detail, defaultPrevented, cancelable }));
