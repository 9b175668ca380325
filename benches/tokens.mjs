// In: nothing. Out: a table of tokens (o200k_base), with how many of them a model reads anew in each of its turns.
// May touch: a server of its own, an upstream on loopback.
// Security boundary: no.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";

const require = createRequire(path.resolve("target/tokens/package.json"));
const { encode } = require("gpt-tokenizer/encoding/o200k_base");
const DOCUMENT = path.resolve("target/openapi/node_modules/@octokit/openapi/generated/api.github.com.json");
const mayfly = path.resolve(process.env.CARGO_TARGET_DIR ?? "target", "debug/mayfly");
const tokens = (value) => encode(typeof value === "string" ? value : JSON.stringify(value)).length;

const TASK = "Look at the 20 newest open issues of octo/hello. Ask for a reproduction on those without a comment, and tell me which.";
const ISSUES = 20;
const SCRIPT = `const repo = { owner: "octo", repo: "hello" };
const issues = await github.issues.listForRepo({ ...repo, state: "open", per_page: 20 });
const quiet = issues.filter((issue) => issue.comments === 0);
await Promise.all(quiet.map((issue) =>
  github.issues.createComment({ ...repo, issue_number: issue.number, body: "Could you add a reproduction?" })));
return { asked: quiet.map((issue) => issue.number) };`;

const description = JSON.parse(readFileSync(DOCUMENT, "utf8"));
const upstream = await standIn();
const folder = mkdtempSync(path.join(os.tmpdir(), "mayfly-tokens-"));
const server = await start();
try {
  const direct = await withTools();
  const code = await inCodeMode();
  console.log(`| ${TASK} | operations as tools | code mode |`);
  console.log("|---|---|---|");
  for (const row of ["definitions", "said by the model", "results", "turns", "read in all"]) console.log(`| ${row} | ${direct[row]} | ${code[row]} |`);
} finally {
  server.child.kill();
  upstream.close();
  rmSync(folder, { recursive: true, force: true });
}

/** What a conversation costs: each turn reads the definitions and all that was said before. */
function account(definitions, turns) {
  let before = definitions + tokens(TASK);
  const sum = { definitions, "said by the model": 0, results: 0, turns: turns.length + 1, "read in all": 0 };
  for (const { said, results } of turns) {
    sum["read in all"] += before;
    sum["said by the model"] += said;
    sum.results += results;
    before += said + results;
  }
  sum["read in all"] += before;
  return sum;
}

/** One tool for each operation; calls of one turn go together, as models do that. */
async function withTools() {
  const definitions = operations().map(({ id, operation, parameters }) => ({
    name: id.replace("/", "_"), description: operation.summary, input_schema: { type: "object", properties: parameters },
  }));
  const call = (name, input) => tokens({ type: "tool_use", name, input });
  const list = await get("/repos/octo/hello/issues?state=open&per_page=20");
  const quiet = list.filter((issue) => issue.comments === 0);
  const comment = await get(`/repos/octo/hello/issues/1/comments`, "POST");
  return account(tokens(definitions), [
    { said: call("issues_list_for_repo", { owner: "octo", repo: "hello", state: "open", per_page: ISSUES }), results: tokens(list) },
    {
      said: quiet.map(({ number }) => call("issues_create_comment", { owner: "octo", repo: "hello", issue_number: number, body: "Could you add a reproduction?" }))
        .reduce((sum, count) => sum + count, 0),
      results: quiet.length * tokens(comment),
    },
  ]);
}

async function inCodeMode() {
  const definitions = (await rpc("tools/list", {})).tools;
  const turns = [];
  for (const [name, input] of [
    ["search", { query: "list issues of a repository" }],
    ["describe", { names: ["github.issues.listForRepo", "github.issues.createComment"] }],
    ["execute", { code: SCRIPT }],
  ]) {
    const { content, isError } = await rpc("tools/call", { name, arguments: input });
    if (isError) throw new Error(content[0].text);
    turns.push({ said: tokens({ type: "tool_use", name, input }), results: tokens(content[0].text) });
    if (name === "execute" && !content[0].text.includes('"asked"')) throw new Error(content[0].text);
  }
  return account(tokens(definitions), turns);
}

function operations() {
  return Object.values(description.paths).flatMap((item) => Object.entries(item)
    .filter(([method]) => ["get", "put", "post", "patch", "delete"].includes(method))
    .map(([, operation]) => {
      const resolved = (operation.parameters ?? []).map((parameter) => follow(parameter));
      const parameters = Object.fromEntries(resolved.map(({ name, schema, description }) => [name, { ...schema, description }]));
      const body = operation.requestBody?.content?.["application/json"]?.schema?.properties ?? {};
      return { id: operation.operationId, operation, parameters: { ...parameters, ...body } };
    }));
}

function follow(value) {
  return value.$ref === undefined ? value : value.$ref.slice(2).split("/").reduce((at, key) => at[key], description);
}

async function get(where, method = "GET") {
  return (await fetch(`http://127.0.0.1:${upstream.address().port}${where}`, { method })).json();
}

async function standIn() {
  const example = (name) => follow(description.components.examples[name]).value;
  const [issue] = example("issue-items");
  const issues = Array.from({ length: ISSUES }, (_, index) => ({ ...issue, number: index + 1, comments: index % 3 }));
  const made = http.createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    request.resume().on("end", () => {
      if (request.method === "POST") response.writeHead(201).end(JSON.stringify(example("issue-comment")));
      else response.end(JSON.stringify(issues));
    });
  });
  await new Promise((resolve) => made.listen(0, "127.0.0.1", resolve));
  return made;
}

async function rpc(method, params) {
  const headers = { authorization: `Bearer ${server.token}`, "content-type": "application/json", accept: "application/json", "mcp-protocol-version": "2025-11-25" };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const answer = await (await fetch(`http://127.0.0.1:${server.port}/mcp`, { method: "POST", headers, body })).json();
  if (answer.result === undefined) throw new Error(JSON.stringify(answer));
  return answer.result;
}

async function start() {
  mkdirSync(path.join(folder, "tenants"));
  writeFileSync(path.join(folder, "mayfly.toml"), 'listen = "127.0.0.1:0"\ntenants = "./tenants"\n');
  const [token] = execFileSync(mayfly, ["token", "new", "--tenant", "acme"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n");
  const sha256 = execFileSync("sha256sum", { input: token, encoding: "utf8" }).slice(0, 64);
  const base = `http://127.0.0.1:${upstream.address().port}`;
  writeFileSync(path.join(folder, "tenants/acme.toml"),
    `tenant = "acme"\n[[token]]\nsha256 = "${sha256}"\nrole = "runner"\n[[tools]]\nname = "github"\nopenapi = "${DOCUMENT}"\nbase = "${base}"\nprivate = true\n`);
  const child = spawn(mayfly, ["serve", "--config", path.join(folder, "mayfly.toml")], { stdio: ["ignore", "ignore", "pipe"] });
  for await (const line of readline.createInterface({ input: child.stderr })) {
    const event = JSON.parse(line);
    if (event.message === "listening") return { child, token, port: Number(event.address.split(":").at(-1)) };
  }
  throw new Error("the server did not start");
}
