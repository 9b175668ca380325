// Reads a long reply line by line while it arrives, and stops early.

class LineSplitter extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(chunk, controller) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) controller.enqueue(line);
      },
      flush(controller) {
        if (rest !== "") controller.enqueue(rest);
      },
    });
  }
}

interface Reading {
  sensor: string;
  value: number;
}

export default async function ({ api }: { api: string }) {
  const response = await fetch(`${api}/lines`);
  if (!response.body) throw new Error("no body");
  const lines = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new LineSplitter());
  const latest = new Map<string, Reading>();
  let count = 0;
  let broken = 0;
  for await (const line of lines) {
    if (line.trim() === "") continue;
    try {
      const reading: Reading = JSON.parse(line);
      latest.set(reading.sensor, reading);
      count += 1;
    } catch (error) {
      broken += 1;
      console.warn("line %d: %s", count + broken, (error as Error).name);
    }
    if (latest.get("done")) break;
  }
  console.log(latest);
  return { count, broken, latest: Object.fromEntries([...latest].map(([sensor, { value }]) => [sensor, value])), used: response.bodyUsed };
}
