// In: fetch(input, init). Out: a Fetch effect, and a promise of the Response; an abort becomes a Cancel effect.
// May touch: the effect buffer.
// Security boundary: no. The bridge decides about every request, and about every redirect.

import { native } from "./native.ts";
import { cancel, expect } from "./pending.ts";
import { relocate, site } from "./errors.ts";
import { listOf } from "./headers.ts";
import { Request, Response, arrived, send, signalOf, type RequestInit } from "./body.ts";

const parse = JSON.parse;

interface Reply {
  status: number;
  status_text?: string;
  headers?: [string, string][];
  url?: string;
  redirected?: boolean;
}

export function fetch(input: Request | string | { href: string }, init?: RequestInit): Promise<Response> {
  // The stack of the call: when the reply comes there is no other.
  const from = site();
  return new Promise((resolve, reject) => {
    const request = new Request(input, init);
    const signal = signalOf(request);
    signal?.throwIfAborted();
    const number = expect({
      fulfil(meta) {
        signal?.removeEventListener("abort", abort);
        try {
          resolve(response(meta, request.url));
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
      cancel(number);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", abort, { once: true });
    native.emitFetch(number, request.method, request.url, request.redirect, listOf(request.headers), send(request));
  });
}

function response(meta: string, asked: string): Response {
  const reply = parse(meta) as Reply;
  return arrived({
    status: reply.status, statusText: reply.status_text ?? "", headers: reply.headers ?? [], url: reply.url ?? asked,
    redirected: reply.redirected ?? false, bytes: native.bodyBytes(),
  });
}
