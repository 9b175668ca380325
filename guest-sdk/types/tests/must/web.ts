// The web platform, as scripts use it.

export default async function (input: { base: string; ids: number[] }): Promise<unknown> {
  const url = new URL("/items", input.base);
  url.searchParams.set("page", "1");
  for (const [name, value] of url.searchParams) console.log(name, value);
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...Object.fromEntries(new Headers()) },
    body: JSON.stringify(input.ids),
    signal: AbortSignal.any([AbortSignal.timeout(1_000), new AbortController().signal]),
  });
  if (!response.ok) throw new Error(`status ${response.status}`, { cause: await response.text() });
  let bytes = 0;
  if (response.body !== null) for await (const chunk of response.body) bytes += chunk.byteLength;
  const lines = new Blob(["a\nb"]).stream().pipeThrough(new TextDecoderStream()).pipeThrough(
    new TransformStream<string, string>({
      transform(chunk, controller) {
        for (const line of chunk.split("\n")) controller.enqueue(line);
      },
    }),
  );
  const seen: string[] = [];
  for await (const line of lines) seen.push(line.toUpperCase());
  const form = new FormData();
  form.append("file", new File([new Uint8Array([1, 2])], "a.bin", { type: "application/octet-stream" }));
  const sent = new Request(url, { method: "PUT", body: form });
  const match = new URLPattern({ pathname: "/items/:id" }).exec(sent.url)?.pathname.groups.id?.length;
  const target = new EventTarget();
  target.addEventListener("done", (event) => console.log(event.type), { once: true });
  target.dispatchEvent(new CustomEvent("done", { detail: { n: 1 } }));
  addEventListener("unhandledrejection", (event) => console.warn(event.reason));
  const timer: number = setTimeout((a: string, b: number) => console.log(a, b), 10, "x", 1);
  clearTimeout(timer);
  const copy = structuredClone(new Map([["a", new Date()]]));
  copy.get("a")?.getTime();
  queueMicrotask(() => performance.mark("done"));
  return { bytes, seen, match, self: self === globalThis, gzip: new CompressionStream("gzip").readable };
}
