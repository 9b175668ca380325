// A script that answers HTTP requests.

export default {
  async fetch(request, _env, ctx) {
    ctx.waitUntil(Promise.resolve());
    if (request.method !== "POST") return new Response("no", { status: 405, headers: [["allow", "POST"]] });
    const { name } = await request.json();
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(`hello ${name}`));
        controller.close();
      },
    });
    return new Response(stream.pipeThrough(new TransformStream()), { headers: { "content-type": "text/plain" } });
  },
  run: (input: { name: string }) => ({ hello: input.name }),
} satisfies ExportedHandler;
