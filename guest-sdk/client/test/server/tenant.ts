// In: a folder for a tenant's file, where this is run by itself. Out: the tools of the tests' tenant: for the fake server as
// functions, for a real one as an upstream on loopback and the file that names it.
// May touch: then, a socket on loopback and that file.
// Security boundary: no.

import { createServer } from "node:http";
import { appendFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { all } from "./listening.js";
import type { TenantTools } from "./runs.js";

/** The same on both servers. */
export const TOOLS: TenantTools = {
  "bank.pay": { approve: true, takes: "sum", answer: ({ sum }) => (sum === undefined ? "paid" : `paid ${sum}`) },
  "clock.now": { takes: "z", answer: () => 5 },
  "github.issues.list": { answer: () => [] },
};

/** Listens until it is killed. */
async function serve(file: string): Promise<void> {
  const upstream = createServer(async (request, response) => {
    const text = await all(request);
    const tool = TOOLS[request.url!.slice(1)]!;
    response.setHeader("content-type", "application/json").end(JSON.stringify(await tool.answer(text === "" ? {} : JSON.parse(text))));
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const { port } = upstream.address() as AddressInfo;
  const sets = Object.entries(TOOLS).map(([path, { approve, takes }]) => {
    const [set, ...rest] = path.split(".");
    const name = rest.join(".");
    const approved = approve === true ? `approve = ["${name}"]\n` : "";
    return `[[tools]]\nname = "${set}"\nprivate = true\n${approved}[[tools.operation]]\nname = "${name}"\nmethod = "POST"\nurl = "http://127.0.0.1:${port}/${path}"\ninput_schema = { type = "object"${takes === undefined ? "" : `, properties = { ${takes} = { type = "number" } }`} }\n`;
  });
  appendFileSync(file, sets.join(""));
}

if (process.argv[1] === new URL(import.meta.url).pathname) await serve(process.argv[2]!);
