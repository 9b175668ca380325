// In: code for @cloudflare/codemode, and its own executor as it is published. Out: whether ours does the same with it.
// May touch: loopback; with MAYFLY_URL, that server. Security boundary: no.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DynamicWorkerExecutor, type Executor } from "@cloudflare/codemode";
import { createCodeTool } from "@cloudflare/codemode/ai";
import { tool } from "ai";
import { z } from "zod";
import { MayflyExecutor, type ResolvedProvider } from "@mayfly/client/codemode";
import { either } from "./server/index.js";
import { loader } from "./stubs/loader.js";

const both = either();

const providers: ResolvedProvider[] = [
  {
    name: "codemode",
    fns: {
      echo: async (...args: unknown[]) => args,
      fail: async () => Promise.reject(new RangeError("out of paper")),
      bytes: async () => Uint8Array.of(1, 2, 3),
      "get-it": async () => "it",
      nothing: async () => undefined,
    },
  },
  { name: "state", fns: { get: async (key: unknown) => `value of ${String(key)}` }, prelude: "state.twice = async (key) => [await state.get(key), await state.get(key)];" },
];
const connectors = [{ name: "gh", binding: { callTool: async (method: string, args: unknown) => (method === "bad" ? { __codemode_control__: "error", message: "no such repo" } : { method, args }) } }];

function executors(timeout_ms = 10_000): { theirs: Executor; ours: Executor } {
  const ours = new MayflyExecutor({ client: both.client(), limits: { wall_ms: timeout_ms } });
  return { theirs: new DynamicWorkerExecutor({ loader, timeout: timeout_ms }), ours };
}

test("results and logs are the same", async () => {
  const { theirs, ours } = executors();
  const table = [
    "async () => 1",
    "async () => {}",
    "async () => null",
    "async () => ({ a: [1, { b: 'é😀' }], c: undefined === void 0 })",
    "async () => { console.log('a', 1, true, null); console.warn('b'); console.error('c'); return 'x'; }",
    "async () => codemode.echo({ a: 1 })",
    "async () => codemode.echo('a', 2, [3], { four: 4 })",
    "async () => codemode.echo([1])",
    "async () => codemode.get_it()",
    "async () => [...await codemode.bytes()]",
    "async () => codemode.bytes()",
    "async () => codemode.echo(new Uint8Array([7, 8]))",
    "async () => new Uint8Array([9])",
    "async () => Promise.all([1, 2, 3].map((n) => codemode.echo({ n })))",
    "async () => [await state.get('k'), await state.twice('j')]",
    "async () => gh.issues_list({ repo: 'a' })",
    "async () => { try { await codemode.fail(); } catch (error) { return error.message; } }",
    "async () => { try { await gh.bad({}); } catch (error) { return error.message; } }",
    "async () => typeof codemode.anything",
    "```ts\nasync () => 'fenced'\n```",
    "export default async () => 'exported'",
    "async function named() { return 'named'; }",
    "const a = await codemode.echo({ a: 2 });\na[0].a + 1",
    "const f = async () => 3;\nreturn await f();",
    "1 + 1;",
  ];
  for (const code of table) {
    const expected = await theirs.execute(code, providers, { connectors });
    assert.equal(expected.error, undefined, code);
    assert.deepEqual(await ours.execute(code, providers, { connectors }), expected, code);
  }
});

test("what is an error there is one here, with the same words and more, and keeps the log", async () => {
  const { theirs, ours } = executors(500);
  const table = [
    "async () => { console.log('before'); throw new Error('mine'); }",
    "async () => { throw new TypeError('of a kind'); }",
    "async () => codemode.fail()",
    "async () => codemode.missing({})",
    "async () => gh.bad({})",
    "async () => nothere()",
    "async () => { console.warn('slow'); await new Promise((resolve) => setTimeout(resolve, 2000)); }",
  ];
  for (const code of table) {
    const [expected, told] = [await theirs.execute(code, providers, { connectors }), await ours.execute(code, providers, { connectors })];
    assert.deepEqual([told.result, told.logs], [expected.result, expected.logs], code);
    // Of a timeout they say only that there was one.
    const words = code.includes("slow") ? "500 ms" : expected.error!;
    assert.ok(told.error?.includes(words), `${code}: ${told.error} for ${expected.error}`);
  }
});

test("createCodeTool describes, checks and fails the same with either", async () => {
  const tools = { add: tool({ description: "Adds", inputSchema: z.object({ a: z.number() }), execute: async ({ a }) => a + 1 }) };
  const { theirs, ours } = executors();
  const made = [theirs, ours].map((executor) => createCodeTool({ tools, executor })) as unknown as { description: string; execute(input: { code: string }, options: object): Promise<unknown> }[];
  assert.equal(made[0]!.description, made[1]!.description);
  const use = (code: string) => Promise.all(made.map((one) => one.execute({ code }, { toolCallId: "1", messages: [], context: {} }).catch((thrown: Error) => thrown)));
  const [right, same] = await use("async () => { console.log('hi'); return codemode.add({ a: 1 }); }");
  assert.deepEqual(same, right);
  assert.deepEqual(same, { result: 2, logs: ["hi"] });
  for (const code of ["async () => codemode.add({ a: 'x' })", "async () => { console.log('hi'); throw new Error('mine'); }"]) {
    const [wrong, told] = (await use(code)) as [Error, Error];
    assert.ok(wrong instanceof Error && told instanceof Error, code);
    assert.match(wrong.message, /^Code execution failed: /);
    assert.match(told.message, /^Code execution failed: /);
    const console = (text: string) => text.split("Console output:")[1];
    assert.equal(console(told.message), console(wrong.message));
  }
});
