// Retries what may be retried, waits longer each time, and gives up on what takes too long.

interface RetryOptions {
  attempts: number;
  base_ms: number;
  timeout_ms: number;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class HttpError extends Error {
  constructor(readonly status: number, readonly retry_after_ms: number | null) {
    super(`HTTP ${status}`);
    this.name = "HttpError";
  }

  get retryable(): boolean {
    return this.status === 429 || this.status >= 500;
  }
}

async function attempt(url: string, timeout_ms: number): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeout_ms) });
  if (response.ok) return response.json();
  const after = response.headers.get("retry-after");
  throw new HttpError(response.status, after === null ? null : Number(after) * 1000);
}

async function withRetry(url: string, options: RetryOptions): Promise<{ value: unknown; tries: number }> {
  const { attempts, base_ms, timeout_ms } = options;
  for (let tries = 1; ; tries++) {
    try {
      return { value: await attempt(url, timeout_ms), tries };
    } catch (error) {
      const retryable = error instanceof HttpError ? error.retryable : (error as Error).name === "TimeoutError";
      if (!retryable || tries === attempts) throw new Error(`gave up after ${tries} attempt(s)`, { cause: error });
      const wait = Math.min(base_ms * 2 ** (tries - 1), 1_000);
      console.warn(`attempt ${tries}: ${(error as Error).message}; next in ${wait} ms`);
      await sleep(wait);
    }
  }
}

export default async function ({ api }: { api: string }) {
  const options: RetryOptions = { attempts: 4, base_ms: 5, timeout_ms: 5_000 };
  const recovered = await withRetry(`${api}/flaky/retry-backoff`, options);
  const failures: string[] = [];
  for (const path of ["/missing", "/slow"]) {
    try {
      await withRetry(api + path, { ...options, attempts: 2, timeout_ms: 60 });
    } catch (error) {
      const { message, cause } = error as Error & { cause: Error };
      failures.push(`${path}: ${message} (${cause.name}: ${cause.message})`);
    }
  }
  return { recovered, failures };
}
