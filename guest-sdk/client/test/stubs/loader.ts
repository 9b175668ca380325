// In: modules of a dynamic worker. Out: its entry point, as a Worker Loader gives it to @cloudflare/codemode's own executor.
// May touch: a context of node:vm, which is no sandbox: only tests run here.
// Security boundary: no. It stands for workerd, so that what their executor makes of code can be compared with ours.

import vm from "node:vm";
import type { DynamicWorkerExecutorOptions } from "@cloudflare/codemode";

interface Code {
  mainModule: string;
  modules: Record<string, string>;
}

type Entry = new (ctx: object, env: object) => { evaluate(...args: unknown[]): Promise<unknown> };

async function entry({ mainModule, modules }: Code): Promise<InstanceType<Entry>> {
  const context = vm.createContext({ console: {}, setTimeout, atob, btoa, TextEncoder, TextDecoder, Uint8Array, ArrayBuffer });
  const main = new vm.SourceTextModule(modules[mainModule]!, { context, identifier: mainModule });
  const workers = new vm.SourceTextModule("export class WorkerEntrypoint { constructor(ctx, env) { this.env = env; } }", { context });
  await main.link((specifier) => (specifier === "cloudflare:workers" ? workers : Promise.reject(new Error(`no module is called ${specifier}`))));
  await main.evaluate();
  return new (main.namespace as { default: Entry }).default({}, {});
}

export const loader = {
  load: (code: Code) => ({
    // What crosses Workers RPC is cloned.
    getEntrypoint: () => ({ evaluate: async (...args: unknown[]) => structuredClone(await (await entry(code)).evaluate(...args)) }),
  }),
} as unknown as DynamicWorkerExecutorOptions["loader"];
