// A token bucket in front of calls: bursts are allowed, more waits for its turn.

class TokenBucket {
  #tokens: number;
  #waiting: (() => void)[] = [];
  #timer: number | undefined;

  constructor(private readonly capacity: number, private readonly interval_ms: number) {
    this.#tokens = capacity;
  }

  async take(): Promise<void> {
    if (this.#tokens > 0) {
      this.#tokens -= 1;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#timer ??= setInterval(() => this.#refill(), this.interval_ms);
    });
  }

  #refill(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#tokens = Math.min(this.#tokens + 1, this.capacity);
    if (this.#waiting.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}

export default async function (input: { api: string; calls: number }) {
  const bucket = new TokenBucket(3, 5);
  const started: number[] = [];
  const begin = performance.now();
  const names = await Promise.all(
    Array.from({ length: input.calls }, async (_, i) => {
      await bucket.take();
      started.push(i + 1);
      const response = await fetch(`${input.api}/users/${(i % 3) + 1}`);
      return ((await response.json()) as { name: string }).name;
    }),
  );
  const elapsed = performance.now() - begin;
  const expected_ms = (input.calls - 3) * 5;
  console.log("in order: %s", started.join() === started.toSorted((a, b) => a - b).join());
  return { names, burst: started.slice(0, 3), waited: elapsed >= expected_ms };
}
