// What changed between two documents, as paths.

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Change = { path: string; op: "add" | "remove" | "replace"; from?: Json; to?: Json };

const isObject = (value: Json): value is { [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function diff(from: Json, to: Json, path = ""): Change[] {
  if (Object.is(from, to)) return [];
  if (Array.isArray(from) && Array.isArray(to)) {
    const length = Math.max(from.length, to.length);
    return Array.from({ length }, (_, i) => step(from[i], to[i], `${path}/${i}`)).flat();
  }
  if (isObject(from) && isObject(to)) {
    const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
    return [...keys].sort().flatMap((key) => step(from[key], to[key], `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`));
  }
  return [{ path: path || "/", op: "replace", from, to }];
}

function step(from: Json | undefined, to: Json | undefined, path: string): Change[] {
  if (from === undefined) return [{ path, op: "add", to: to! }];
  if (to === undefined) return [{ path, op: "remove", from }];
  return diff(from, to, path);
}

export default function (input: { before: Json; after: Json }) {
  const changes = diff(input.before, input.after);
  for (const change of changes) console.log("%s %s %j -> %j", change.op, change.path, change.from, change.to);
  console.log({ changes });
  const counts = Object.fromEntries(["add", "remove", "replace"].map((op) => [op, changes.filter((c) => c.op === op).length]));
  return { changes, counts, same: diff(input.before, structuredClone(input.before)).length === 0 };
}
