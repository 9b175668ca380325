// In: a request for a run. Out: its events, as they happen, across pauses that this client answers.
// May touch: the server, the caller's external tools.
// Security boundary: no.

import { sleep, type Deadline } from "./deadline.js";
import { asRun, cancelQuietly, continuation, Rounds, type DriveOptions } from "./drive.js";
import { MayflyError } from "./errors.js";
import { isAnswerable, type Answerers } from "./external.js";
import { parse, read, type Ask, type Http, type Open } from "./http.js";
import { STREAM_END_MS, STREAM_MS } from "./limits.js";
import { EventParser } from "./sse.js";
import type { CallRecord, LogLine, PausedRun, Run, RunEvent } from "./types.js";

/** Leaving the loop early cancels the run. */
export async function* follow<T>(http: Http, first: Ask, who: Answerers, options: DriveOptions, wall_ms?: number): AsyncGenerator<RunEvent<T>, void, undefined> {
  const rounds = new Rounds(options);
  const seen: { id?: string } = {};
  let [ask, over]: [Ask, boolean] = [first, false];
  try {
    for (;;) {
      let last: Run<T> | undefined;
      for await (const event of events<T>(http, ask, seen)) {
        if (event.type === "paused" || event.type === "result") last = event.run;
        // A run that waits for somebody else is left waiting.
        over = event.type === "result" || (event.type === "paused" && !isAnswerable(event.run, who));
        yield event;
      }
      if (last === undefined) throw new MayflyError("connection", `${ask.method} ${ask.path}: the stream of events ended before the run`);
      const said = last.status === "paused" ? await rounds.answer(last, who) : undefined;
      if (said === undefined) return;
      ask = continuation(last.id, said, options, wall_ms);
    }
  } finally {
    if (!over && seen.id !== undefined) await cancelQuietly(http, seen.id);
  }
}

/** The events of one answer, up to the one after which nothing follows. */
async function* events<T>(http: Http, ask: Ask, seen: { id?: string }): AsyncGenerator<RunEvent<T>> {
  const open = await http.open({ ...ask, headers: { ...ask.headers, accept: "text/event-stream" } });
  // What the client allows an answer by default is for its head: events come for as long as the run lasts.
  open.deadline.restart(ask.timeout_ms ?? ask.least_ms ?? STREAM_MS);
  try {
    note(seen, open.response.headers.get("x-mayfly-run"));
    for await (const event of isStream(open.response) ? streamed<T>(open) : whole<T>(open)) {
      if (event.type === "paused" || event.type === "result") note(seen, event.run.id);
      yield event;
    }
  } catch (thrown) {
    throw open.deadline.explain(thrown, open.what);
  } finally {
    open.done();
  }
}

function note(seen: { id?: string }, id: unknown): void {
  if (typeof id === "string" && id !== "") seen.id = id;
}

function isStream(response: Response): boolean {
  return (response.headers.get("content-type") ?? "").toLowerCase().startsWith("text/event-stream");
}

/** A server that knows no streams answers with the run. */
async function* whole<T>(open: Open): AsyncGenerator<RunEvent<T>> {
  const run = asRun<T>(parse(await read(open.response), open.what), open.what);
  yield run.status === "paused" ? { type: "paused", run } : { type: "result", run };
}

async function* streamed<T>({ response, deadline, what }: Open): AsyncGenerator<RunEvent<T>> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const { event, data } of parser.push(value)) {
        const told = typed<T>(event, data, what);
        if (told === undefined) continue;
        yield told;
        if (told.type === "paused" || told.type === "result") return await rest(reader, deadline);
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Lets the server end the stream by itself, so that the connection can be used again; but not for long. */
async function rest(reader: ReadableStreamDefaultReader<Uint8Array>, deadline: Deadline): Promise<void> {
  const over = new AbortController();
  const drained = (async () => {
    while (!(await reader.read()).done);
  })();
  try {
    await Promise.race([drained.catch(() => undefined), sleep(STREAM_END_MS, AbortSignal.any([deadline.signal, over.signal])).catch(() => undefined)]);
  } finally {
    over.abort();
  }
}

/** Events that are not known are for newer clients. */
function typed<T>(event: string, data: string, what: string): RunEvent<T> | undefined {
  switch (event) {
    case "log":
      return { type: "log", log: parse(data, what) as LogLine };
    case "call":
      return { type: "call", call: parse(data, what) as CallRecord };
    case "paused":
      return { type: "paused", run: asRun(parse(data, what), what) as PausedRun };
    case "result":
      return { type: "result", run: asRun(parse(data, what), what) };
    default:
      return undefined;
  }
}
