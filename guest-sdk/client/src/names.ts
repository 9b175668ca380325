// In: names of tools as their authors chose them. Out: names as a script can write them.
// May touch: nothing. The rules are those of @cloudflare/codemode, so that code written for it finds the same names.
// Security boundary: no.

/** Words that no identifier can be, and those that were reserved at some time. */
const RESERVED: ReadonlySet<string> = new Set(
  ("abstract arguments await boolean break byte case catch char class const continue debugger default delete do double else enum " +
    "eval export extends false final finally float for function goto if implements import in instanceof int interface let long " +
    "native new null package private protected public return short static super switch synchronized this throw throws transient " +
    "true try typeof undefined var void volatile while with yield").split(" "),
);

/** What the guest's `tools` answers itself, because the language asks every object for it. */
const NOT_TOOLS: ReadonlySet<string> = new Set(["then", "toJSON", "constructor", "prototype", "__proto__", "inspect", "toString", "valueOf"]);

export function isIdentifier(name: string): boolean {
  return /^[a-zA-Z_$][a-zA-Z0-9_$]*$/.test(name);
}

export function isReserved(name: string): boolean {
  return RESERVED.has(name);
}

export function sanitizeToolName(name: string): string {
  const kept = name.replace(/[-.\s]/g, "_").replace(/[^a-zA-Z0-9_$]/g, "");
  if (kept === "") return "_";
  const begun = /^[0-9]/.test(kept) ? `_${kept}` : kept;
  return RESERVED.has(begun) ? `${begun}_` : begun;
}

/** Each tool by the name that a script uses; or which two cannot be told apart. */
export function sanitized<Tool>(tools: Record<string, Tool>): { byName: Map<string, Tool> } | { first: string; second: string; both: string } {
  const byName = new Map<string, Tool>();
  const origins = new Map<string, string>();
  for (const [name, tool] of Object.entries(tools)) {
    const safe = sanitizeToolName(name);
    const first = origins.get(safe);
    if (first !== undefined) return { first, second: name, both: safe };
    origins.set(safe, name);
    byName.set(safe, tool);
  }
  return { byName };
}

/** What the server is told: a name that the guest's `tools` would answer itself travels under another one. */
export function wireName(name: string): string {
  return NOT_TOOLS.has(name) ? `${name}__tool` : name;
}
