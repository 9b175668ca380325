// In: classes as JavaScript makes them, arguments as scripts give them. Out: both as Web IDL wants them.
// May touch: the classes it is given, before any script exists.
// Security boundary: no.

type Made = { readonly prototype: object; readonly name: string };

/** What a class and its prototype have by themselves. */
const OWN: [string[], string[]] = [["length", "name", "prototype"], ["constructor"]];

/** Those of all classes of the platform. */
const prototypes = new WeakSet<object>();

/**
 * Gives a class what Web IDL asks for and JavaScript does not: members that are enumerable, and a tag that is a plain
 * property. Called for every class on the global object (`globals.ts`), with its name there.
 */
export function expose(made: Made, name: string): void {
  for (const owner of [made, made.prototype]) {
    for (const key of Object.getOwnPropertyNames(owner)) {
      if (!OWN[owner === made ? 0 : 1].includes(key)) Object.defineProperty(owner, key, { enumerable: true });
    }
  }
  tag(made.prototype, name);
  prototypes.add(made.prototype);
}

/** Puts constants on both sides of a class. */
export function constants(made: Made, values: Record<string, number>): void {
  for (const owner of [made, made.prototype]) {
    for (const [key, value] of Object.entries(values)) Object.defineProperty(owner, key, { value, enumerable: true });
  }
}

/** Whether this is a class of the platform's, and no function and no kind of error. */
export function isInterface(value: unknown): value is Made {
  if (typeof value !== "function" || value.prototype instanceof Error) return false;
  return Object.getOwnPropertyDescriptor(value, "prototype")?.writable === false;
}

function tag(target: object, name: string): void {
  Object.defineProperty(target, Symbol.toStringTag, { value: name, configurable: true });
}

/** Whether the object is of a class of the platform, or of one that extends it. */
export function isOfPlatform(value: object): boolean {
  for (let at: object | null = Object.getPrototypeOf(value); at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    if (prototypes.has(at)) return true;
  }
  return false;
}

/** Refuses a call with fewer arguments than it needs; `undefined` in the place of one counts as given. */
export function need(given: number, needed: number, where: string): void {
  if (given >= needed) return;
  throw new TypeError(`${where}: ${needed} argument${needed === 1 ? " is" : "s are"} needed, ${given} given.`);
}

/** A dictionary argument: an object, or nothing. */
export function dictionary<T extends object>(value: T | null | undefined, where: string): Partial<T> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" && typeof value !== "function") throw new TypeError(`${where}: the options are not an object.`);
  return value;
}

/** A string argument without lone surrogates. A symbol is refused, as everywhere. */
export function usv(value: unknown): string {
  return `${value as string}`.toWellFormed();
}

/** An iterable argument as an array: its iterator is looked up once, and each item converted before the next is taken. */
export function sequence<T>(value: unknown, where: string, convert: (item: unknown) => T): T[] {
  const method = methodOf(value);
  if (typeof method !== "function") throw new TypeError(`${where}: the argument is not iterable.`);
  const items: T[] = [];
  for (const item of { [Symbol.iterator]: () => method.call(value) as Iterator<unknown> }) items.push(convert(item));
  return items;
}

/** What makes an object iterable; nothing for what is no object. */
export function methodOf(value: unknown): unknown {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  return (value as Iterable<unknown>)[Symbol.iterator] ?? undefined;
}

/** Pairs of an iterable argument; `method` is its iterator's, which the caller has looked up. */
export function pairsOf<T>(value: unknown, method: unknown, where: string, convert: (name: unknown, value: unknown) => T): T[] {
  const pairs = { [Symbol.iterator]: () => (method as () => Iterator<unknown>).call(value) };
  if (typeof method !== "function") throw new TypeError(`${where}: the argument is not iterable.`);
  return sequence(pairs, where, (pair) => {
    const both = sequence(pair, where, (item) => item);
    if (both.length !== 2) throw new TypeError(`${where}: each entry must be a pair of name and value.`);
    return convert(both[0], both[1]);
  });
}

const IteratorPrototype: object = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

/** A pair of a list at this moment; nothing behind its end. Throws for what is not of the class. */
type PairAt<T> = (target: T, index: number) => readonly [unknown, unknown] | undefined;
type Visit<T> = (value: unknown, key: unknown, parent: T) => void;

/** Makes a class iterable over pairs: `entries`, `keys`, `values`, `forEach` and iterators that see later changes. */
export function iterable<T extends object>(made: Made & { prototype: T }, at: PairAt<T>): void {
  const make = iterators(made.name, at);
  const methods = {
    entries(this: T): object {
      return make(this, (pair) => [pair[0], pair[1]]);
    },
    keys(this: T): object {
      return make(this, (pair) => pair[0]);
    },
    values(this: T): object {
      return make(this, (pair) => pair[1]);
    },
    forEach(this: T, callback: Visit<T>, self: unknown = undefined): void {
      at(this, 0);
      if (typeof callback !== "function") throw new TypeError(`${made.name}.forEach: the callback is not a function.`);
      for (let index = 0, pair; (pair = at(this, index)) !== undefined; index += 1) callback.call(self, pair[1], pair[0], this);
    },
  };
  Object.defineProperties(made.prototype, Object.getOwnPropertyDescriptors(methods));
  Object.defineProperty(made.prototype, Symbol.iterator, { value: methods.entries, writable: true, configurable: true });
}

type Pick = (pair: readonly [unknown, unknown]) => unknown;

function iterators<T extends object>(name: string, at: PairAt<T>): (target: T, pick: Pick) => object {
  class PairIterator {
    #target: T;
    #pick: Pick;
    #index = 0;

    constructor(target: T, pick: Pick) {
      at(target, 0);
      this.#target = target;
      this.#pick = pick;
    }

    next(): IteratorResult<unknown> {
      const pair = at(this.#target, this.#index);
      if (pair === undefined) return { value: undefined, done: true };
      this.#index += 1;
      return { value: this.#pick(pair), done: false };
    }
  }
  const prototype = PairIterator.prototype as { constructor?: unknown };
  delete prototype.constructor;
  Object.setPrototypeOf(prototype, IteratorPrototype);
  Object.defineProperty(prototype, "next", { enumerable: true });
  tag(prototype, `${name} Iterator`);
  return (target, pick) => new PairIterator(target, pick);
}
