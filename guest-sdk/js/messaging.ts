// In: messages posted to one end of a channel. Out: events at the other, a task of its own for each.
// May touch: timers, which are what tasks are made of here.
// Security boundary: no. Both ends are in one isolate.

import { Event, EventTarget, fire, type EventInit } from "./events.ts";
import { handlers } from "./handlers.ts";
import { printAs } from "./inspect.ts";
import { cloneWith, transfers } from "./structured-clone.ts";
import { setTimeout } from "./timers.ts";
import { dictionary, need, usv } from "./webidl.ts";

export interface MessageEventInit extends EventInit {
  data?: unknown;
  origin?: string;
  lastEventId?: string;
  source?: MessagePort | null;
  ports?: Iterable<MessagePort>;
}

export class MessageEvent extends Event {
  #init: { data: unknown; origin: string; lastEventId: string; source: MessagePort | null; ports: readonly MessagePort[] };

  constructor(type: string, init: MessageEventInit = {}) {
    need(arguments.length, 1, "MessageEvent");
    super(type, init);
    const { data = null, lastEventId = "", origin = "", ports = [], source = null } = dictionary(init, "MessageEvent");
    this.#init = { data, lastEventId: `${lastEventId}`, origin: usv(origin), ports: frozen(ports), source: portOrNull(source) };
  }

  get data(): unknown { return this.#init.data; }
  get origin(): string { return this.#init.origin; }
  get lastEventId(): string { return this.#init.lastEventId; }
  get source(): MessagePort | null { return this.#init.source; }
  get ports(): readonly MessagePort[] { return this.#init.ports; }

  initMessageEvent(
    type: string, bubbles = false, cancelable = false, data: unknown = null, origin = "", lastEventId = "",
    source: MessagePort | null = null, ports: Iterable<MessagePort> = [],
  ): void {
    need(arguments.length, 1, "MessageEvent.initMessageEvent");
    if (this.eventPhase !== 0) return;
    this.initEvent(type, bubbles, cancelable);
    this.#init = { data, origin: usv(origin), lastEventId: `${lastEventId}`, source: portOrNull(source), ports: frozen(ports) };
  }
}

function frozen(ports: Iterable<MessagePort>): readonly MessagePort[] {
  const list = [...ports];
  list.forEach(portOrNull);
  return Object.freeze(list);
}

function portOrNull(value: MessagePort | null): MessagePort | null {
  if (value !== null) stateOf(value);
  return value;
}

/** Only this file makes ports. */
const KEY = Symbol();

interface Message {
  data: unknown;
  ports: MessagePort[];
}

/** What moves from one port to the one that takes its place when it is transferred. */
interface State {
  /** The port that stands for this end now; none once it was closed. */
  port: MessagePort | undefined;
  other: State | undefined;
  queue: Message[];
  /** Messages are kept until somebody has said that he listens. */
  started: boolean;
  scheduled: boolean;
}

let stateOf: (port: MessagePort) => State | undefined;
let setState: (port: MessagePort, state: State | undefined) => void;

export class MessagePort extends EventTarget {
  /** None once the port was transferred or closed. */
  #state: State | undefined;

  static {
    stateOf = (port) => port.#state;
    setState = (port, state) => {
      port.#state = state;
    };
    const is = (value: object): value is MessagePort => #state in value;
    transfers.push({
      is,
      isDetached: (value) => is(value) && value.#state === undefined,
      to: (value) => move(value as MessagePort),
    });
  }

  constructor(key: symbol | undefined = undefined) {
    if (key !== KEY) throw new TypeError("Illegal constructor: use a MessageChannel.");
    super();
  }

  postMessage(message: unknown, options: Iterable<object> | { transfer?: Iterable<object> } = {}): void {
    need(arguments.length, 1, "MessagePort.postMessage");
    const state = this.#state;
    const list = options !== null && typeof (options as Iterable<object>)?.[Symbol.iterator] === "function";
    const transfer = list ? (options as Iterable<object>) : (dictionary(options as { transfer?: Iterable<object> }, "MessagePort.postMessage").transfer ?? []);
    const items = [...transfer];
    if (items.includes(this)) throw new DOMException("A port cannot be sent through itself.", "DataCloneError");
    const target = state?.other;
    const [data, moved] = cloneWith(message, items);
    if (target === undefined) return;
    target.queue.push({ data, ports: moved as MessagePort[] });
    schedule(target);
  }

  start(): void {
    if (this.#state === undefined || this.#state.started) return;
    this.#state.started = true;
    schedule(this.#state);
  }

  close(): void {
    const other = this.#state?.other;
    if (this.#state !== undefined) this.#state.port = undefined;
    this.#state = undefined;
    if (other === undefined) return;
    other.other = undefined;
    setTimeout(() => {
      if (other.port !== undefined) fire(other.port, new Event("close"));
    });
  }
}

/** One message a task, and one task waiting for a port. */
function schedule(state: State): void {
  if (state.scheduled || !state.started || state.queue.length === 0) return;
  state.scheduled = true;
  setTimeout(() => {
    state.scheduled = false;
    const message = state.started ? state.queue.shift() : undefined;
    schedule(state);
    if (message !== undefined && state.port !== undefined) fire(state.port, new MessageEvent("message", message));
  });
}

/** A new port at the end of the channel where this one was. What waits there is delivered when the new one is started. */
function move(port: MessagePort): MessagePort {
  const taker = new MessagePort(KEY);
  const state = stateOf(port) as State;
  setState(port, undefined);
  setState(taker, state);
  state.port = taker;
  state.started = false;
  return taker;
}

export class MessageChannel {
  #port1 = new MessagePort(KEY);
  #port2 = new MessagePort(KEY);

  constructor() {
    const first: State = { port: this.#port1, other: undefined, queue: [], started: false, scheduled: false };
    const second: State = { port: this.#port2, other: first, queue: [], started: false, scheduled: false };
    first.other = second;
    setState(this.#port1, first);
    setState(this.#port2, second);
  }

  get port1(): MessagePort { return this.#port1; }
  get port2(): MessagePort { return this.#port2; }
}

handlers(MessagePort.prototype, ["message", "messageerror", "close"]);
/** Whoever sets `onmessage` listens; with `addEventListener`, `start` says so. */
const { get, set } = Object.getOwnPropertyDescriptor(MessagePort.prototype, "onmessage") as PropertyDescriptor & { set(value: unknown): void };
Object.defineProperty(MessagePort.prototype, "onmessage", {
  get,
  set(this: MessagePort, value: unknown) {
    set.call(this, value);
    this.start();
  },
});
printAs(MessageEvent, ({ type, data }) => ({ type, data }));
