// In: `must/*.ts` and the scripts of the runtime's tests, which must compile against mayfly.d.ts; `must-not/*.ts`, whose
// first line names the errors that TypeScript must find in them. Out: what is otherwise, and exit status 1.
// May touch: nothing. Security boundary: no.
//
//     npm install --no-save --prefix target/typescript typescript && node guest-sdk/types/tests/check.mjs

import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "../../../target/typescript/node_modules/typescript/lib/typescript.js";

const here = dirname(fileURLToPath(import.meta.url));
const types = dirname(here);
const config = ts.getParsedCommandLineOfConfigFile(join(types, "tsconfig.json"), {}, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail });
const wrong = [];

const must = ts.createProgram(config.fileNames, config.options);
for (const found of ts.getPreEmitDiagnostics(must)) wrong.push(`must compile: ${shown(found)}`);

const refused = readdirSync(join(here, "must-not")).filter((name) => name.endsWith(".ts"));
for (const name of refused) {
  const file = join(here, "must-not", name);
  const expected = /^\/\/ (TS\d+(?: TS\d+)*)$/m.exec(readFileSync(file, "utf8"))?.[1].split(" ") ?? [];
  const program = ts.createProgram([join(types, "mayfly.d.ts"), file], config.options, undefined, must);
  const found = ts.getPreEmitDiagnostics(program).map((diagnostic) => `TS${diagnostic.code}`);
  if (expected.length === 0) wrong.push(`${name}: the first line names no error`);
  if (found.join(" ") !== expected.join(" ")) wrong.push(`${name}: expected ${expected.join(" ")}, found ${found.join(" ") || "nothing"}`);
}

function shown(diagnostic) {
  const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n");
  if (diagnostic.file === undefined) return text;
  const { line, character } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start);
  return `${diagnostic.file.fileName}:${line + 1}:${character + 1}: TS${diagnostic.code} ${text}`;
}

function fail(diagnostic) {
  throw new Error(shown(diagnostic));
}

if (config.fileNames.length < 5 || refused.length < 5) wrong.push("the tests are elsewhere");
for (const line of wrong) console.error(line);
console.log(`${config.fileNames.length} files compile, ${refused.length} do not${wrong.length === 0 ? ", as they should" : ""}`);
process.exitCode = wrong.length === 0 ? 0 : 1;
