// In: fetch(input, init). Out: a Fetch effect, and a promise of the Response; an abort becomes a Cancel effect.
// May touch: the effect buffer.
// Security boundary: no. The bridge decides about every request, and about every redirect.

import { native } from "./native.ts";
import { cancel, expect } from "./pending.ts";
import { relocate, site } from "./errors.ts";
import { listOf } from "./headers.ts";
import { claim, type Content } from "./body.ts";
import { Request, signalOf, type RequestInit } from "./request.ts";
import { Response, arrived } from "./response.ts";
import { HostStream } from "./host-stream.ts";
import { ReadableStream } from "./streams.ts";
import { hasBadPort } from "./ports.ts";
import { upload } from "./upload.ts";
import { isDataUrl, readDataUrl } from "./data-url.ts";

const parse = JSON.parse;

interface Meta {
  status: number;
  status_text?: string;
  headers?: [string, string][];
  url?: string;
  redirected?: boolean;
  stream?: boolean;
}

export function fetch(input: Request | string | { href: string }, init?: RequestInit): Promise<Response> {
  // The stack of the call: when the reply comes there is no other.
  const from = site();
  return new Promise((resolve, reject) => {
    const request = new Request(input, init);
    const signal = signalOf(request);
    signal?.throwIfAborted();
    if (hasBadPort(request.url)) throw new TypeError(`${request.url}: this port belongs to another protocol than HTTP.`);
    if (isDataUrl(request.url)) return resolve(arrived(readDataUrl(request)));
    let rest: HostStream | undefined;
    const body = claim(request) ?? undefined;
    const number = expect({
      fulfil(meta) {
        try {
          const reply = response(number, meta, request.url);
          rest = reply.rest;
          if (rest === undefined) signal?.removeEventListener("abort", abort);
          resolve(reply.response);
        } catch (thrown) {
          reject(thrown);
        }
      },
      reject(error) {
        signal?.removeEventListener("abort", abort);
        reject(relocate(error, from));
      },
    });
    function abort(): void {
      if (rest !== undefined) return rest.giveUp({ reason: signal?.reason });
      cancel(number);
      if (body instanceof ReadableStream && !body.locked) void body.cancel(signal?.reason);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", abort, { once: true });
    const parts = body instanceof HostStream || body instanceof ReadableStream ? body : undefined;
    const whole = parts === undefined ? (body as Content | undefined) : undefined;
    native.emitFetch(number, request.method, request.url, request.redirect, listOf(request.headers), parts !== undefined, whole);
    if (parts === undefined) return;
    upload(number, parts).catch((thrown: unknown) => {
      cancel(number);
      reject(thrown);
    });
  });
}

function response(number: number, text: string, asked: string): { response: Response; rest: HostStream | undefined } {
  const meta = parse(text) as Meta;
  const bytes = native.bodyBytes();
  const rest = meta.stream === true ? new HostStream(number, bytes) : undefined;
  const reply = {
    status: meta.status, statusText: meta.status_text ?? "", headers: meta.headers ?? [], url: meta.url ?? asked,
    redirected: meta.redirected ?? false, body: rest ?? bytes,
  };
  return { response: arrived(reply), rest };
}
