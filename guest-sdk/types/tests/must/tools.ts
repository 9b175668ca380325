// Tools, and what goes wrong with them.

interface Repository {
  name: string;
  stars: number;
}

export default async function (): Promise<Repository[] | string> {
  const repositories: Repository[] = await tools.github.repos.list({ owner: "a" });
  const [first, second] = await Promise.all([codemode.math.add({ a: 1, b: 2 }), tools.now()]);
  console.table(repositories, ["name"]);
  console.dir({ first, second }, { depth: null });
  try {
    await tools.github.issues.create({ title: "x" });
  } catch (error) {
    if (error instanceof PolicyError) return `refused: ${error.reason} by ${error.rule}`;
    if (error instanceof ToolError && error.status === 404) return "not found";
    if (error instanceof DOMException && error.name === "AbortError") return "aborted";
    if (error instanceof AggregateError) return error.errors.join();
    throw new Error("unexpected", { cause: error });
  }
  return repositories;
}
