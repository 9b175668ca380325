// In: the package as it is built. Out: whether it is what its users may rely on: no dependencies, nothing of Node, whole types.
// May touch: files of this package. Security boundary: no.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "./files.js";
import { test } from "node:test";
import ts from "typescript";

const root = new URL("..", import.meta.url).pathname;

test("nothing is needed at run time but what every platform has", () => {
  const { dependencies, license } = JSON.parse(readFileSync(`${root}package.json`)) as { dependencies?: object; license: string };
  assert.deepEqual([dependencies, license], [undefined, "Apache-2.0"]);
  const files = globSync(`${root}dist`, ".js");
  assert.ok(files.length > 10);
  for (const file of files) {
    const text = readFileSync(file);
    const imports = [...text.matchAll(/^(?:import|export) [^;]*? from "([^"]+)"/gm)].map(([, from]) => from!);
    const foreign = imports.filter((from) => !from.startsWith("."));
    assert.deepEqual(foreign, file.endsWith("/ai/index.js") ? ["ai"] : [], file);
    assert.doesNotMatch(text, /\b(process|Buffer|require|setImmediate)\b[.(]/, file);
  }
});

test("the lock names no registry", () => {
  assert.doesNotMatch(readFileSync(`${root}package-lock.json`), /"resolved"/);
});

test("the types stand without those of Node", () => {
  const options: ts.CompilerOptions = {
    strict: true, noEmit: true, exactOptionalPropertyTypes: true, types: [], lib: ["lib.es2023.d.ts", "lib.dom.d.ts"],
    target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  const program = ts.createProgram([`${root}dist/index.d.ts`, `${root}dist/codemode/index.d.ts`], options);
  assert.deepEqual(ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")), []);
});

test("the examples of the README compile", () => {
  const blocks = [...readFileSync(`${root}README.md`).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => block!);
  assert.equal(blocks.length, 5);
  const known = {
    mayfly: 'import("@mayfly/client").Mayfly', code: "string", external: 'import("@mayfly/client").ExternalTools', prompt: "string",
    tools: 'import("ai").ToolSet', model: 'import("ai").LanguageModel', generateText: 'typeof import("ai").generateText', stepCountIs: 'typeof import("ai").stepCountIs',
  };
  const files = new Map(blocks.map((block, at) => {
    const missing = Object.entries(known).filter(([name]) => !new RegExp(`const ${name} =`).test(block));
    return [`${root}example-${at}.ts`, `${missing.map(([name, type]) => `declare const ${name}: ${type};\n`).join("")}${block}\nexport {};`];
  }));
  const options: ts.CompilerOptions = { strict: true, noEmit: true, skipLibCheck: true, types: ["node"], lib: ["lib.es2023.d.ts", "lib.dom.d.ts"], target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext };
  const host = ts.createCompilerHost(options);
  const [source, exists] = [host.getSourceFile.bind(host), host.fileExists.bind(host)];
  host.fileExists = (name) => files.has(name) || exists(name);
  host.getSourceFile = (name, target) => (files.has(name) ? ts.createSourceFile(name, files.get(name)!, target) : source(name, target));
  const found = ts.getPreEmitDiagnostics(ts.createProgram([...files.keys()], options, host));
  assert.deepEqual(found.map(({ file, messageText }) => `${file?.fileName.split("/").at(-1)}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`), []);
});

test("every file says what it is for, and is no longer than a reader's patience", () => {
  for (const file of [...globSync(`${root}src`, ".ts"), ...globSync(`${root}test`, ".ts")]) {
    const lines = readFileSync(file).split("\n");
    const head = lines.slice(0, 4).join(" ");
    for (const part of ["// In: ", "Out: ", "May touch: ", "Security boundary: "]) assert.ok(head.includes(part), `${file}: ${part}`);
    assert.ok(lines.length <= 400, file);
  }
});
