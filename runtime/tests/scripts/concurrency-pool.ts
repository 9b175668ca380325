// A pool of workers over a queue: results in order, never more than so many at once, errors kept for the end.

interface PoolResult<T> {
  results: (T | undefined)[];
  errors: { index: number; message: string }[];
}

async function pool<In, Out>(items: readonly In[], limit: number, work: (item: In, index: number) => Promise<Out>): Promise<PoolResult<Out>> {
  const results: (Out | undefined)[] = new Array(items.length);
  const errors: PoolResult<Out>["errors"] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) {
      try {
        results[index] = await work(item, index);
      } catch (error) {
        errors.push({ index, message: error instanceof Error ? error.message : String(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return { results, errors: errors.sort((a, b) => a.index - b.index) };
}

export default async function ({ api }: { api: string }) {
  let running = 0;
  let most = 0;
  const paths = ["/users/1", "/users/2", "/missing", "/users/3", "/users/1", "/missing", "/users/2", "/users/3"];
  const { results, errors } = await pool(paths, 3, async (path) => {
    running += 1;
    most = Math.max(most, running);
    try {
      const response = await fetch(api + path);
      if (!response.ok) throw new Error(`${path} gave ${response.status}`);
      return (await response.json()).name as string;
    } finally {
      running -= 1;
    }
  });
  console.log(results);
  return { names: results.filter((name) => name !== undefined), errors, most, left: running };
}
