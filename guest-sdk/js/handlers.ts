// In: names of events. Out: the properties `onabort`, `onmessage`, ... of classes and of the global object.
// May touch: the prototypes it is given, before any script exists.
// Security boundary: no.

import { Event, EventTarget, isHeard } from "./events.ts";

/** What a script gave, as the HTML standard keeps it: any object, of which only a function is ever called. */
interface Attribute {
  value: object;
  readonly listener: (event: Event) => void;
}

const attributes = new WeakMap<EventTarget, Map<string, Attribute>>();

/** Calls what a script gave, in the manner of one kind of event. `true` to prevent what follows. */
type Call = (handler: (...args: unknown[]) => unknown, target: EventTarget, event: Event) => boolean;

const plainly: Call = (handler, target, event) => handler.call(target, event) === false;

/** Adds `on...` for each of the types. `owner` is a prototype, or the global object. */
export function handlers(owner: object, types: string[], call: Call = plainly): void {
  for (const type of types) {
    const accessor = {
      get [`on${type}`](): object | null {
        return get(receiver(this), type);
      },
      set [`on${type}`](value: unknown) {
        set(receiver(this), type, value, call);
      },
    };
    const descriptor = Object.getOwnPropertyDescriptor(accessor, `on${type}`) as PropertyDescriptor;
    Object.defineProperty(owner, `on${type}`, descriptor);
  }
}

function receiver(self: unknown): EventTarget {
  const target = (self ?? globalThis) as EventTarget;
  // Throws for what is none.
  isHeard(target, "");
  return target;
}

function get(target: EventTarget, type: string): object | null {
  return attributes.get(target)?.get(type)?.value ?? null;
}

/** A handler keeps its place among the listeners as long as there is one. */
function set(target: EventTarget, type: string, value: unknown, call: Call): void {
  const own = attributes.get(target) ?? new Map<string, Attribute>();
  attributes.set(target, own);
  const known = own.get(type);
  const given = typeof value === "object" || typeof value === "function" ? value : null;
  if (given === null) {
    if (known !== undefined) remove.call(target, type, known.listener);
    own.delete(type);
  } else if (known !== undefined) {
    known.value = given;
  } else {
    const listener = (event: Event): void => {
      const handler = own.get(type)?.value;
      if (typeof handler === "function" && call(handler as () => unknown, target, event)) event.preventDefault();
    };
    own.set(type, { value: given, listener });
    add.call(target, type, listener);
  }
}

/** As they are before a script can replace them. */
const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
