// In: a client and a server. Out: whether runs are asked for and told as CONTRACT section 4 has them.
// May touch: loopback. Security boundary: no.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Mayfly, MayflyError, MayflyProblem, type RunEvent } from "@mayfly/client";
import { either, fakeOnly, watched } from "./server/index.js";

const both = either();
const seen = watched();

test("code runs with its input and comes back with result and log", async () => {
  const run = await both.client().run<number>({ code: "async (input) => { console.log('n is', input.n); console.warn('w'); return input.n * 2; }", input: { n: 21 } });
  assert.equal(run.status, "completed");
  assert.equal(run.result, 42);
  assert.deepEqual(run.logs.map(({ level, text }) => [level, text]), [["log", "n is 21"], ["warn", "w"]]);
  assert.equal(typeof run.usage.cpu_us, "number");
});

test("modules import each other", async () => {
  const modules = { "a.ts": "export const n: number = 7;", "b.ts": "import { n } from './a.ts'; export default () => n + 1;" };
  const run = await both.client().run({ modules, main: "b.ts" });
  assert.deepEqual([run.status, run.result], ["completed", 8]);
});

test("a script that fails is a run, with the place in its source", async () => {
  const run = await both.client().run({ code: "async () => {\n  const x = {};\n  return x.y();\n}" });
  assert.ok(run.status === "failed");
  assert.deepEqual([run.error.kind, run.error.name, run.error.module, run.error.line], ["exception", "TypeError", "main.ts", 3]);
});

test("what the server refuses is a problem with kind, status and detail", async () => {
  const wrong = { code: "1", limits: {}, nonsense: 1 } as unknown as { code: string };
  await assert.rejects(both.client().run(wrong), (thrown) => {
    assert.ok(thrown instanceof MayflyProblem && thrown instanceof MayflyError && thrown.name === "MayflyProblem");
    assert.deepEqual([thrown.kind, thrown.status], ["bad_request", 400]);
    assert.match(thrown.detail, /nonsense/);
    assert.equal(typeof thrown.request_id, "string");
    return true;
  });
});

test("a token that nobody knows is unauthorized, and is not in the error", async () => {
  const client = seen.client({ token: "mayfly_other" });
  await assert.rejects(client.run({ code: "1" }), (thrown) => {
    assert.ok(thrown instanceof MayflyProblem && thrown.kind === "unauthorized");
    assert.doesNotMatch(`${thrown.stack}${JSON.stringify(thrown)}`, /mayfly_other/);
    return true;
  });
});

test("the body has what was asked for, and nothing of the caller's functions", async () => {
  const request = { code: "1", input: [1], limits: { cpu_ms: 50 }, tools: ["github"], record: true, check: true, approve: () => true, external: { add: { description: "adds", input_schema: {}, execute: () => 1 } } };
  await seen.client().run(request, { idempotency_key: "mine" });
  const { body, headers } = seen.server.seen.at(-1)!;
  assert.deepEqual(body, { code: "1", input: [1], limits: { cpu_ms: 50 }, tools: ["github"], record: true, check: true, external: [{ name: "add", description: "adds", input_schema: {} }] });
  assert.equal(headers["idempotency-key"], "mine");
});

test("runs are looked at, listed over pages, and cancelled", async () => {
  const client = both.client();
  const first = await client.run({ code: "1" });
  const slow = await client.run({ code: "async () => new Promise(r => setTimeout(r, 100000))", wait: false });
  assert.equal(slow.status, "running");
  assert.equal((await client.get(first.id)).status, "completed");
  assert.equal((await client.cancel(slow.id))?.status, "cancelled");
  const all = new Set<string>();
  for await (const run of client.list({ limit: 1 })) all.add(run.id);
  assert.ok(all.has(first.id) && all.has(slow.id));
  const cancelled = [];
  for await (const run of client.list({ status: "cancelled" })) cancelled.push(run.id);
  assert.ok(cancelled.includes(slow.id) && !cancelled.includes(first.id));
  await assert.rejects(client.get("run_none"), { kind: "not_found" });
  for (const id of ["", ".", ".."]) await assert.rejects(client.get(id), TypeError);
  await assert.rejects(client.get("a/../../scripts"), { kind: "not_found" });
});

test("a list whose cursor stands still ends with an error", fakeOnly("a real server's cursor moves on"), async () => {
  for (let times = 0; times < 2; times += 1) seen.server.faults.push((_, response) => void response.end(JSON.stringify({ runs: [{ id: "a" }], cursor: "x" })));
  const walk = async () => {
    for await (const _ of seen.client().list());
  };
  await assert.rejects(walk(), { kind: "protocol" });
});

test("tools are searched, and declarations read", async () => {
  const { results, truncated } = await both.client().tools.search("issues");
  assert.deepEqual([results.map(({ path }) => path), typeof truncated], [["github.issues.list"], "boolean"]);
  assert.match(await both.client().types(), /declare const tools/);
});

test("events come as they happen, wherever the bytes are cut", async () => {
  const code = "async () => { console.log('é😀'); const a = await tools.clock.now({ z: 1 }); console.error('two'); return a; }";
  for (const size of [1, 2, 3, 7, Infinity]) {
    seen.server.event_piece_bytes = size;
    const told = [];
    for await (const event of seen.client().stream({ code })) {
      told.push(event.type === "log" ? event.log.text : event.type === "call" ? event.call.tool : event.type === "result" ? event.run.result : event.type);
    }
    assert.deepEqual(told, ["é😀", "clock.now", "two", 5], `in pieces of ${size}`);
  }
});

test("a server without streams gives the result alone", async () => {
  const events: RunEvent[] = [];
  for await (const event of both.client().stream({ code: "40 + 2" })) events.push(event);
  const last = events.at(-1);
  assert.ok(last?.type === "result");
  assert.equal(last.run.result, 42);
});

test("leaving the loop cancels the run", async () => {
  const code = "async () => { console.log('begun'); await new Promise(r => setTimeout(r, 100000)); }";
  let left = false;
  for await (const event of seen.client().stream({ code })) {
    assert.equal(event.type, "log");
    left = true;
    break;
  }
  assert.ok(left);
  assert.equal(seen.server.seen.at(-1)!.method, "DELETE");
  assert.equal(await seen.server.status(seen.server.ids.at(-1)!), "cancelled");
});

test("a stream that breaks off before the run is an error", fakeOnly("a real server would have to be killed within an event"), async () => {
  const pieces = ["", ": nothing\n\n", "event: log\ndata: {\"text\":\"x\"}\n\n", "event: result\ndata: {}"];
  for (const piece of pieces) {
    seen.server.faults.push((_, response) => void response.writeHead(200, { "content-type": "text/event-stream" }).end(piece));
    const walk = async () => {
      for await (const _ of seen.client().stream({ code: "1" }));
    };
    await assert.rejects(walk(), { name: "MayflyError", kind: "connection" }, JSON.stringify(piece));
  }
});

test("events of a later version are passed over", fakeOnly("this version of the server has no such events"), async () => {
  const run = { id: "run_1", status: "completed", result: 1 };
  const text = `event: usage\ndata: not json\n\ndata: nor this\n\nevent: result\ndata: ${JSON.stringify(run)}\n\nevent: log\ndata: {}\n\n`;
  seen.server.faults.push((_, response) => void response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" }).end(text));
  const events = [];
  for await (const event of seen.client().stream({ code: "1" })) events.push(event);
  assert.deepEqual(events, [{ type: "result", run }]);
});

test("an input that JSON cannot carry is told before anything is sent", async () => {
  const before = seen.server.seen.length;
  await assert.rejects(seen.client().run({ code: "1", input: 1n }), TypeError);
  assert.equal(seen.server.seen.length, before);
});

test("what is no run is not taken for one", fakeOnly("a real server answers with a run"), async () => {
  for (const body of ["{}", "null", "[]", '{"id":1,"status":"completed"}']) {
    seen.server.faults.push((_, response) => void response.end(body));
    await assert.rejects(seen.client().run({ code: "1" }), { kind: "protocol" }, body);
    seen.server.faults.push((_, response) => void response.writeHead(200, { "content-type": "text/event-stream" }).end(`event: result\ndata: ${body}\n\n`));
    await assert.rejects(seen.client().stream({ code: "1" }).next(), { kind: "protocol" }, body);
  }
});

test("options that cannot be meant are refused", () => {
  assert.throws(() => new Mayfly({ url: "ftp://x", token: "t" }), /http/);
  assert.throws(() => new Mayfly({ url: "http://x", token: "" }), /token/);
  assert.throws(() => new Mayfly({ url: "http://x", token: "a\r\nb: c" }), /token/);
  for (const timeout_ms of [0, -1, NaN, Infinity]) assert.throws(() => new Mayfly({ url: "http://x", token: "t", timeout_ms }), RangeError);
  for (const retries_max of [-1, NaN, 0.5]) assert.throws(() => new Mayfly({ url: "http://x", token: "t", retries_max }), RangeError);
});
