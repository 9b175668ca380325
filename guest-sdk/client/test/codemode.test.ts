// In: @cloudflare/codemode as it is published, and our executor. Out: whether it is the executor that codemode expects.
// May touch: loopback; with MAYFLY_URL, that server. Security boundary: no.

import assert from "node:assert/strict";
import { test } from "node:test";
import { normalizeCode, sanitizeToolName as theirs, type Executor as Theirs } from "@cloudflare/codemode";
import { aiTools, createCodeTool, type CreateCodeToolOptions } from "@cloudflare/codemode/ai";
import { jsonSchema, tool } from "ai";
import { z } from "zod";
import { Mayfly } from "@mayfly/client";
import { MayflyExecutor, sanitizeToolName, type HostFunction, type ResolvedProvider } from "@mayfly/client/codemode";
import { either, watched } from "./server/index.js";

const both = either();
const seen = watched();

function executor() {
  return new MayflyExecutor({ client: both.client() });
}

type CodeTool = ReturnType<typeof createCodeTool>;

async function use(made: CodeTool, code: string): Promise<{ result: unknown; logs?: string[] }> {
  const { execute } = made as unknown as { execute(input: { code: string }, options: object): Promise<{ result: unknown; logs?: string[] }> };
  return execute({ code }, { toolCallId: "1", messages: [], context: {} });
}

const weather = {
  "get-weather": tool({ description: "Weather of a city", inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => ({ city, degrees: 21 }) }),
  add: tool({ description: "Adds", inputSchema: z.object({ a: z.number(), b: z.number().default(10) }), execute: async ({ a, b }) => a + b }),
};

test("createCodeTool takes it, and its tools are called with checked input", async () => {
  // The types, too: this does not compile if ours is no Executor of theirs.
  const as_theirs: Theirs = executor();
  const made = createCodeTool({ tools: weather, executor: as_theirs });
  const done = await use(made, "async () => { const w = await codemode.get_weather({ city: 'Bern' }); console.log('got', w.degrees); return [w, await codemode.add({ a: 1 })]; }");
  assert.deepEqual(done, { result: [{ city: "Bern", degrees: 21 }, 11], logs: ["got 21"] });
  await assert.rejects(use(made, "async () => codemode.add({ a: 'x' })"), /Code execution failed: ToolError:[\s\S]*expected number/);
});

test("forms that models write run as with codemode's own executor", async () => {
  const made = createCodeTool({ tools: weather, executor: executor() });
  const table: [string, unknown][] = [
    ["async () => 1", 1],
    ["```js\nasync () => { return 2; }\n```", 2],
    ["const x = await codemode.add({ a: 1, b: 2 });\nx", 3],
    ["async function f() { return 4; }", 4],
    ["export default async function () { return 5; }", 5],
    ["async () => {}", undefined],
    ["() => null", null],
  ];
  for (const [code, result] of table) assert.deepEqual((await use(made, code)).result, result, code);
});

test("several namespaces, and several arguments", async () => {
  const providers: ResolvedProvider[] = [
    { name: "math", fns: { sub: async (...args: unknown[]) => (args as number[]).reduce((a, b) => a - b) } },
    { name: "text", fns: { "join-all": async (...args: unknown[]) => args.map((arg) => JSON.stringify(arg)).join("|"), count: async (...args: unknown[]) => args.length } },
  ];
  const code = `async () => [await math.sub(10, 3, 2), await text.join_all("a", { b: 1 }, [2], null), await text.join_all([1, 2]),
    await text.join_all({ only: true }), await text.count(), await text.count(undefined), await text.count({})]`;
  const { result, error } = await executor().execute(code, providers);
  assert.equal(error, undefined);
  assert.deepEqual(result, [5, '"a"|{"b":1}|[2]|null', "[1,2]", '{"only":true}', 0, 1, 1]);
});

test("bytes pass both ways, nested too", async () => {
  const fns: Record<string, HostFunction> = {
    flip: async (bytes) => (assert.ok(bytes instanceof Uint8Array), bytes.map((byte) => 255 - byte)),
    first: async (input) => {
      const { list } = input as { list: unknown[] };
      assert.ok(list[0] instanceof ArrayBuffer && list[1] instanceof Uint8Array);
      return { deep: [new Uint8Array(list[0]), Uint8Array.of(9).buffer, Buffer.from("é")] };
    },
  };
  const code = `async () => {
    const flipped = await codemode.flip(new Uint8Array([0, 1, 255]));
    const { deep } = await codemode.first({ list: [new Uint8Array([7]).buffer, new Uint16Array([258])] });
    return { flipped, deep, is: [flipped instanceof Uint8Array, deep[0] instanceof Uint8Array, deep[1] instanceof ArrayBuffer], large: new Uint8Array(100_000).fill(3) };
  }`;
  const { result, error } = await executor().execute(code, [{ name: "codemode", fns }]);
  assert.equal(error, undefined);
  const told = result as { flipped: Uint8Array; deep: [Uint8Array, ArrayBuffer, Uint8Array]; is: boolean[]; large: Uint8Array };
  assert.deepEqual([...told.flipped], [255, 254, 0]);
  assert.deepEqual([[...told.deep[0]], told.deep[1] instanceof ArrayBuffer, Buffer.from(told.deep[2]).toString()], [[7], true, "é"]);
  assert.deepEqual(told.is, [true, true, true]);
  assert.ok(told.large.length === 100_000 && told.large.every((byte) => byte === 3));
});

test("errors keep name and place in the model's own code", async () => {
  const fns = { fail: async () => Promise.reject(new Error("the disk is full")), ok: async () => 1 };
  const table: [string, RegExp][] = [
    ["async () => {\n  const x = {};\n  return x.y();\n}", /^TypeError: .*not a function.*\(main\.ts:3:\d+\)$/],
    ["async () => {\n\n  await codemode.fail({});\n}", /^ToolError: .*the disk is full.*\(main\.ts:3:\d+\)$/],
    ["async () => {\n  return await codemode.nothere({});\n}", /^Error: Tool "nothere" not found \(main\.ts:2:\d+\)$/],
    ["async () => { throw new RangeError('mine'); }", /^RangeError: mine \(main\.ts:1:\d+\)$/],
    ["async () => { return (; }", /^SyntaxError: .*\(main\.ts:1:\d+\)$/],
  ];
  for (const [code, expected] of table) {
    const { result, error, logs } = await executor().execute(code, [{ name: "codemode", fns }]);
    assert.match(error ?? "", expected, code);
    assert.deepEqual([result, logs], [undefined, []]);
  }
});

test("logs have the form of codemode's, also when the code fails", async () => {
  const code = "async () => { console.log('a', 1); console.warn('b'); console.error('c'); console.info('d'); throw new Error('x'); }";
  const { error, logs } = await executor().execute(code, []);
  assert.deepEqual(logs, ["a 1", "[warn] b", "[error] c", "d"]);
  assert.match(error ?? "", /^Error: x/);
});

test("a prelude may put functions on its namespace, and call the host", async () => {
  const prelude = "let n = 0;\nstate.step = async (name, work) => { n += 1; await state.note(`${n} ${name}`); return await work(); };";
  const notes: unknown[] = [];
  const providers: ResolvedProvider[] = [
    { name: "state", fns: { note: async (text: unknown) => void notes.push(text) }, prelude },
    { name: "other", fns: { two: async () => 2 }, prelude: "other.twice = async () => [await other.two(), n()]; function n() { return typeof state.step; }" },
  ];
  const { result, error } = await executor().execute("async () => [await state.step('first', async () => 'done'), await other.twice()]", providers);
  assert.equal(error, undefined);
  assert.deepEqual([result, notes], [["done", [2, "function"]], ["1 first"]]);
});

test("connectors are called by any method, and may pause or fail", async () => {
  const asked: unknown[] = [];
  const binding = {
    async callTool(method: string, args: unknown) {
      asked.push([method, args]);
      if (method === "pause") return { __codemode_control__: "pause" };
      if (method === "fail") return { __codemode_control__: "error", message: "no such issue" };
      return { bytes: Uint8Array.of(1) };
    },
  };
  const connectors = [{ name: "github", binding }];
  const good = await executor().execute("async () => (await github.issues_list({ repo: 'a' })).bytes", [], { connectors });
  assert.deepEqual([good.error, [...(good.result as Uint8Array)], asked], [undefined, [1], [["issues_list", { repo: "a" }]]]);
  assert.match((await executor().execute("async () => github.fail({})", [], { connectors })).error ?? "", /^Error: no such issue \(main\.ts:1:\d+\)$/);
  assert.equal((await executor().execute("async () => github.pause({})", [], { connectors })).error, "__CODEMODE_PAUSE__");
});

test("a namespace may have the name of the tenant's own tools, or of one of codemode's, and is itself", async () => {
  const providers: ResolvedProvider[] = [
    { name: "clock", fns: { now: async () => "theirs" } },
    { name: "codemode", fns: { clock: async () => "a tool", github_: async () => "another" } },
    { name: "inspect", fns: { then: async () => "a name that objects have" } },
  ];
  const connectors = [{ name: "github", binding: { callTool: async (method: string) => method } }];
  const code = "async () => [await clock.now(), await codemode.clock(), await codemode.github_(), await github.issues_list({}), await inspect['then']()]";
  assert.deepEqual(await executor().execute(code, providers, { connectors }), { result: ["theirs", "a tool", "another", "issues_list", "a name that objects have"], logs: [] });
});

test("names that cannot be are told in codemode's words", async () => {
  const fn = async () => 1;
  const table: [Parameters<MayflyExecutor["execute"]>[1], string][] = [
    [[{ name: "console", fns: {} }], 'Provider name "console" is reserved'],
    [[{ name: "a-b", fns: {} }], 'Provider name "a-b" is not a valid JavaScript identifier'],
    [[{ name: "a", fns: {} }, { name: "a", fns: {} }], 'Duplicate provider name "a"'],
    [[{ name: "a", fns: { "x-y": fn, x_y: fn } }], 'Tool names "x-y" and "x_y" both sanitize to "x_y" in provider "a"'],
  ];
  for (const [providers, error] of table) assert.deepEqual(await executor().execute("async () => 1", providers), { result: undefined, error });
});

test("names are sanitised as codemode does", () => {
  for (const name of ["a", "a-b", "a.b c", "", "1a", "class", "é", "$x", "await", "a\tb", "constructor", "then", "get/x", "__proto__"]) {
    assert.equal(sanitizeToolName(name), theirs(name), JSON.stringify(name));
  }
});

test("tools by names that every object has are tools all the same", async () => {
  const names = ["constructor", "toString", "inspect", "valueOf", "toJSON", "then", "prototype"];
  const fns = Object.fromEntries(names.map((name) => [name, async () => `called ${name}`]));
  const code = `async () => { const out = []; for (const name of ${JSON.stringify(names)}) out.push(await codemode[name]({})); return out; }`;
  const { result, error } = await executor().execute(code, [{ name: "codemode", fns }]);
  assert.equal(error, undefined);
  assert.deepEqual(result, names.map((name) => `called ${name}`));
});

test("it never throws", async () => {
  const gone = new MayflyExecutor({ client: new Mayfly({ url: "http://127.0.0.1:9", token: "t" }) });
  assert.match((await gone.execute("async () => 1", [])).error ?? "", /^MayflyError: /);
  const controller = new AbortController();
  controller.abort(new Error("enough"));
  assert.deepEqual(await new MayflyExecutor({ client: both.client(), signal: controller.signal }).execute("async () => 1", []), { result: undefined, error: "Error: enough" });
  for (const broken of [null, [null], [{ name: "a" }], { x: 1 }]) {
    assert.equal(typeof (await executor().execute("async () => codemode.x({})", broken as never)).error, "string", JSON.stringify(broken));
  }
});

test("limits end a run", async () => {
  const limited = new MayflyExecutor({ client: both.client(), limits: { wall_ms: 100 } });
  const { error } = await limited.execute("async () => { await new Promise((resolve) => setTimeout(resolve, 5000)); }", []);
  assert.match(error ?? "", /100/);
});

test("a tool of the tenant that wants approval ends the run, unless somebody decides", async () => {
  const code = "async () => tools.bank.pay({})";
  const { error } = await new MayflyExecutor({ client: seen.client() }).execute(code, []);
  assert.match(error ?? "", /^ApprovalRequired: bank\.pay/);
  assert.equal(await seen.server.status(seen.server.ids.at(-1)!), "cancelled");
  assert.equal((await new MayflyExecutor({ client: seen.client(), approve: () => true }).execute(code, [])).result, "paid");
});

test("providers of both kinds work through createCodeTool", async () => {
  const tools: CreateCodeToolOptions["tools"] = [aiTools(weather), { name: "db", tools: { query: { description: "q", execute: async (args: unknown) => ({ rows: [args] }) } }, types: "declare const db: {}" }];
  const made = createCodeTool({ tools, executor: executor() });
  const { result } = await use(made, "async () => [(await db.query({ sql: 'x' })).rows, await codemode.add({ a: 1, b: 1 })]");
  assert.deepEqual(result, [[{ sql: "x" }], 2]);
});

test("what normalizeCode makes runs here as it is", async () => {
  for (const code of ["1 + 1", "const f = async () => 3;\nf()", "return 5"]) {
    const { error } = await executor().execute(normalizeCode(code), []);
    assert.equal(error, undefined, code);
  }
});

test("schemas of the AI SDK's own kind are checked as well", async () => {
  const one = tool({ description: "x", inputSchema: jsonSchema<{ n: number }>({ type: "object", properties: { n: { type: "number" } } }), execute: async ({ n }) => n + 1 });
  const { result } = await use(createCodeTool({ tools: { one }, executor: executor() }), "async () => codemode.one({ n: 1 })");
  assert.equal(result, 2);
});
