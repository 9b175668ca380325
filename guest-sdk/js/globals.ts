// In: all of the prelude. Out: the global object as scripts find it.
// May touch: the global object, once, before any script exists.
// Security boundary: no. Nothing here holds authority.

import { AbortController, AbortSignal } from "./abort.ts";
import { Blob, File } from "./blob.ts";
import { CompressionStream, DecompressionStream } from "./compression.ts";
import { console } from "./console.ts";
import { Crypto, crypto } from "./crypto.ts";
import { CryptoKey } from "./crypto-key.ts";
import "./dom-exception.ts";
import { TextDecoder, TextEncoder } from "./encoding.ts";
import { TextDecoderStream, TextEncoderStream } from "./encoding-streams.ts";
import { ErrorEvent, PromiseRejectionEvent } from "./error-events.ts";
import { PolicyError, ToolError } from "./errors.ts";
import { CustomEvent, Event, EventTarget } from "./events.ts";
import { fetch } from "./fetch.ts";
import { FileReader, ProgressEvent } from "./file-reader.ts";
import { FormData } from "./form-data.ts";
import { Headers } from "./headers.ts";
import { installLocaleMethods, Intl } from "./intl.ts";
import { MessageChannel, MessageEvent, MessagePort } from "./messaging.ts";
import { Performance, performance } from "./performance.ts";
import { NODE } from "./process.ts";
import { Request } from "./request.ts";
import { Response } from "./response.ts";
import * as streams from "./vendor/web-streams-polyfill.js";
import { structuredClone } from "./structured-clone.ts";
import { SubtleCrypto } from "./subtle.ts";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "./timers.ts";
import { tools } from "./tools.ts";
import { uncaught } from "./uncaught.ts";
import { URL, URLSearchParams } from "./url.ts";
import { URLPattern } from "./url-pattern.ts";
import { expose, isInterface, need } from "./webidl.ts";

const then = Promise.prototype.then;
const resolved = Promise.resolve();

function queueMicrotask(callback: () => void): void {
  if (typeof callback !== "function") throw new TypeError("queueMicrotask: the argument must be a function.");
  void then.call(resolved, () => {
    try {
      callback();
    } catch (thrown) {
      uncaught(thrown);
    }
  });
}

function reportError(thrown: unknown): void {
  need(arguments.length, 1, "reportError");
  uncaught(thrown);
}

/** What Javy and QuickJS bring along and scripts have no use for. */
const REMOVED = ["Javy", "Atomics", "SharedArrayBuffer", "print", "bjson", "gc"];

const { addEventListener, dispatchEvent, removeEventListener } = EventTarget.prototype;

const INSTALLED = {
  AbortController, AbortSignal, Blob, CompressionStream, Crypto, CryptoKey, CustomEvent, DecompressionStream, ErrorEvent, Event,
  EventTarget, File, FileReader, FormData, Headers, Intl, MessageChannel, MessageEvent, MessagePort, Performance, PolicyError, ProgressEvent,
  PromiseRejectionEvent, Request, Response, SubtleCrypto, TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream, ToolError,
  URL, URLPattern, URLSearchParams, addEventListener, clearInterval, clearTimeout, codemode: tools, console, crypto, dispatchEvent,
  fetch, navigator: { userAgent: "Mayfly/0.1" }, performance, queueMicrotask, removeEventListener, reportError,
  self: globalThis, setInterval, setTimeout, structuredClone, tools, ...streams, ...NODE,
};

/** Puts everything on the global object, as the standards have it: writable, configurable, not enumerable. */
export function install(): void {
  for (const name of REMOVED) Reflect.deleteProperty(globalThis, name);
  for (const [name, value] of Object.entries(INSTALLED)) {
    if (isInterface(value) && !Object.hasOwn(NODE, name)) expose(value, name);
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
  installLocaleMethods();
}
