// In: values too large for a model, and schemas of every kind. Out: whether they are cut and written as they should.
// May touch: the built files of this package. Security boundary: no; but that no description leaves its comment is tested here.

import assert from "node:assert/strict";
import { test } from "node:test";
import ts from "typescript";

const dist = new URL("../dist/", import.meta.url).href;
const { truncate } = (await import(`${dist}truncate.js`)) as { truncate(value: unknown, chars_max: number): unknown };
const { declarations, typeOf } = (await import(`${dist}ai/declarations.js`)) as { declarations(tools: object[], namespace: string): string; typeOf(schema: unknown): string };
const { encode, decode } = (await import(`${dist}codemode/values.js`)) as { encode(value: unknown): unknown; decode(value: unknown): unknown };

const { program } = (await import(`${dist}codemode/guest.js`)) as { program(code: string, namespaces: object[]): { modules: Record<string, string>; main: string } };

test("what fits is left as it is", () => {
  const value = { a: [1, "two", null, { b: true }] };
  assert.equal(truncate(value, JSON.stringify(value).length), value);
  assert.deepEqual([truncate(undefined, 10), truncate(1, 10), truncate("x", 3)], [null, 1, "x"]);
});

test("what does not fit is whole JSON of at most that many characters", () => {
  const values: unknown[] = [
    "x".repeat(100_000),
    "😀".repeat(50_000),
    '"\\\n'.repeat(30_000),
    Array.from({ length: 20_000 }, (_, at) => at),
    Array.from({ length: 2_000 }, (_, at) => ({ at, text: "y".repeat(at % 300), tags: ["a", "b"] })),
    Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`key ${at}`, at])),
    { ["k".repeat(50_000)]: 1, small: 2 },
    Array.from({ length: 200 }).reduce<unknown>((inner) => [inner, inner === null ? 1 : "x".repeat(200)], null),
    { deep: { deeper: { deepest: "z".repeat(50_000) } } },
  ];
  for (const value of values) {
    for (const max of [30, 100, 1_000, 10_000]) {
      const text = JSON.stringify(truncate(value, max));
      assert.ok(text.length <= max, `${text.length} > ${max}: ${text.slice(0, 100)}`);
      assert.match(text, /…\[\d+ more \w+\]/);
      assert.doesNotMatch(text, /\\ud[89ab]..(?!\\ud)/i, "no half of a pair");
    }
  }
});

test("the room is used", () => {
  const rows = Array.from({ length: 2_000 }, (_, id) => ({ id, name: `name ${id}`, ok: true }));
  for (const value of ["x".repeat(50_000), rows, { rows, count: 2_000 }]) {
    const { length } = JSON.stringify(truncate(value, 4_000));
    assert.ok(length > 3_500, String(length));
  }
});

test("schemas are written as types", () => {
  const node = { type: "object", properties: { next: { $ref: "#/$defs/node" } } };
  const table: [unknown, string][] = [
    [true, "unknown"], [false, "never"], [{}, "unknown"], [undefined, "unknown"], [{ type: "string" }, "string"], [{ type: "integer" }, "number"],
    [{ type: ["string", "null"] }, "string | null"], [{ type: "string", nullable: true }, "string | null"],
    [{ enum: ["a", 1, null] }, '"a" | 1 | null'], [{ const: "x\"y" }, '"x\\"y"'], [{ enum: [] }, "never"],
    [{ type: "array", items: { type: "number" } }, "number[]"], [{ type: "array" }, "unknown[]"],
    [{ type: "array", items: { anyOf: [{ type: "string" }, { type: "null" }] } }, "(string | null)[]"],
    [{ type: "array", prefixItems: [{ type: "string" }, { type: "number" }] }, "[string, number]"],
    [{ oneOf: [{ type: "string" }, { type: "string" }] }, "string"],
    [{ allOf: [{ type: "object", properties: { a: { type: "string" } } }, { anyOf: [{ type: "number" }, { type: "null" }] }] }, "{\n  a?: string;\n} & (number | null)"],
    [{ type: "object" }, "Record<string, unknown>"], [{ type: "object", additionalProperties: false }, "{}"],
    [{ type: "object", additionalProperties: { type: "number" } }, "{\n  [key: string]: number;\n}"],
    [{ type: "object", properties: { "a-b": { type: "string" }, c: false }, required: ["a-b"] }, '{\n  "a-b": string;\n  c?: never;\n}'],
    [{ $ref: "#/$defs/node", $defs: { node } }, "{\n  next?: unknown;\n}"],
    [{ $ref: "https://example.com/x" }, "unknown"], [{ $ref: "#/__proto__/x" }, "unknown"], [{ $ref: "#" }, "unknown"],
  ];
  for (const [schema, type] of table) assert.equal(typeOf(schema), type, JSON.stringify(schema));
});

test("a schema without end ends", () => {
  const schema: { type: string; properties: Record<string, unknown> } = { type: "object", properties: {} };
  schema.properties.self = schema;
  assert.match(typeOf(schema), /self\?: unknown/);
  let deep: object = { type: "string" };
  for (let level = 0; level < 100; level += 1) deep = { type: "array", items: deep };
  assert.match(typeOf(deep), /^unknown(\[\])+$/);
});

test("no description leaves its comment", () => {
  const text = declarations([{ name: "a", description: "x */ process.exit() /* \n * y", input: { type: "object", properties: { b: { type: "string", description: "*/}; evil(); /*" } } } }], "tools");
  assert.equal(text.match(/\*\//g)?.length, 2, text);
});

test("what stands around the code of a model passes a strict type check with it", () => {
  const none = { tools: {}, connector: false };
  const prelude = "state.step = async (name, work) => { await state.note(name); return await work(); };";
  const namespaces = [{ name: "codemode", path: "codemode", ...none, tools: { add: "add" } }, { name: "state", path: "codemode.state", ...none, tools: { note: "note" }, prelude }, { name: "gh", path: "codemode.gh", tools: {}, connector: true }];
  const code = "export default async (): Promise<number[]> => [await codemode.add({ a: 1 }), await state.step('x', async () => 2), await gh.list({})];";
  const { modules, main } = program(code, namespaces);
  const folder = new URL("../../types/", import.meta.url).pathname;
  const files = new Map(Object.entries(modules).filter(([name]) => !name.includes("prelude")).map(([name, text]) => [`${folder}${name}`, text]));
  const options: ts.CompilerOptions = { strict: true, noEmit: true, types: [], lib: ["lib.esnext.d.ts"], target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, allowImportingTsExtensions: true };
  const host = ts.createCompilerHost(options);
  const [source, exists] = [host.getSourceFile.bind(host), host.fileExists.bind(host)];
  host.fileExists = (name) => files.has(name) || exists(name);
  host.getSourceFile = (name, target) => (files.has(name) ? ts.createSourceFile(name, files.get(name)!, target) : source(name, target));
  const found = ts.getPreEmitDiagnostics(ts.createProgram([`${folder}mayfly.d.ts`, `${folder}${main}`], options, host));
  const told = found.map(({ file, start, messageText }) => `${file?.fileName.split("/").at(-1)}:${file?.getLineAndCharacterOfPosition(start ?? 0).line} ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
  // The prelude is JavaScript, and left out here.
  assert.deepEqual(told.filter((line) => !line.includes("mayfly-prelude")), []);
});

test("bytes survive, and everything else is left alone", () => {
  const value = { a: [1, { b: null }], c: new Date(0) };
  assert.equal(encode(value), value);
  assert.equal(decode(value), value);
  const shared = Object.create(null) as Record<string, unknown>;
  shared.bytes = new DataView(Uint8Array.of(1, 2, 3).buffer, 1, 2);
  assert.deepEqual(decode(JSON.parse(JSON.stringify(encode({ shared })))), { shared: { bytes: Uint8Array.of(2, 3) } });
  const cycle: unknown[] = [];
  // Twice, so that a walk that knows no cycles would never end.
  cycle.push(cycle, cycle, Uint8Array.of(1));
  assert.ok(Array.isArray(encode(cycle)));
  for (const fake of [{ __codemode_binary_v1__: "Uint8Array" }, { __codemode_binary_v1__: "Uint8Array", data: "%%%" }]) assert.deepEqual(decode(fake), fake);
});
