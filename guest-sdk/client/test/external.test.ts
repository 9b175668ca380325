// In: scripts that call back, and functions that answer. Out: whether runs pause, are answered and end as they should.
// May touch: loopback. Security boundary: no; but that no inherited name is called is tested here.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExternalTools, PendingCall, RunEvent } from "@mayfly/client";
import { either, fakeOnly, watched } from "./server/index.js";

const both = either();
const seen = watched();

const add = {
  description: "Adds two numbers",
  input_schema: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } }, required: ["a", "b"] },
  output_schema: { type: "number" },
  execute: async ({ a, b }: { a: number; b: number }) => a + b,
};

function last(): string {
  return seen.server.ids.at(-1)!;
}

function status(): Promise<string> {
  return seen.server.status(last());
}

test("plain functions are tools of the script", async () => {
  const code = "async () => { const three = await tools.add({ a: 1, b: 2 }); return tools.add({ a: three, b: 4 }); }";
  const run = await both.client().run({ code, external: { add } });
  assert.deepEqual([run.status, run.result], ["completed", 7]);
});

test("calls that the script makes side by side are answered side by side", async () => {
  let [now, most] = [0, 0];
  const wait = async ({ n }: { n: number }) => {
    most = Math.max(most, (now += 1));
    await new Promise((resolve) => setTimeout(resolve, 30));
    now -= 1;
    return n * n;
  };
  const code = "async () => Promise.all([1, 2, 3, 4].map((n) => tools.wait({ n })))";
  const run = await both.client().run({ code, external: { wait: { input_schema: { type: "object" }, execute: wait } } });
  assert.deepEqual(run.result, [1, 4, 9, 16]);
  assert.equal(most, 4);
});

test("one round answers all calls of a turn, by number", async () => {
  const from = seen.server.seen.length;
  const code = "async () => Promise.all([tools.add({ a: 1, b: 1 }), tools.bad({})].map((p) => p.catch((e) => `${e.name}: ${e.message}`)))";
  const bad = { execute: () => Promise.reject(new RangeError("too much")) };
  const run = await seen.client().run({ code, external: { add, bad } });
  assert.deepEqual(run.result, [2, "ToolError: too much"]);
  const asked = seen.server.seen.slice(from);
  assert.deepEqual(asked.map(({ method, path }) => `${method} ${path}`), ["POST /v1/runs", `POST /v1/runs/${run.id}/continue`]);
  assert.deepEqual(asked[1]!.body, { outcomes: [{ call: 1, value: 2 }, { call: 2, error: "too much" }] });
});

test("what a tool cannot say is an error for the script, not for the run", async () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const external: ExternalTools = {
    big: { execute: () => 1n },
    cycle: { execute: () => cycle },
    nothing: { execute: () => undefined },
    text: { execute: () => Promise.reject("just text") },
  };
  const code = "async () => { const out = []; for (const name of ['big', 'cycle', 'text']) await tools[name]({}).catch((e) => out.push(e.message)); return [...out, await tools.nothing({})]; }";
  const run = await both.client().run<string[]>({ code, external });
  assert.ok(run.status === "completed", JSON.stringify(run.error));
  assert.match(run.result[0]!, /cannot be sent as JSON.*BigInt/);
  assert.match(run.result[1]!, /cannot be sent as JSON.*circular/);
  assert.match(run.result[2]!, /just text/);
  assert.equal(run.result[3], null);
});

test("of the tools only own properties are called", fakeOnly("a real server names no pending call that was not declared"), async () => {
  const pending = ["constructor", "__proto__", "toString", "other"].map((tool, at) => ({ call: at + 1, tool, args: {}, reason: "external" }));
  seen.server.faults.push((_, response) => void response.end(JSON.stringify({ id: "run_x", status: "paused", pending })));
  seen.server.faults.push((seen, response) => void response.end(JSON.stringify({ id: "run_x", status: "completed", result: seen.body })));
  const run = await seen.client().run<{ outcomes: object[] }>({ code: "1", external: { add } });
  assert.deepEqual(run.result, { outcomes: pending.map(({ call, tool }) => ({ call, error: `there is no external tool called ${tool}` })) });
});

test("an approval that nobody decides comes back, and can be given later", async () => {
  const code = "async () => { const sum = await tools.add({ a: 1, b: 2 }); const paid = await tools.bank.pay({ sum }); return `${paid}, ${await tools.add({ a: sum, b: 1 })}`; }";
  const run = await seen.client().run({ code, external: { add } });
  assert.ok(run.status === "paused");
  const [{ request, ...pending }, ...more] = run.pending as [PendingCall];
  assert.deepEqual([pending, more], [{ call: 2, tool: "bank.pay", args: { sum: 3 }, reason: "approval" }, []]);
  assert.deepEqual([request?.method, request?.body, request?.body_bytes, request?.digest.length], ["POST", '{"sum":3}', 9, 64]);
  assert.match(request!.url, /^http:.*bank\.pay$/);
  const done = await seen.client().continue(run.id, { decisions: [{ call: 2, approve: true }] }, { external: { add } });
  assert.deepEqual([done.status, done.result], ["completed", "paid 3, 4"]);
  await assert.rejects(seen.client().continue(run.id, { decisions: [] }), { kind: "conflict" });
});

test("an abort of a continuation cancels the run, a refusal of one does not", async () => {
  const client = seen.client();
  const code = "async () => { await tools.add({ a: 1, b: 2 }); await new Promise((r) => setTimeout(r, 20000)); }";
  const { id } = await client.run({ code, external: { add }, wait: false });
  for (let tries = 0; tries < 100 && (await status()) !== "paused"; tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  await assert.rejects(client.continue(id, { outcomes: [{ call: 9, value: 1 }] }, { signal: AbortSignal.timeout(5_000) }), { kind: "bad_request" });
  assert.equal(await status(), "paused");
  await assert.rejects(client.continue(id, { outcomes: [{ call: 1, value: 1 }] }, { signal: AbortSignal.timeout(200) }), { name: "TimeoutError" });
  assert.deepEqual([seen.server.seen.at(-1)!.method, await status()], ["DELETE", "cancelled"]);
});

test("approve decides, and only true is yes", async () => {
  const code = "async () => tools.bank.pay({}).catch((e) => e.name)";
  const asked: string[] = [];
  for (const [said, result] of [[true, "paid"], [false, "PolicyError"], ["yes", "PolicyError"], [Promise.resolve(true), "paid"]] as const) {
    const run = await seen.client().run({ code, approve: (call) => (asked.push(call.tool), said as boolean) });
    assert.equal(run.result, result, String(said));
  }
  assert.deepEqual(asked, Array(4).fill("bank.pay"));
});

test("an approve that fails cancels the run", async () => {
  const approve = () => Promise.reject(new Error("the pager is down"));
  await assert.rejects(seen.client().run({ code: "async () => tools.bank.pay({})", approve }), { message: "the pager is down" });
  assert.equal(await status(), "cancelled");
});

test("a tool that never answers is an error for the script, and is told to stop", async () => {
  let told: unknown;
  const hang = { input_schema: { type: "object" }, execute: (_: unknown, { signal }: { signal: AbortSignal }) => new Promise(() => signal.addEventListener("abort", () => (told = signal.reason))) };
  const code = "async () => tools.hang({}).catch((e) => e.message)";
  const run = await both.client().run({ code, external: { hang } }, { external_ms: 50 });
  assert.match(String(run.result), /tools\.hang.*within 50 ms/);
  assert.match(String(told), /within 50 ms/);
});

test("an abort reaches the tools and cancels the run", async () => {
  const controller = new AbortController();
  let heard = false;
  const hang = {
    execute: (_: unknown, { signal, call, tool, run }: { signal: AbortSignal; call: number; tool: string; run: string }) => {
      assert.deepEqual([call, tool, run], [1, "hang", last()]);
      signal.addEventListener("abort", () => (heard = true));
      setTimeout(() => controller.abort(new Error("enough")), 20);
      return new Promise(() => undefined);
    },
  };
  await assert.rejects(seen.client().run({ code: "async () => tools.hang({})", external: { hang } }, { signal: controller.signal }), { message: "enough" });
  assert.ok(heard);
  const { method, path } = seen.server.seen.at(-1)!;
  assert.deepEqual([method, path, await status()], ["DELETE", `/v1/runs/${last()}`, "cancelled"]);
});

test("an abort while the first answer is awaited ends the run with its connection", async () => {
  const client = seen.client();
  // Nobody is told the run's id, so it is found by its script.
  const script = "client-test-slow";
  await client.scripts.put(script, "async () => new Promise((r) => setTimeout(r, 20000))");
  const find = async () => {
    for await (const run of client.list({ script, limit: 1 })) return run.status;
    return undefined;
  };
  const signal = AbortSignal.timeout(300);
  await assert.rejects(client.run({ script }, { signal }), { name: "TimeoutError" });
  for (let tries = 0; tries < 100 && (await find()) !== "cancelled"; tries += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(await find(), "cancelled");
  const before = seen.server.seen.length;
  await assert.rejects(client.run({ code: "1" }, { signal }), { name: "TimeoutError" });
  assert.equal(seen.server.seen.length, before, "what is aborted before is not asked for");
  await client.scripts.delete(script);
});

test("a continuation that fails cancels the run", async () => {
  const execute = () => {
    seen.server.refuse(1, 413, "too_large");
    return "x";
  };
  await assert.rejects(seen.client().run({ code: "async () => tools.big({})", external: { big: { execute } } }), { kind: "too_large" });
  assert.equal(await status(), "cancelled");
});

test("rounds are bounded", async () => {
  const code = "async () => { for (;;) await tools.add({ a: 1, b: 1 }); }";
  const from = seen.server.seen.length;
  await assert.rejects(seen.client().run({ code, external: { add } }, { rounds_max: 3 }), { name: "MayflyError", kind: "rounds" });
  assert.deepEqual(seen.server.seen.slice(from).map(({ method }) => method), ["POST", "POST", "POST", "POST", "DELETE"]);
  assert.equal(await status(), "cancelled");
});

test("a stream is followed across the pauses of either server", async () => {
  const code = "async () => { console.log('one'); const sum = await tools.add({ a: 1, b: 2 }); console.log('two'); return sum; }";
  const told: unknown[] = [];
  for await (const event of both.client().stream({ code, external: { add } })) told.push(event.type === "log" ? event.log.text : event.type === "result" ? event.run.result : event.type);
  assert.deepEqual(told, ["one", "call", "paused", "two", 3]);
});

test("a paused run is continued by hand, once", async () => {
  const client = both.client();
  const external = { ask: { execute: () => "yes" } };
  const waits = { code: "async () => { const said = await tools.ask({}); await new Promise((r) => setTimeout(r, 100)); return said; }", external };
  // Nobody waits for it, so that nobody answers by itself.
  const { id } = await client.run({ ...waits, wait: false });
  let run = await client.get(id);
  for (let tries = 0; tries < 100 && run.status !== "paused"; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    run = await client.get(id);
  }
  assert.deepEqual(run.pending, [{ call: 1, tool: "ask", args: {}, reason: "external" }]);
  const done = await client.continue(id, { outcomes: [{ call: 1, value: "no" }] });
  assert.deepEqual([done.status, done.result], ["completed", "no"]);
  await assert.rejects(client.continue(id, { outcomes: [{ call: 1, value: "no" }] }), { kind: "conflict", status: 409 });
});

test("a stream goes on across pauses", async () => {
  const code = "async () => { console.log('one'); const sum = await tools.add({ a: 1, b: 2 }); console.log('two'); return sum; }";
  for (const size of [1, Infinity]) {
    seen.server.event_piece_bytes = size;
    const told: unknown[] = [];
    for await (const event of seen.client().stream({ code, external: { add } })) told.push(event.type === "log" ? event.log.text : event.type === "result" ? event.run.result : event.type);
    assert.deepEqual(told, ["one", "call", "paused", "two", 3]);
  }
});

test("a stream ends at an approval that nobody decides, and leaves the run waiting", async () => {
  for (const leave of [true, false]) {
    let paused: RunEvent | undefined;
    for await (const event of seen.client().stream({ code: "async () => tools.bank.pay({})", external: { add } })) {
      paused = event;
      if (leave && event.type === "paused") break;
    }
    assert.equal(paused?.type, "paused");
    assert.equal(await status(), "paused");
  }
});

test("a tool without a function is refused before anything is sent", async () => {
  const before = seen.server.seen.length;
  await assert.rejects(seen.client().run({ code: "1", external: { add: { description: "x" } as never } }), { name: "TypeError", message: /external\.add.*execute/ });
  assert.equal(seen.server.seen.length, before);
});
