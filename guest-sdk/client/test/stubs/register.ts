// In: nothing. Out: `cloudflare:workers` as far as @cloudflare/codemode needs it to be loaded by Node.
// May touch: the module loader of this process.
// Security boundary: no.

import { register } from "node:module";

const workers = `
export class WorkerEntrypoint { constructor(ctx, env) { this.ctx = ctx; this.env = env; } }
export class RpcTarget {}
export class DurableObject extends WorkerEntrypoint {}
`;

const hooks = `
export function resolve(specifier, context, next) {
  if (specifier !== "cloudflare:workers") return next(specifier, context);
  return { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(workers)}`)}, shortCircuit: true };
}
`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
