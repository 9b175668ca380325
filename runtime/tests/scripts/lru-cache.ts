// A cache that forgets what was used longest ago, and a memoised loader on top that asks once for what many want.

class LruCache<K, V> {
  readonly #entries = new Map<K, { value: V; expires: number }>();
  hits = 0;
  misses = 0;

  constructor(private readonly capacity: number, private readonly ttl_ms = Infinity) {}

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (!entry || entry.expires <= Date.now()) {
      this.#entries.delete(key);
      this.misses += 1;
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.hits += 1;
    return entry.value;
  }

  set(key: K, value: V): this {
    this.#entries.delete(key);
    this.#entries.set(key, { value, expires: Date.now() + this.ttl_ms });
    if (this.#entries.size > this.capacity) this.#entries.delete(this.#entries.keys().next().value!);
    return this;
  }

  get keys(): K[] {
    return [...this.#entries.keys()];
  }
}

function memoised<Arg, Out>(load: (arg: Arg) => Promise<Out>, cache: LruCache<Arg, Promise<Out>>): (arg: Arg) => Promise<Out> {
  return (arg) => {
    const known = cache.get(arg);
    if (known) return known;
    const loading = load(arg);
    cache.set(arg, loading);
    return loading;
  };
}

export default async function ({ api }: { api: string }) {
  let asked = 0;
  const cache = new LruCache<number, Promise<string>>(2);
  const nameOf = memoised(async (id: number) => {
    asked += 1;
    const response = await fetch(`${api}/users/${id}`);
    const { name } = (await response.json()) as { name: string };
    return name;
  }, cache);
  const names = await Promise.all([1, 2, 1, 1, 2].map(nameOf));
  names.push(await nameOf(3), await nameOf(1));
  console.log(cache);

  const short = new LruCache<string, number>(10, 20).set("a", 1);
  const fresh = short.get("a");
  await new Promise((resolve) => setTimeout(resolve, 30));
  return { names, asked, hits: cache.hits, misses: cache.misses, keys: cache.keys, fresh, expired: short.get("a") ?? null };
}
