// Tells the progress of its work as server-sent events; each reaches the client when it is written.

const encoder = new TextEncoder();

function event(name: string, data: unknown): Uint8Array {
  return encoder.encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}

async function step(number: number): Promise<number> {
  await new Promise((done) => setTimeout(done, 50));
  return number * number;
}

export default {
  async fetch(request: Request, _env: object, ctx: ExecutionContext) {
    const steps = Number(new URL(request.url).searchParams.get("steps") ?? 3);
    if (!Number.isInteger(steps) || steps < 1 || steps > 100) return new Response("steps: 1 to 100\n", { status: 400 });
    let sum = 0;
    const body = new ReadableStream({
      async start(controller) {
        for (let number = 1; number <= steps; number++) {
          sum += await step(number);
          controller.enqueue(event("progress", { number, of: steps }));
        }
        controller.enqueue(event("done", { sum }));
        controller.close();
      },
    });
    ctx.waitUntil(step(0).then(() => console.log("after the first event")));
    return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
  },
};
