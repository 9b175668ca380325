// In: servers that refuse, hang, break off or are something else. Out: what the client makes of it.
// May touch: loopback. Security boundary: no; but that the token does not follow a redirect is tested here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Mayfly, MayflyError, MayflyProblem } from "@mayfly/client";
import { FakeServer, fakeOnly, watched } from "./server/index.js";

const it = watched();

function since(from: number) {
  return it.server.seen.slice(from);
}

test("overload, draining and quota are tried again with the same key", async () => {
  for (const [status, kind, headers] of [[503, "overloaded", {}], [503, "draining", { "retry-after": "0" }], [429, "quota", { "retry-after": "0" }]] as const) {
    const from = it.server.seen.length;
    it.server.refuse(2, status, kind, headers);
    const run = await it.client().run({ code: "1 + 1" });
    assert.equal(run.result, 2, kind);
    const keys = since(from).map(({ headers }) => headers["idempotency-key"]);
    assert.equal(keys.length, 3, kind);
    assert.equal(new Set(keys).size, 1, kind);
    assert.match(keys[0]!, /^[0-9a-f-]{36}$/);
  }
  const keys = since(0).map(({ headers }) => headers["idempotency-key"]);
  assert.equal(new Set(keys).size, 3, "each call has a key of its own");
});

test("other refusals are told at once", fakeOnly("every request is refused on purpose, and none reaches a server"), async () => {
  for (const [status, kind, headers] of [[503, "bridge_unavailable", { "retry-after": "0" }], [503, "store_unavailable", { "retry-after": "0" }], [429, "quota", {}], [500, "internal", {}], [400, "bad_request", {}], [507, "store_full", {}], [503, "overloaded", { "retry-after": "3600" }]] as const) {
    const from = it.server.seen.length;
    it.server.refuse(1, status, kind, headers);
    await assert.rejects(it.client().run({ code: "1" }), (thrown) => thrown instanceof MayflyProblem && thrown.kind === kind && thrown.status === status);
    assert.equal(since(from).length, 1, `${status} ${kind}`);
  }
});

test("tries end", fakeOnly("every request is refused on purpose, and none reaches a server"), async () => {
  const from = it.server.seen.length;
  it.server.refuse(3, 503, "overloaded", { "retry-after": "0" });
  await assert.rejects(it.client({ retries_max: 2 }).run({ code: "1" }), (thrown) => thrown instanceof MayflyProblem && thrown.retry_after_ms === 0);
  assert.equal(since(from).length, 3);
});

test("retry-after is waited for, in seconds or as a date", async () => {
  for (const make of [() => "1", () => new Date(Date.now() + 2_500).toUTCString()]) {
    const value = make();
    it.server.refuse(1, 503, "draining", { "retry-after": value });
    const began = performance.now();
    await it.client().run({ code: "1" });
    assert.ok(performance.now() - began > 500, value);
  }
});

test("an abort ends the wait for a retry", fakeOnly("the one request is refused on purpose, and none reaches a server"), async () => {
  it.server.refuse(1, 503, "draining", { "retry-after": "20" });
  const controller = new AbortController();
  const run = it.client().run({ code: "1" }, { signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 50);
  const began = performance.now();
  await assert.rejects(run, { message: "enough" });
  assert.ok(performance.now() - began < 5_000);
});

test("a server that hangs is a timeout, before its head and after", fakeOnly("a real server would have to hang"), async () => {
  it.server.faults.push(() => undefined, (_, response) => void response.writeHead(200).write("{"));
  for (const place of ["head", "body"]) {
    await assert.rejects(it.client({ timeout_ms: 100 }).run({ code: "1" }), (thrown) => thrown instanceof MayflyError && thrown.kind === "timeout", place);
  }
  it.server.faults.push((_, response) => void response.writeHead(200, { "content-type": "text/event-stream" }).write(": still here\n\n"));
  await assert.rejects(it.client().stream({ code: "1" }, { timeout_ms: 100 }).next(), { kind: "timeout" });
});

test("a run that takes longer than the client waits is a timeout, and ends", async () => {
  const code = "async () => { console.log('x'); await new Promise(r => setTimeout(r, 20000)); }";
  await assert.rejects(it.client().run({ code }, { timeout_ms: 300 }), { kind: "timeout" });
  const events = it.client().stream({ code }, { timeout_ms: 300 });
  assert.equal((await events.next()).value?.type, "log");
  await assert.rejects(events.next(), { kind: "timeout" });
  const id = it.server.ids.at(-1)!;
  for (let tries = 0; tries < 100 && (await it.server.status(id)) === "running"; tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await it.server.status(id), "cancelled");
});

test("a stream lasts as long as its run, whatever a plain answer may take", async () => {
  const code = "async () => { console.log('x'); await new Promise(r => setTimeout(r, 1500)); return 1; }";
  const types = [];
  for await (const event of it.client({ timeout_ms: 1_000 }).stream({ code })) types.push(event.type);
  assert.deepEqual(types, ["log", "result"]);
});

test("a run is given the time that its wall clock limit says", async () => {
  const code = "async () => { await new Promise(r => setTimeout(r, 300)); return 1; }";
  const run = await it.client({ timeout_ms: 100 }).run({ code, limits: { wall_ms: 2_000 } });
  assert.equal(run.result, 1);
});

test("nobody there", async () => {
  const gone = await new FakeServer().listen();
  const url = gone.url;
  await gone.stop();
  await assert.rejects(new Mayfly({ url, token: "t" }).run({ code: "1" }), (thrown) => thrown instanceof MayflyError && thrown.kind === "connection" && /ECONNREFUSED/.test(thrown.message));
});

test("somebody who breaks off", fakeOnly("a real server would have to be killed before it answers"), async () => {
  it.server.faults.push((_, response) => void response.destroy());
  await assert.rejects(it.client().run({ code: "1" }), { kind: "connection" });
});

test("something else answers", fakeOnly("what answers here is no Mayfly"), async () => {
  it.server.faults.push(
    (_, response) => void response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>"),
    (_, response) => void response.writeHead(200).end("<h1>hello</h1>"),
  );
  await assert.rejects(it.client().run({ code: "1" }), (thrown) => thrown instanceof MayflyError && thrown.kind === "protocol" && /502.*Bad gateway/.test(thrown.message));
  await assert.rejects(it.client().run({ code: "1" }), { kind: "protocol" });
});

test("the token does not follow a redirect", fakeOnly("a real server redirects nobody"), async () => {
  const other = await new FakeServer().listen();
  it.server.faults.push((_, response) => void response.writeHead(307, { location: `${other.url}/v1/runs` }).end());
  await assert.rejects(it.client().run({ code: "1" }), { kind: "protocol" });
  assert.equal(other.seen.length, 0);
  await other.stop();
});

test("a path before /v1 and another fetch are used", async () => {
  const asked: string[] = [];
  const given: typeof fetch = async (input, init) => (asked.push(`${init?.method} ${input}`), fetch(String(input).replace("/mayfly/v1", "/v1"), init));
  const client = it.client({ url: `${it.server.url}/mayfly/?x#y`, fetch: given });
  const { id } = await client.run({ code: "1" });
  assert.equal((await client.get(id)).result, 1);
  await client.tools.search("a b&c");
  const base = `${it.server.url}/mayfly/v1`;
  assert.deepEqual(asked, [`POST ${base}/runs`, `GET ${base}/runs/${id}`, `GET ${base}/tools?query=a+b%26c`]);
});

test("an answer without end is not kept", fakeOnly("the `fetch` of this test answers by itself, without end"), async () => {
  const body = () => new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1 << 22)) });
  const client = new Mayfly({ url: "http://x", token: "t", fetch: async () => new Response(body()) });
  await assert.rejects(client.get("run_1"), (thrown) => thrown instanceof MayflyError && thrown.kind === "protocol" && /longer than/.test(thrown.message));
});
