// In: the folder with the suite. Out: each scenario with its checks; exit status 1 when one fails that is not named here.
// May touch: a server of its own on loopback, behind a proxy that adds its token, for the suite knows none.
// Security boundary: no.

import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { promisify } from "node:util";

const [suiteFolder] = process.argv.slice(2);
const suite = path.join(suiteFolder, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
const mayfly = path.resolve(process.env.CARGO_TARGET_DIR ?? "target", "debug/mayfly");

/** What a server without sessions, prompts and resources, whose tools are its own, can be asked for. */
const SCENARIOS = {
  "2025-06-18": ["server-initialize", "ping", "tools-list"],
  "2025-11-25": ["server-initialize", "ping", "tools-list", "server-sse-multiple-streams", "dns-rebinding-protection"],
  "2026-07-28": [
    "server-stateless", "tools-list", "server-sse-multiple-streams", "dns-rebinding-protection", "http-header-validation", "caching",
    "sep-2164-resource-not-found",
  ],
};

/** Checks that ask for something else than that: for a tool of the suite's own, or for prompts and resources. */
const NOT_APPLICABLE = [/^Not testable: server does not list the diagnostic tool/, /there is no method `(prompts|resources)\//];

const folder = mkdtempSync(path.join(os.tmpdir(), "mayfly-mcp-"));
const server = await start();
const proxy = await forward(server.port, server.token);
let failed = 0;
try {
  for (const [version, scenarios] of Object.entries(SCENARIOS)) {
    for (const scenario of scenarios) failed += await check(version, scenario);
  }
} finally {
  server.child.kill();
  proxy.close();
  rmSync(folder, { recursive: true, force: true });
}
console.log(failed === 0 ? "all checks pass that apply" : `${failed} checks failed`);
process.exit(failed === 0 ? 0 : 1);

async function check(version, scenario) {
  const out = mkdtempSync(path.join(folder, "out-"));
  const args = [suite, "server", "--url", `http://127.0.0.1:${proxy.address().port}/mcp`, "--scenario", scenario, "-o", out];
  if (version !== "2026-07-28") args.push("--spec-version", version);
  try {
    await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  } catch {
    // Its exit status counts what does not apply; the checks are read below.
  }
  const [made] = readdirSync(out);
  const checks = made === undefined ? [] : JSON.parse(readFileSync(path.join(out, made, "checks.json"), "utf8"));
  const passed = checks.filter(({ status }) => status === "SUCCESS").length;
  const failures = checks.filter(({ status }) => status === "FAILURE");
  const wrong = failures.filter(({ errorMessage = "" }) => !NOT_APPLICABLE.some((pattern) => pattern.test(errorMessage.replace(/^.*?(?=there is)/, ""))));
  console.log(`${version}  ${scenario}: ${passed} passed, ${wrong.length} failed, ${failures.length - wrong.length} not applicable`);
  for (const { id, errorMessage } of wrong) console.log(`    ${id}: ${errorMessage}`);
  // A scenario that checks nothing is one that did not run.
  return wrong.length + (checks.length === 0 ? 1 : 0);
}

async function start() {
  mkdirSync(path.join(folder, "tenants"));
  writeFileSync(path.join(folder, "mayfly.toml"), 'listen = "127.0.0.1:0"\ntenants = "./tenants"\n');
  const made = execFileSync(mayfly, ["token", "new", "--tenant", "acme"], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const [token] = made.trim().split("\n");
  const sha256 = execFileSync("sha256sum", { input: token, encoding: "utf8" }).slice(0, 64);
  writeFileSync(path.join(folder, "tenants/acme.toml"), `tenant = "acme"\n[[token]]\nsha256 = "${sha256}"\nrole = "runner"\n`);
  const child = spawn(mayfly, ["serve", "--config", path.join(folder, "mayfly.toml")], { stdio: ["ignore", "ignore", "pipe"] });
  for await (const line of readline.createInterface({ input: child.stderr })) {
    const event = JSON.parse(line);
    if (event.message === "listening") return { child, token, port: Number(event.address.split(":").at(-1)) };
  }
  throw new Error("the server did not start");
}

async function forward(port, token) {
  const proxy = http.createServer((request, response) => {
    const headers = { ...request.headers, authorization: `Bearer ${token}` };
    const sent = http.request({ host: "127.0.0.1", port, path: request.url, method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    sent.on("error", () => response.destroy());
    response.on("close", () => sent.destroy());
    request.pipe(sent);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return proxy;
}
