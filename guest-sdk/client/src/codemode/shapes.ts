// In: nothing. Out: the shapes of @cloudflare/codemode 0.5 that cross between it and an executor.
// May touch: nothing. Written down here, because the package itself can only be loaded in Workers.
// Security boundary: no.

export type HostFunction = (...args: unknown[]) => Promise<unknown>;

export interface ResolvedProvider {
  name: string;
  fns: Record<string, HostFunction>;
  /** JavaScript that runs in the isolate once the namespaces are there. */
  prelude?: string;
}

export interface ConnectorBinding {
  name: string;
  binding: { callTool(method: string, args: unknown): Promise<unknown> };
}

export interface ExecuteOptions {
  connectors?: ConnectorBinding[];
}

export interface ExecuteResult {
  result: unknown;
  error?: string;
  logs?: string[];
}

export interface Executor {
  execute(code: string, providersOrFns: ResolvedProvider[] | Record<string, HostFunction>, options?: ExecuteOptions): Promise<ExecuteResult>;
}
