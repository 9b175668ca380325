// In: objects of the web platform, whose content is behind getters. Out: what the console shows of them.
// May touch: their public getters.
// Security boundary: no.

import { AbortSignal } from "./abort.ts";
import { Blob, File } from "./blob.ts";
import { Event } from "./events.ts";
import { FormData } from "./form-data.ts";
import { printAs } from "./inspect.ts";
import { Request } from "./request.ts";
import { Response } from "./response.ts";
import { ReadableStream, TransformStream, WritableStream } from "./streams.ts";

/** Has the console show them; called once, before the snapshot. */
export function install(): void {
  printAs(Response, ({ status, statusText, headers, bodyUsed, ok, redirected, type, url }) => {
    return { status, statusText, headers, bodyUsed, ok, redirected, type, url };
  });
  printAs(Request, ({ method, url, headers, redirect, bodyUsed }) => ({ method, url, headers, redirect, bodyUsed }));
  printAs(Blob, ({ size, type }) => ({ size, type }));
  printAs(File, ({ name, size, type, lastModified }) => ({ name, size, type, lastModified }));
  printAs(FormData, (form) => Array.from(form).reduce(byName, {}));
  printAs(ReadableStream, (stream) => ({ locked: stream.locked, state: stateOf(stream) }));
  printAs(WritableStream, (stream) => ({ locked: stream.locked, state: stateOf(stream) }));
  printAs(TransformStream, ({ readable, writable }) => ({ readable, writable }));
  printAs(AbortSignal, ({ aborted, reason }) => (aborted ? { aborted, reason } : { aborted }));
  printAs(Event, (event) => {
    const { type, defaultPrevented, cancelable, timeStamp } = event;
    const detail = "detail" in event ? { detail: event.detail } : {};
    return { type, ...detail, defaultPrevented, cancelable, timeStamp };
  });
}

/** "readable", "closed", "errored": a field of the vendored streams. */
function stateOf(stream: object): unknown {
  return (stream as { _state?: unknown })._state;
}

/** Several values of one name as a list. */
function byName(fields: Record<string, unknown>, [name, value]: [string, unknown]): Record<string, unknown> {
  const held = fields[name];
  return { ...fields, [name]: held === undefined ? value : Array.isArray(held) ? [...held, value] : [held, value] };
}
