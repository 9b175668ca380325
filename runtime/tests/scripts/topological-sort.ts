// The order in which tasks can run, what can run side by side, the longest path; and a cycle that is told with its path.

type Graph = Record<string, { needs: string[]; minutes: number }>;

class CycleError extends Error {
  constructor(readonly path: string[]) {
    super(`tasks wait for each other: ${path.join(" -> ")}`);
    this.name = "CycleError";
  }
}

function waves(graph: Graph): string[][] {
  const left = new Map(Object.entries(graph).map(([name, { needs }]) => [name, new Set(needs)]));
  const result: string[][] = [];
  while (left.size > 0) {
    const ready = [...left].filter(([, needs]) => needs.size === 0).map(([name]) => name).sort();
    if (ready.length === 0) throw new CycleError(cycle(graph, [...left.keys()]));
    for (const name of ready) left.delete(name);
    for (const needs of left.values()) ready.forEach((name) => needs.delete(name));
    result.push(ready);
  }
  return result;
}

function cycle(graph: Graph, names: string[]): string[] {
  const stack: string[] = [];
  const walk = (name: string): string[] | undefined => {
    const at = stack.indexOf(name);
    if (at >= 0) return [...stack.slice(at), name];
    stack.push(name);
    for (const need of graph[name]?.needs ?? []) {
      const found = walk(need);
      if (found) return found;
    }
    stack.pop();
    return undefined;
  };
  return names.map(walk).find((path) => path !== undefined) ?? [];
}

function critical(graph: Graph): { minutes: number; path: string[] } {
  const known = new Map<string, { minutes: number; path: string[] }>();
  const longest = (name: string): { minutes: number; path: string[] } => {
    const cached = known.get(name);
    if (cached) return cached;
    const { needs, minutes } = graph[name]!;
    const before = needs.map(longest).reduce((a, b) => (b.minutes > a.minutes ? b : a), { minutes: 0, path: [] });
    const result = { minutes: before.minutes + minutes, path: [...before.path, name] };
    known.set(name, result);
    return result;
  };
  return Object.keys(graph).map(longest).reduce((a, b) => (b.minutes > a.minutes ? b : a));
}

export default function ({ graph }: { graph: Graph }) {
  const broken: Graph = { ...graph, fetch: { needs: ["deploy"], minutes: 1 } };
  let problem: unknown;
  try {
    waves(broken);
  } catch (error) {
    if (!(error instanceof CycleError)) throw error;
    problem = { name: error.name, message: error.message, path: error.path };
  }
  const plan = waves(graph);
  console.log(plan);
  return { plan, critical: critical(graph), problem };
}
