// In: the classes of Intl. Out: the same as ECMA-402 has them: names, tags, and some that can be called without `new`.
// May touch: these classes.
// Security boundary: no.

type Constructor = abstract new (...args: never[]) => object;

/** What every service has. */
export function finish<C extends Constructor>(made: C, name: string, statics: object = {}): C {
  define(made, "length", 0);
  define(made, "name", name);
  Object.defineProperty(made.prototype, Symbol.toStringTag, { value: `Intl.${name}`, configurable: true });
  for (const [key, value] of Object.entries(statics)) {
    Object.defineProperty(made, key, { value, writable: true, configurable: true, enumerable: false });
  }
  return made;
}

/** The same for a class that scripts may call without `new`. */
export function callable<C extends Constructor>(made: C, name: string, statics: object): C {
  const constructor = function (...args: unknown[]): object {
    return Reflect.construct(made, args, new.target ?? constructor) as object;
  } as unknown as C & ((...args: unknown[]) => object);
  Object.defineProperty(constructor, "prototype", { value: made.prototype, writable: false });
  Object.defineProperty(made.prototype, "constructor", { value: constructor, writable: true, configurable: true });
  return finish(constructor, name, statics);
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true });
}

/** The most formatters of a kind that are kept for later ones with the same options. */
const KEPT_MAX = 32;

/** Makes things once for each key. */
export class Kept<T> {
  #made = new Map<string, T>();

  get(key: string, make: () => T): T {
    let found = this.#made.get(key);
    if (found === undefined) {
      if (this.#made.size >= KEPT_MAX) this.#made.clear();
      found = make();
      this.#made.set(key, found);
    }
    return found;
  }
}
