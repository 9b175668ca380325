// Copies, merges, freezes and compares nested values.

type Plain = { [key: string]: unknown };
const isPlain = (value: unknown): value is Plain => Object.prototype.toString.call(value) === "[object Object]";

function merge<T extends Plain>(base: T, ...patches: Plain[]): T {
  const result: Plain = { ...base };
  for (const patch of patches) {
    for (const [key, value] of Object.entries(patch)) {
      const held = result[key];
      result[key] = isPlain(held) && isPlain(value) ? merge(held, value) : Array.isArray(value) ? [...value] : value;
    }
  }
  return result as T;
}

function deepFreeze<T>(value: T): Readonly<T> {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Reflect.ownKeys(value).forEach((key) => deepFreeze((value as Plain)[key as string]));
  }
  return value;
}

function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Date) return a.getTime() === (b as Date).getTime();
  if (a instanceof Map) return a.size === (b as Map<unknown, unknown>).size && [...a].every(([k, v]) => equal(v, (b as typeof a).get(k)));
  if (a instanceof Set) return a.size === (b as Set<unknown>).size && [...a].every((v) => (b as typeof a).has(v));
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => equal((a as Plain)[key], (b as Plain)[key]));
}

export default function (input: { defaults: Plain; overrides: Plain[] }) {
  const original = {
    when: new Date(0), pattern: /a+/gi, map: new Map([["k", { deep: [1, 2] }]]), set: new Set(["x"]), bytes: new Uint8Array([1, 2, 3]),
    big: 10n ** 20n, nothing: null, missing: undefined, nested: { list: [{ a: 1 }, { b: [2] }] } as Plain,
  };
  original.nested.self = original.nested;
  const copy = structuredClone(original);
  const apart = copy.map.get("k") !== original.map.get("k") && copy.nested.self === copy.nested;
  console.log(copy);
  copy.bytes[0] = 9;
  const merged = merge(input.defaults, ...input.overrides);
  const frozen = deepFreeze(structuredClone(merged));
  let refused = "";
  try {
    (frozen as Plain).added = true;
  } catch (error) {
    refused = (error as Error).name;
  }
  let uncloneable = "";
  try {
    structuredClone({ f: () => 1 });
  } catch (error) {
    uncloneable = (error as DOMException).name;
  }
  return {
    apart, independent: original.bytes[0], merged, refused, uncloneable, equal: equal(merged, frozen), different: equal(merged, input.defaults),
    untouched: Object.keys(input.defaults), json: JSON.parse(JSON.stringify(copy.map, (_key, value) => (value instanceof Map ? Object.fromEntries(value) : value))),
  };
}
