// Server-sent events, parsed as the standard says, put together into one text as a chat model streams it.

interface ServerEvent {
  event: string;
  data: string;
  id?: string;
}

async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let buffer = "";
  let current: { event: string; data: string[]; id?: string } = { event: "message", data: [] };
  try {
    while (true) {
      const { done, value } = await reader.read();
      buffer += done ? decoder.decode() : decoder.decode(value, { stream: true });
      let at: number;
      while ((at = buffer.search(/\r?\n/)) >= 0) {
        const line = buffer.slice(0, at);
        buffer = buffer.slice(at + (buffer[at] === "\r" ? 2 : 1));
        if (line === "") {
          if (current.data.length > 0) yield { ...current, data: current.data.join("\n") };
          current = { event: "message", data: [], id: current.id };
          continue;
        }
        if (line.startsWith(":")) continue;
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "data") current.data.push(text);
        else if (field === "event") current.event = text;
        else if (field === "id") current.id = text;
      }
      if (done) return;
    }
  } finally {
    reader.releaseLock();
  }
}

export default async function ({ api }: { api: string }) {
  const response = await fetch(`${api}/events`, { headers: { accept: "text/event-stream" } });
  let text = "";
  const seen: string[] = [];
  for await (const { event, data, id } of events(response.body!)) {
    seen.push(id === undefined ? event : `${event}#${id}`);
    if (data === "[DONE]") break;
    if (event === "delta") text += JSON.parse(data).text;
    else console.log(event, data);
  }
  return { text, seen };
}
