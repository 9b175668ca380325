// Fifty calls at once. Each takes the API 50 ms; the limit lets ten be on their way together, the others wait their turn.

export default async function (input: { api: string }) {
  const began = performance.now();
  const paths = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const response = await fetch(`${input.api}/slow/${index}`);
      const { path }: { path: string } = await response.json();
      return path;
    }),
  );
  const took_ms = performance.now() - began;
  return {
    calls: paths.length,
    last: paths.at(-1),
    overlapped: took_ms < 50 * 50, // one after the other would take 2.5 s
    ten_at_a_time: took_ms >= 5 * 50, // all at once would take 50 ms
  };
}
