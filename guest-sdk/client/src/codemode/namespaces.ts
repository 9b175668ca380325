// In: providers and connectors. Out: the namespaces of the script, and the external tools that answer for them; or why not.
// May touch: nothing.
// Security boundary: yes, the host's: of a provider only its own functions can be called.

import { isIdentifier, isReserved, sanitized, sanitizeToolName, wireName } from "../names.js";
import type { ExternalTool, ExternalTools } from "../types.js";
import { ARGS_TAG, CONNECTOR_TOOL, type Namespace } from "./guest.js";
import type { ConnectorBinding, HostFunction, ResolvedProvider } from "./shapes.js";
import { decode, encode } from "./values.js";

/** Taken by the executor of codemode; the same names are refused here, so that what runs here runs there. */
const TAKEN: ReadonlySet<string> = new Set([
  "__dispatchers", "__connectors", "__logs", "__CODEMODE_BINARY_TAG", "__bytesToBase64", "__base64ToBytes", "__encodeCodemodeValue",
  "__decodeCodemodeValue", "__stringifyForCodemode", "__parseForCodemode", "WorkerEntrypoint", "CodeExecutor", "Promise",
  "setTimeout", "Error", "console", "globalThis", "undefined", "NaN", "Infinity",
]);

export interface Plan {
  namespaces: Namespace[];
  external: ExternalTools;
}

/** No set of tools of a tenant can be called this; so whatever a namespace is called, it is none of them. */
const OWN = "codemode";

export function plan(providers: ResolvedProvider[], connectors: ConnectorBinding[]): Plan | { error: string } {
  const wrong = misnamed(providers, connectors);
  if (wrong !== undefined) return { error: wrong };
  const made: Plan = { namespaces: [], external: {} };
  const pathOf = paths(providers);
  for (const provider of providers) {
    const error = addProvider(made, provider, pathOf(provider.name));
    if (error !== undefined) return { error };
  }
  connectors.forEach((connector) => addConnector(made, connector, pathOf(connector.name)));
  return made;
}

/** Where a namespace is among the external tools: `codemode` itself, or below it and not in the place of one of its tools. */
function paths(providers: ResolvedProvider[]): (name: string) => string {
  const taken = new Set(providers.filter(({ name }) => name === OWN).flatMap(({ fns }) => Object.keys(fns).map((tool) => wireName(sanitizeToolName(tool)))));
  return (name) => {
    if (name === OWN) return OWN;
    let step = wireName(name);
    while (taken.has(step)) step += "_";
    taken.add(step);
    return `${OWN}.${step}`;
  };
}

function misnamed(providers: ResolvedProvider[], connectors: ConnectorBinding[]): string | undefined {
  const seen = new Set<string>();
  const named = [...providers.map(({ name }) => ["Provider", name] as const), ...connectors.map(({ name }) => ["Connector", name] as const)];
  for (const [what, name] of named) {
    if (TAKEN.has(name) || isReserved(name)) return `${what} name "${name}" is reserved`;
    if (!isIdentifier(name)) return `${what} name "${name}" is not a valid JavaScript identifier`;
    if (seen.has(name)) return what === "Provider" ? `Duplicate provider name "${name}"` : `Duplicate name "${name}" (connector clashes with provider)`;
    seen.add(name);
  }
  return undefined;
}

function addProvider({ namespaces, external }: Plan, { name, fns, prelude }: ResolvedProvider, path: string): string | undefined {
  const found = sanitized(fns);
  if (!("byName" in found)) return `Tool names "${found.first}" and "${found.second}" both sanitize to "${found.both}" in provider "${name}"`;
  const tools: Record<string, string> = {};
  for (const [tool, fn] of found.byName) {
    tools[tool] = wireName(tool);
    external[`${path}.${wireName(tool)}`] = toolOf(`${name}.${tool}`, fn);
  }
  namespaces.push({ name, path, tools, connector: false, prelude });
  return undefined;
}

function toolOf(description: string, fn: HostFunction): ExternalTool {
  return { description, input_schema: { type: "object" }, execute: async (args: unknown) => encode(await fn(...unpacked(args))) };
}

function unpacked(args: unknown): unknown[] {
  const list = typeof args === "object" && args !== null && Object.hasOwn(args, ARGS_TAG) ? (args as Record<string, unknown>)[ARGS_TAG] : undefined;
  return Array.isArray(list) ? list.map(decode) : [decode(args)];
}

function addConnector({ namespaces, external }: Plan, { name, binding }: ConnectorBinding, path: string): void {
  external[`${path}.${CONNECTOR_TOOL}`] = {
    description: `${name}: calls one of its methods`,
    input_schema: { type: "object" },
    execute: async ({ method, args }: { method: string; args?: unknown }) => encode(await binding.callTool(String(method), decode(args))),
  };
  namespaces.push({ name, path, tools: {}, connector: true });
}
