// In: the AI SDK as it is published, and our tool. Out: whether a model gets what it needs, within its bounds.
// May touch: loopback; with MAYFLY_URL, that server. Security boundary: no.

import assert from "node:assert/strict";
import { test } from "node:test";
import { asSchema, generateText, jsonSchema, stepCountIs, tool, type ToolSet } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import ts from "typescript";
import { z } from "zod";
import { mayflyTool, type MayflyToolInput, type MayflyToolOptions, type MayflyToolOutput } from "@mayfly/client/ai";
import { either, watched } from "./server/index.js";

const both = either();
const seen = watched();

const tools: ToolSet = {
  "find-user": tool({
    description: "Finds a user by name */ end",
    inputSchema: z.object({ name: z.string().describe("Their name"), limit: z.number().optional() }),
    outputSchema: z.object({ id: z.number(), tags: z.array(z.enum(["a", "b"])) }),
    execute: async ({ name }) => ({ id: name.length, tags: ["a" as const] }),
  }),
  progress: tool({
    inputSchema: jsonSchema<{ n: number }>({ type: "object", properties: { n: { type: "integer" } }, required: ["n"] }),
    async *execute({ n }) {
      for (let at = 1; at <= n; at += 1) yield `${at} of ${n}`;
    },
  }),
  shown: tool({ description: "Runs in the browser", inputSchema: z.object({}) }),
};

async function use(options: Partial<MayflyToolOptions>, code: string, more: object = {}): Promise<MayflyToolOutput> {
  const made = mayflyTool({ client: both.client(), tools, ...options });
  const { execute } = made as unknown as { execute(input: MayflyToolInput, options: object): Promise<MayflyToolOutput> };
  return execute({ code }, { toolCallId: "1", messages: [], context: {}, ...more });
}

test("code calls the tools, which check their input", async () => {
  const done = await use({}, "async () => { const { id } = await tools.find_user({ name: 'Ada' }); console.log('id', id); console.warn('w'); return [id, await tools.progress({ n: 3 })]; }");
  assert.ok(done.status === "completed", JSON.stringify(done));
  assert.deepEqual([done.result, done.logs], [[3, "3 of 3"], ["id 3", "[warn] w"]]);
  const wrong = await use({}, "async () => tools.find_user({ name: 1 }).catch((e) => e.message)");
  assert.ok(wrong.status === "completed");
  assert.match(String(wrong.result), /find_user: (the input does not fit[\s\S]*expected string|name must be a string)/);
});

test("a failure is told with its place, so that the model can mend it", async () => {
  const failed = await use({}, "async () => {\n  return missing();\n}");
  assert.ok(failed.status === "failed");
  assert.deepEqual([failed.error.kind, failed.error.place?.replace(/:\d+$/, "")], ["exception", "main.ts:2"]);
  assert.match(failed.error.text, /^ReferenceError: .*missing/);
});

test("the description declares the tools in TypeScript that compiles", () => {
  const { description } = mayflyTool({ client: both.client(), tools });
  assert.ok(typeof description === "string");
  const declared = /declare const tools: \{[\s\S]*?\n\};/.exec(description)![0];
  const file = `${declared}\nasync function use() { const { id, tags }: { id: number; tags: ("a" | "b")[] } = await tools.find_user({ name: "x" }); return [id, tags]; }\ntools.progress({ n: 1 });\n`;
  const options: ts.CompilerOptions = { strict: true, noEmit: true, lib: ["lib.es2022.d.ts"], target: ts.ScriptTarget.ES2022, types: [] };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, target) => (name === "x.ts" ? ts.createSourceFile(name, file, target) : read(name, target));
  const told = ts.getPreEmitDiagnostics(ts.createProgram(["x.ts"], options, host)).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
  assert.deepEqual(told, []);
  assert.match(declared, /\/\*\* Their name \*\//);
  assert.match(declared, /Finds a user by name \*\\\/ end/);
  assert.doesNotMatch(declared, /shown/, "what has no function cannot be called from code");
});

test("a description of one's own has the declarations where it says", () => {
  const { description } = mayflyTool({ client: both.client(), tools, description: "Before {{types}} after" });
  assert.match(String(description), /^Before declare const tools[\s\S]*\}; after$/);
});

test("results and logs are cut, and stay JSON", async () => {
  const rows = "Array.from({ length: 5000 }, (_, id) => ({ id, text: 'x'.repeat(100) }))";
  const cut = await use({ result_chars_max: 2_000, log_chars_max: 100 }, `async () => { for (let n = 0; n < 20; n++) console.log('line', n, 'y'.repeat(20)); return { rows: ${rows}, count: 5000 }; }`);
  assert.ok(cut.status === "completed");
  const text = JSON.stringify(cut.result);
  assert.ok(text.length <= 2_000 && text.length > 1_000, String(text.length));
  const result = cut.result as { rows: unknown[]; count: number };
  assert.deepEqual([result.count, result.rows[0]], [5000, { id: 0, text: "x".repeat(100) }]);
  assert.match(String(result.rows.at(-1)), /more items/);
  assert.ok(cut.logs!.join("").length < 200, JSON.stringify(cut.logs));
});

test("a tool that needs approval is not dropped in silence", async () => {
  const pay = (needsApproval: unknown) => tool({ inputSchema: z.object({ sum: z.number() }), needsApproval: needsApproval as boolean, execute: async ({ sum }) => `paid ${sum}` });
  assert.throws(() => mayflyTool({ client: both.client(), tools: { pay: pay(true) } }), /pay must be approved/);
  const code = "async () => [await tools.pay({ sum: 1 }).catch((e) => e.message), await tools.pay({ sum: 100 }).catch((e) => e.message)]";
  const asked: unknown[] = [];
  const approve: MayflyToolOptions["approve"] = ({ tool, args }) => (asked.push([tool, args]), false);
  const all = await use({ tools: { pay: pay(true) }, approve }, code);
  assert.ok(all.status === "completed");
  assert.match(String((all.result as unknown[])[0]), /was not approved/);
  const some = await use({ tools: { pay: pay(({ sum }: { sum: number }) => sum > 10) }, approve }, code);
  assert.ok(some.status === "completed");
  assert.equal((some.result as unknown[])[0], "paid 1");
  assert.match(String((some.result as unknown[])[1]), /was not approved/);
  assert.deepEqual(asked, [["pay", { sum: 1 }], ["pay", { sum: 100 }], ["pay", { sum: 100 }]]);
});

test("two tools of one name are refused", () => {
  const one = tool({ inputSchema: z.object({}), execute: async () => 1 });
  assert.throws(() => mayflyTool({ client: both.client(), tools: { "a-b": one, a_b: one } }), /"a-b" and "a_b"/);
});

test("an abort of the model's call cancels the run", async () => {
  const controller = new AbortController();
  let told: AbortSignal | undefined;
  const hang = tool({
    inputSchema: z.object({}),
    execute: (_, { abortSignal }) => ((told = abortSignal), setTimeout(() => controller.abort(new Error("enough")), 10), new Promise(() => undefined)),
  });
  await assert.rejects(use({ client: seen.client(), tools: { hang } }, "async () => tools.hang({})", { abortSignal: controller.signal }), { message: "enough" });
  assert.ok(told?.aborted);
  assert.equal(await seen.server.status(seen.server.ids.at(-1)!), "cancelled");
});

test("generateText runs it, and the model sees its result", async () => {
  const usage = { inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 }, outputTokens: { total: 1, text: 1, reasoning: 0 } };
  const prompts: string[] = [];
  const model = new MockLanguageModelV4({
    doGenerate: async ({ prompt, tools }) => {
      prompts.push(JSON.stringify(prompt));
      if (prompts.length === 1) {
        const given = tools?.[0];
        assert.ok(given?.type === "function" && given.name === "execute");
        assert.match(given.description ?? "", /find_user/);
        assert.deepEqual(given.inputSchema.required, ["code"]);
        const input = JSON.stringify({ code: "async () => (await tools.find_user({ name: 'Grace' })).id" });
        return { content: [{ type: "tool-call" as const, toolCallId: "c1", toolName: "execute", input }], finishReason: { unified: "tool-calls" as const, raw: undefined }, usage, warnings: [] };
      }
      return { content: [{ type: "text" as const, text: "done" }], finishReason: { unified: "stop" as const, raw: undefined }, usage, warnings: [] };
    },
  });
  const { text, steps } = await generateText({ model, tools: { execute: mayflyTool({ client: both.client(), tools }) }, stopWhen: stepCountIs(3), prompt: "go" });
  assert.equal(text, "done");
  const output = steps[0]?.toolResults[0]?.output as MayflyToolOutput;
  assert.ok(output.status === "completed" && output.result === 5);
  assert.match(prompts[1]!, /"status\\?":\\?"completed/);
});

test("the input schema is what the SDK makes of it", async () => {
  const { inputSchema } = mayflyTool({ client: both.client(), tools });
  const schema = await asSchema(inputSchema as Parameters<typeof asSchema>[0]).jsonSchema;
  assert.deepEqual(schema.required, ["code"]);
});
