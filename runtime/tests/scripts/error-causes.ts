// Errors that are wrapped on their way up, several at once, and what a log shows of them.

class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly key: string, options?: ErrorOptions) {
    super(`setting '${key}' is not usable`, options);
  }
}

class ImportError extends Error {
  constructor(message: string, readonly row: number, options?: ErrorOptions) {
    super(message, options);
  }
}

function parseSetting(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(key, { cause });
  }
}

async function importRow(row: number, text: string): Promise<unknown> {
  await Promise.resolve();
  try {
    return parseSetting(`row${row}`, text);
  } catch (cause) {
    throw new ImportError(`row ${row} was left out`, row, { cause });
  }
}

function causes(error: unknown): string[] {
  return error instanceof Error ? [`${error.name}: ${error.message.split("\n")[0]}`, ...causes(error.cause)] : [];
}

export default async function () {
  const results = await Promise.allSettled(['{"a":1}', "{broken", "[1,"].map((text, i) => importRow(i + 1, text)));
  const errors = results.filter((r) => r.status === "rejected").map((r) => r.reason as Error);
  const together = new AggregateError(errors, `${errors.length} of ${results.length} rows were left out`);
  console.error(new ConfigError("depth"));
  console.error("failed:", Object.assign(new TypeError("no number"), { code: "E_NUMBER", got: [1, "x"] }));
  console.error((errors[0] as Error).stack?.split("\n")[0]);
  console.log(String(together), together.errors.length);
  const where = /main\.ts:(\d+):/.exec(errors[0]!.stack ?? "")?.[1];
  let last: unknown;
  try {
    try {
      throw new Error("first");
    } finally {
      throw new RangeError("second");
    }
  } catch (error) {
    last = error;
  }
  return {
    chains: errors.map(causes), where: Number(where), rows: errors.map((e) => (e as ImportError).row), last: String(last),
    instance: errors[0] instanceof ImportError && errors[0].cause instanceof ConfigError, thrown: await Promise.reject("text").catch((e) => typeof e),
    serialised: together,
  };
}
