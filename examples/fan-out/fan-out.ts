// Fifty calls at once. Each takes the API 50 ms; the limit lets ten be on their way together, the others wait their turn.

export default async function (input: { api: string }) {
  const began = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const response = await fetch(`${input.api}/slow/${index}`);
      const body: { path: string } = await response.json();
      return { path: body.path, at_ms: performance.now() - began };
    }),
  );
  // Ten at a time means five waves, 50 ms apart.
  const waves = new Set(answers.map(({ at_ms }) => Math.floor((at_ms - 25) / 50)));
  const took_ms = performance.now() - began;
  return { calls: answers.length, last: answers.at(-1)?.path, at_least_five_waves: waves.size >= 5, overlapped: took_ms < 50 * 50 };
}
