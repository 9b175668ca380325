// In: a client and stored scripts. Out: whether versions, tags and conditions are those of the server.
// May touch: loopback; with MAYFLY_URL, scripts of its tenant by the name `client-test`.
// Security boundary: no.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MayflyProblem } from "@mayfly/client";
import { either, watched } from "./server/index.js";

const both = either();
const seen = watched();
const NAME = "client-test";

test("a script is stored, changed, run, brought back and deleted", async () => {
  const client = both.client();
  await client.scripts.delete(NAME).catch((thrown: unknown) => assert.ok(thrown instanceof MayflyProblem && thrown.kind === "not_found"));

  const first = await client.scripts.put(NAME, "async () => 1", { if_none_match: "*" });
  assert.deepEqual([first.version, first.created, first.changed], [1, true, true]);
  assert.match(first.etag, /^"v1-[0-9a-f]{16}"$/);
  const same = await client.scripts.put(NAME, { code: "async () => 1" });
  assert.deepEqual([same.version, same.created, same.changed, same.etag], [1, false, false, first.etag]);
  await assert.rejects(client.scripts.put(NAME, "2", { if_none_match: "*" }), { kind: "conflict", status: 412 });

  const second = await client.scripts.put(NAME, { modules: { "a.ts": "export default () => 2" }, main: "a.ts" }, { if_match: first.etag });
  assert.equal(second.version, 2);
  await assert.rejects(client.scripts.put(NAME, "3", { if_match: first.etag }), { kind: "conflict" });
  assert.equal((await client.run({ script: NAME })).result, 2);
  assert.equal((await client.run({ script: `${NAME}@1` })).result, 1);

  const stored = await client.scripts.get(NAME);
  assert.deepEqual([stored.main, stored.modules, stored.etag], ["a.ts", { "a.ts": "export default () => 2" }, second.etag]);
  assert.equal((await client.scripts.get(NAME, { version: 1 })).modules["main.ts"], "async () => 1");
  assert.equal(await client.scripts.get(NAME, { if_none_match: second.etag }), undefined);
  assert.equal((await client.scripts.get(NAME, { if_none_match: first.etag }))?.version, 2);

  const third = await client.scripts.rollback(NAME, 1, { if_match: second.etag.slice(1, -1) });
  assert.deepEqual([third.version, third.rollback_to], [3, 1]);
  const versions = [];
  for await (const { version } of client.scripts.versions(NAME, { limit: 1 })) versions.push(version);
  assert.deepEqual(versions, [3, 2, 1]);
  const names = [];
  for await (const { name } of client.scripts.list({ limit: 1 })) names.push(name);
  assert.ok(names.includes(NAME));

  await client.scripts.delete(NAME, { if_match: third.etag });
  await assert.rejects(client.scripts.get(NAME), { kind: "not_found" });
});

test("one that does not compile is refused with its place", async () => {
  await assert.rejects(both.client().scripts.put(NAME, "class {"), (thrown) => {
    assert.ok(thrown instanceof MayflyProblem);
    assert.deepEqual([thrown.kind, thrown.error?.kind, thrown.error?.module, thrown.error?.line], ["bad_request", "syntax", "main.ts", 1]);
    return true;
  });
});

test("names that would be another path are refused here", async () => {
  const before = seen.server.seen.length;
  for (const name of ["", ".", "..", "a/b", "A", "-a", "a-", "x".repeat(64)]) {
    await assert.rejects(seen.client().scripts.get(name), TypeError, name);
  }
  assert.equal(seen.server.seen.length, before);
});
