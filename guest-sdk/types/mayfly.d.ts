// Everything that a script finds in Mayfly beyond the language itself, for TypeScript with `"lib": ["esnext"]` and without
// "dom". What differs from the standards is told in LIMITATIONS.md. Two libraries of "esnext" promise more than there is:
// `SharedArrayBuffer` and `Atomics` do not exist in Mayfly.

// ------------------------------------------------------------------------------------------------------------- scripts

/** What tools exist is the tenant's configuration; with generated types this is replaced by exact ones. */
interface ToolNamespace {
  /** Calls the tool with one object of named arguments. Rejects with a `ToolError` or a `PolicyError`. */
  (args?: object): Promise<any>;
  [name: string]: ToolNamespace;
}

/**
 * The tools that this run may call: `await tools.github.repos.get({ owner: "a", repo: "b" })`. Calls go out when they are
 * made, so `Promise.all` runs them side by side; more than the limit in flight wait by themselves.
 */
declare const tools: { [name: string]: ToolNamespace };
/** The same as `tools`. */
declare const codemode: typeof tools;

/** The bridge refused a request or a tool call: the tenant's rules do not allow it. Asking again changes nothing. */
declare class PolicyError extends Error {
  /** Why, in one word: `no_rule`, `denied`, `address`, ... */
  readonly reason?: string;
  /** The rule that denied it. */
  readonly rule?: string;
  readonly method?: string;
  readonly url?: string;
}

/** A tool answered with an error. */
declare class ToolError extends Error {
  readonly tool?: string;
  /** HTTP status, where the tool is an HTTP API. */
  readonly status?: number;
  readonly body?: unknown;
}

/** What stands behind `export default` of a script that answers HTTP requests: `export default { ... } satisfies ExportedHandler`. */
interface ExportedHandler<Env = Record<string, never>> {
  /** Answers a request to `/run/{tenant}/{script}/...`. */
  fetch?(request: Request, env: Env, ctx: ExecutionContext): Response | Promise<Response>;
  /** Answers a run that is no HTTP request: the input in, the result out. */
  run?(input: any): unknown;
}

interface ExecutionContext {
  /** Work that goes on after the response was sent, within the run's wall clock. */
  waitUntil(promise: Promise<unknown>): void;
  /** Does nothing: an error is an error. */
  passThroughOnException(): void;
}

// -------------------------------------------------------------------------------------------------------------- console

/** Writes log lines, which come back with the run. Objects are shown five levels deep, in the manner of Node. */
interface Console {
  log(...data: any[]): void;
  info(...data: any[]): void;
  warn(...data: any[]): void;
  error(...data: any[]): void;
  debug(...data: any[]): void;
  /** One value; `depth` is the number of levels, `null` for all of them. */
  dir(value?: any, options?: { depth?: number | null }): void;
  dirxml(...data: any[]): void;
  /** Rows and columns of an array, an object, a Map or a Set. */
  table(tabular?: any, columns?: string[]): void;
  trace(...data: any[]): void;
  assert(condition?: boolean, ...data: any[]): void;
  count(label?: string): void;
  countReset(label?: string): void;
  group(...data: any[]): void;
  groupCollapsed(...data: any[]): void;
  groupEnd(): void;
  time(label?: string): void;
  timeLog(label?: string, ...data: any[]): void;
  timeEnd(label?: string): void;
  /** Does nothing. */
  timeStamp(label?: string): void;
  /** Does nothing. */
  profile(label?: string): void;
  /** Does nothing. */
  profileEnd(label?: string): void;
  clear(): void;
}
declare const console: Console;

// ---------------------------------------------------------------------------------------------------- timers and globals

/** Calls `handler` after at least `delay` milliseconds. The clock moves only while the script awaits. */
declare function setTimeout(handler: (...args: any[]) => void, delay?: number, ...args: any[]): number;
declare function setInterval(handler: (...args: any[]) => void, delay?: number, ...args: any[]): number;
declare function clearTimeout(id?: number): void;
declare function clearInterval(id?: number): void;
declare function setImmediate(handler: (...args: any[]) => void, ...args: any[]): number;
declare function clearImmediate(id?: number): void;
declare function queueMicrotask(callback: () => void): void;
/** Has an error logged, and told to listeners of `error`, as if nobody had caught it. */
declare function reportError(error: any): void;
declare function structuredClone<T = any>(value: T, options?: StructuredSerializeOptions): T;
interface StructuredSerializeOptions {
  transfer?: Transferable[];
}
type Transferable = ArrayBuffer | MessagePort;

declare function atob(data: string): string;
declare function btoa(data: string): string;

declare const self: typeof globalThis;
/** Node's name of `globalThis`. */
declare const global: typeof globalThis;

interface Navigator {
  readonly userAgent: string;
}
declare const navigator: Navigator;

/** What is left of Node's `process`: an empty environment. Reading anything else throws and says what to use instead. */
declare const process: { readonly env: Record<string, string | undefined> };

// ---------------------------------------------------------------------------------------------------------- performance

interface PerformanceEntry {
  readonly name: string;
  readonly entryType: string;
  readonly startTime: number;
  readonly duration: number;
  readonly detail: any;
}
interface PerformanceMarkOptions {
  startTime?: number;
  detail?: any;
}
interface PerformanceMeasureOptions {
  start?: string | number;
  end?: string | number;
  duration?: number;
  detail?: any;
}
declare class Performance extends EventTarget {
  private constructor();
  /** Milliseconds since the run began. Stands still between two awaits. */
  now(): number;
  readonly timeOrigin: number;
  mark(name: string, options?: PerformanceMarkOptions): PerformanceEntry;
  measure(name: string, startOrOptions?: string | PerformanceMeasureOptions, end?: string): PerformanceEntry;
  clearMarks(name?: string): void;
  clearMeasures(name?: string): void;
  getEntries(): PerformanceEntry[];
  getEntriesByName(name: string, type?: string): PerformanceEntry[];
  getEntriesByType(type: string): PerformanceEntry[];
  toJSON(): any;
}
declare const performance: Performance;

// --------------------------------------------------------------------------------------------------------------- errors

declare class DOMException extends Error {
  constructor(message?: string, name?: string);
  /** The number of the oldest of the names; 0 for newer ones. */
  readonly code: number;
  static readonly INDEX_SIZE_ERR: 1;
  static readonly DOMSTRING_SIZE_ERR: 2;
  static readonly HIERARCHY_REQUEST_ERR: 3;
  static readonly WRONG_DOCUMENT_ERR: 4;
  static readonly INVALID_CHARACTER_ERR: 5;
  static readonly NO_DATA_ALLOWED_ERR: 6;
  static readonly NO_MODIFICATION_ALLOWED_ERR: 7;
  static readonly NOT_FOUND_ERR: 8;
  static readonly NOT_SUPPORTED_ERR: 9;
  static readonly INUSE_ATTRIBUTE_ERR: 10;
  static readonly INVALID_STATE_ERR: 11;
  static readonly SYNTAX_ERR: 12;
  static readonly INVALID_MODIFICATION_ERR: 13;
  static readonly NAMESPACE_ERR: 14;
  static readonly INVALID_ACCESS_ERR: 15;
  static readonly VALIDATION_ERR: 16;
  static readonly TYPE_MISMATCH_ERR: 17;
  static readonly SECURITY_ERR: 18;
  static readonly NETWORK_ERR: 19;
  static readonly ABORT_ERR: 20;
  static readonly URL_MISMATCH_ERR: 21;
  static readonly QUOTA_EXCEEDED_ERR: 22;
  static readonly TIMEOUT_ERR: 23;
  static readonly INVALID_NODE_TYPE_ERR: 24;
  static readonly DATA_CLONE_ERR: 25;
}

/** One call of a stack, as `Error.prepareStackTrace` is given it. */
interface CallSite {
  getFunction(): Function | undefined;
  getFunctionName(): string | null;
  getFileName(): string | null;
  getLineNumber(): number;
  getColumnNumber(): number;
  isNative(): boolean;
}
interface ErrorConstructor {
  /** Gives any object a `stack`; the calls above `from` are left out. */
  captureStackTrace(target: object, from?: Function): void;
  /** Frames of a stack, 64 at most. */
  stackTraceLimit: number;
  /** Makes the text, or anything else, of every `stack`. */
  prepareStackTrace?: (error: Error, sites: CallSite[]) => any;
}

// ------------------------------------------------------------------------------------------- what "esnext" does not have

interface Uint8ArrayToBase64Options {
  alphabet?: "base64" | "base64url";
  omitPadding?: boolean;
}
interface Uint8ArrayFromBase64Options {
  alphabet?: "base64" | "base64url";
  lastChunkHandling?: "loose" | "strict" | "stop-before-partial";
}
interface Uint8Array<TArrayBuffer extends ArrayBufferLike> {
  toBase64(options?: Uint8ArrayToBase64Options): string;
  toHex(): string;
  setFromBase64(text: string, options?: Uint8ArrayFromBase64Options): { read: number; written: number };
  setFromHex(text: string): { read: number; written: number };
}
interface Uint8ArrayConstructor {
  fromBase64(text: string, options?: Uint8ArrayFromBase64Options): Uint8Array<ArrayBuffer>;
  fromHex(text: string): Uint8Array<ArrayBuffer>;
}

// --------------------------------------------------------------------------------------------------------------- events

interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
  composed?: boolean;
}
declare class Event {
  constructor(type: string, init?: EventInit);
  static readonly NONE: 0;
  static readonly CAPTURING_PHASE: 1;
  static readonly AT_TARGET: 2;
  static readonly BUBBLING_PHASE: 3;
  readonly NONE: 0;
  readonly CAPTURING_PHASE: 1;
  readonly AT_TARGET: 2;
  readonly BUBBLING_PHASE: 3;
  readonly type: string;
  readonly target: EventTarget | null;
  readonly srcElement: EventTarget | null;
  readonly currentTarget: EventTarget | null;
  readonly eventPhase: number;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly defaultPrevented: boolean;
  readonly isTrusted: boolean;
  readonly timeStamp: number;
  cancelBubble: boolean;
  returnValue: boolean;
  composedPath(): EventTarget[];
  preventDefault(): void;
  stopPropagation(): void;
  stopImmediatePropagation(): void;
  /** @deprecated Give the constructor what the event is to have. */
  initEvent(type: string, bubbles?: boolean, cancelable?: boolean): void;
}

interface CustomEventInit<T = any> extends EventInit {
  detail?: T;
}
declare class CustomEvent<T = any> extends Event {
  constructor(type: string, init?: CustomEventInit<T>);
  readonly detail: T;
  /** @deprecated Give the constructor what the event is to have. */
  initCustomEvent(type: string, bubbles?: boolean, cancelable?: boolean, detail?: T): void;
}

interface ErrorEventInit extends EventInit {
  message?: string;
  filename?: string;
  lineno?: number;
  colno?: number;
  error?: any;
}
/** Of an error that nobody caught: `addEventListener("error", ...)`. `preventDefault()` keeps it out of the log. */
declare class ErrorEvent extends Event {
  constructor(type: string, init?: ErrorEventInit);
  readonly message: string;
  readonly filename: string;
  readonly lineno: number;
  readonly colno: number;
  readonly error: any;
}

interface PromiseRejectionEventInit extends EventInit {
  promise: Promise<any>;
  reason?: any;
}
/** Of a rejection that nobody handled: `addEventListener("unhandledrejection", ...)`. */
declare class PromiseRejectionEvent extends Event {
  constructor(type: string, init: PromiseRejectionEventInit);
  readonly promise: Promise<any>;
  readonly reason: any;
}

interface MessageEventInit<T = any> extends EventInit {
  data?: T;
  origin?: string;
  lastEventId?: string;
  source?: MessagePort | null;
  ports?: MessagePort[];
}
declare class MessageEvent<T = any> extends Event {
  constructor(type: string, init?: MessageEventInit<T>);
  readonly data: T;
  readonly origin: string;
  readonly lastEventId: string;
  readonly source: MessagePort | null;
  readonly ports: readonly MessagePort[];
  /** @deprecated Give the constructor what the event is to have. */
  initMessageEvent(
    type: string, bubbles?: boolean, cancelable?: boolean, data?: T, origin?: string, lastEventId?: string,
    source?: MessagePort | null, ports?: MessagePort[],
  ): void;
}

interface EventListenerObject<E extends Event = Event> {
  handleEvent(event: E): void;
}
type EventListenerOrEventListenerObject<E extends Event = Event> = ((event: E) => void) | EventListenerObject<E>;
interface EventListenerOptions {
  capture?: boolean;
}
interface AddEventListenerOptions extends EventListenerOptions {
  once?: boolean;
  passive?: boolean;
  signal?: AbortSignal;
}
/** Events by name; `Events` says which class each of them has. */
declare class EventTarget<Events extends Record<string, Event> = Record<string, any>> {
  constructor();
  addEventListener<K extends string>(
    type: K,
    listener: EventListenerOrEventListenerObject<K extends keyof Events ? Events[K] : Event> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends string>(
    type: K,
    listener: EventListenerOrEventListenerObject<K extends keyof Events ? Events[K] : Event> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  dispatchEvent(event: Event): boolean;
}

interface GlobalEvents {
  error: ErrorEvent;
  unhandledrejection: PromiseRejectionEvent;
  rejectionhandled: PromiseRejectionEvent;
}
declare function addEventListener<K extends string>(
  type: K,
  listener: EventListenerOrEventListenerObject<K extends keyof GlobalEvents ? GlobalEvents[K] : Event> | null,
  options?: boolean | AddEventListenerOptions,
): void;
declare function removeEventListener<K extends string>(
  type: K,
  listener: EventListenerOrEventListenerObject<K extends keyof GlobalEvents ? GlobalEvents[K] : Event> | null,
  options?: boolean | EventListenerOptions,
): void;
declare function dispatchEvent(event: Event): boolean;
declare var onerror: ((message: any, filename: string, lineno: number, colno: number, error: any) => any) | null;
declare var onunhandledrejection: ((event: PromiseRejectionEvent) => any) | null;

/** A way to stop what is under way: `fetch(url, { signal: AbortSignal.timeout(5000) })`. */
declare class AbortSignal extends EventTarget<{ abort: Event }> {
  private constructor();
  readonly aborted: boolean;
  readonly reason: any;
  onabort: ((this: AbortSignal, event: Event) => any) | null;
  throwIfAborted(): void;
  static abort(reason?: any): AbortSignal;
  static timeout(milliseconds: number): AbortSignal;
  static any(signals: Iterable<AbortSignal>): AbortSignal;
}
declare class AbortController {
  constructor();
  readonly signal: AbortSignal;
  abort(reason?: any): void;
}

declare class MessagePort extends EventTarget<{ message: MessageEvent; messageerror: MessageEvent; close: Event }> {
  private constructor();
  onmessage: ((this: MessagePort, event: MessageEvent) => any) | null;
  onmessageerror: ((this: MessagePort, event: MessageEvent) => any) | null;
  onclose: ((this: MessagePort, event: Event) => any) | null;
  postMessage(message: any, options?: StructuredSerializeOptions | Transferable[]): void;
  start(): void;
  close(): void;
}
/** Two ports within the same run; there are no threads to talk to. */
declare class MessageChannel {
  constructor();
  readonly port1: MessagePort;
  readonly port2: MessagePort;
}

// ------------------------------------------------------------------------------------------------------- text and addresses

type AllowSharedBufferSource = ArrayBuffer | ArrayBufferView;
type BufferSource = ArrayBuffer | ArrayBufferView;

declare class TextEncoder {
  constructor();
  readonly encoding: string;
  encode(input?: string): Uint8Array<ArrayBuffer>;
  encodeInto(source: string, destination: Uint8Array): TextEncoderEncodeIntoResult;
}
interface TextEncoderEncodeIntoResult {
  read: number;
  written: number;
}
interface TextDecoderOptions {
  fatal?: boolean;
  ignoreBOM?: boolean;
}
declare class TextDecoder {
  constructor(label?: string, options?: TextDecoderOptions);
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(input?: AllowSharedBufferSource, options?: { stream?: boolean }): string;
}
declare class TextEncoderStream {
  constructor();
  readonly encoding: string;
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<string>;
}
declare class TextDecoderStream {
  constructor(label?: string, options?: TextDecoderOptions);
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  readonly readable: ReadableStream<string>;
  readonly writable: WritableStream<BufferSource>;
}
type CompressionFormat = "deflate" | "deflate-raw" | "gzip";
declare class CompressionStream {
  constructor(format: CompressionFormat);
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<BufferSource>;
}
declare class DecompressionStream {
  constructor(format: CompressionFormat);
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<BufferSource>;
}

declare class URL {
  constructor(url: string | URL, base?: string | URL);
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  readonly searchParams: URLSearchParams;
  hash: string;
  toString(): string;
  toJSON(): string;
  static canParse(url: string | URL, base?: string | URL): boolean;
  static parse(url: string | URL, base?: string | URL): URL | null;
}
declare class URLSearchParams {
  constructor(init?: Iterable<readonly [string, string]> | Record<string, string> | string | URLSearchParams);
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  forEach(callback: (value: string, key: string, parent: URLSearchParams) => void, thisArg?: any): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
  toString(): string;
}

interface URLPatternInit {
  protocol?: string;
  username?: string;
  password?: string;
  hostname?: string;
  port?: string;
  pathname?: string;
  search?: string;
  hash?: string;
  baseURL?: string;
}
interface URLPatternComponentResult {
  input: string;
  groups: Record<string, string | undefined>;
}
interface URLPatternResult {
  inputs: (string | URLPatternInit)[];
  protocol: URLPatternComponentResult;
  username: URLPatternComponentResult;
  password: URLPatternComponentResult;
  hostname: URLPatternComponentResult;
  port: URLPatternComponentResult;
  pathname: URLPatternComponentResult;
  search: URLPatternComponentResult;
  hash: URLPatternComponentResult;
}
interface URLPatternOptions {
  ignoreCase?: boolean;
}
/** `new URLPattern({ pathname: "/users/:id" }).exec(url)?.pathname.groups.id` */
declare class URLPattern {
  constructor(input?: string | URLPatternInit, options?: URLPatternOptions);
  constructor(input: string | URLPatternInit, baseURL: string, options?: URLPatternOptions);
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
  readonly hasRegExpGroups: boolean;
  test(input?: string | URL | URLPatternInit, baseURL?: string): boolean;
  exec(input?: string | URL | URLPatternInit, baseURL?: string): URLPatternResult | null;
}

// ----------------------------------------------------------------------------------------------------- blobs and forms

type BlobPart = BufferSource | Blob | string;
interface BlobPropertyBag {
  type?: string;
  endings?: "transparent" | "native";
}
declare class Blob {
  constructor(parts?: Iterable<BlobPart>, options?: BlobPropertyBag);
  readonly size: number;
  readonly type: string;
  slice(start?: number, end?: number, type?: string): Blob;
  text(): Promise<string>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  arrayBuffer(): Promise<ArrayBuffer>;
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>;
}
interface FilePropertyBag extends BlobPropertyBag {
  lastModified?: number;
}
declare class File extends Blob {
  constructor(parts: Iterable<BlobPart>, name: string, options?: FilePropertyBag);
  readonly name: string;
  readonly lastModified: number;
}

interface ProgressEventInit extends EventInit {
  lengthComputable?: boolean;
  loaded?: number;
  total?: number;
}
declare class ProgressEvent extends Event {
  constructor(type: string, init?: ProgressEventInit);
  readonly lengthComputable: boolean;
  readonly loaded: number;
  readonly total: number;
}

type FileReaderHandler = ((this: FileReader, event: ProgressEvent) => any) | null;
type FileReaderEvents = {
  abort: ProgressEvent;
  error: ProgressEvent;
  load: ProgressEvent;
  loadend: ProgressEvent;
  loadstart: ProgressEvent;
  progress: ProgressEvent;
};
/** Reads a Blob by events. `await blob.text()`, `blob.arrayBuffer()` and `blob.bytes()` are simpler. */
declare class FileReader extends EventTarget<FileReaderEvents> {
  constructor();
  static readonly EMPTY: 0;
  static readonly LOADING: 1;
  static readonly DONE: 2;
  readonly EMPTY: 0;
  readonly LOADING: 1;
  readonly DONE: 2;
  readonly readyState: number;
  readonly result: string | ArrayBuffer | null;
  readonly error: DOMException | null;
  onabort: FileReaderHandler;
  onerror: FileReaderHandler;
  onload: FileReaderHandler;
  onloadend: FileReaderHandler;
  onloadstart: FileReaderHandler;
  onprogress: FileReaderHandler;
  readAsArrayBuffer(blob: Blob): void;
  readAsBinaryString(blob: Blob): void;
  readAsText(blob: Blob, encoding?: string): void;
  readAsDataURL(blob: Blob): void;
  abort(): void;
}
type FormDataEntryValue = File | string;
declare class FormData {
  constructor();
  append(name: string, value: string | Blob, filename?: string): void;
  delete(name: string): void;
  get(name: string): FormDataEntryValue | null;
  getAll(name: string): FormDataEntryValue[];
  has(name: string): boolean;
  set(name: string, value: string | Blob, filename?: string): void;
  forEach(callback: (value: FormDataEntryValue, key: string, parent: FormData) => void, thisArg?: any): void;
  entries(): IterableIterator<[string, FormDataEntryValue]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<FormDataEntryValue>;
  [Symbol.iterator](): IterableIterator<[string, FormDataEntryValue]>;
}

// ---------------------------------------------------------------------------------------------------------------- fetch

type HeadersInit = Iterable<readonly [string, string]> | Record<string, string> | Headers;
declare class Headers {
  constructor(init?: HeadersInit);
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  forEach(callback: (value: string, key: string, parent: Headers) => void, thisArg?: any): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

type BodyInit = ReadableStream<Uint8Array> | Blob | BufferSource | FormData | URLSearchParams | string;
interface Body {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  readonly bodyUsed: boolean;
  text(): Promise<string>;
  /** Check what you get: the type is whatever the other side sent. */
  json(): Promise<any>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  formData(): Promise<FormData>;
}

type RequestInfo = Request | string;
type RequestRedirect = "follow" | "error" | "manual";
interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  redirect?: RequestRedirect;
  signal?: AbortSignal | null;
  /** Needed where the body is a stream. */
  duplex?: "half";
  /** Accepted, without effect: there is no page, no cache and no cookie jar. */
  mode?: "cors" | "navigate" | "no-cors" | "same-origin";
  /** Without effect. */
  credentials?: "include" | "omit" | "same-origin";
  /** Without effect. */
  cache?: "default" | "force-cache" | "no-cache" | "no-store" | "only-if-cached" | "reload";
  /** Without effect. */
  referrer?: string;
  /** Without effect. */
  referrerPolicy?: string;
  /** Without effect. */
  integrity?: string;
  /** Without effect. */
  keepalive?: boolean;
  /** Without effect. */
  priority?: "auto" | "high" | "low";
}
interface Request extends Body {}
declare class Request {
  constructor(input: RequestInfo | URL, init?: RequestInit);
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly redirect: RequestRedirect;
  readonly signal: AbortSignal;
  readonly duplex: "half";
  readonly mode: string;
  readonly credentials: string;
  readonly cache: string;
  readonly destination: string;
  readonly referrer: string;
  readonly referrerPolicy: string;
  readonly integrity: string;
  readonly keepalive: boolean;
  readonly isReloadNavigation: boolean;
  readonly isHistoryNavigation: boolean;
  clone(): Request;
}

interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}
type ResponseType = "basic" | "cors" | "default" | "error" | "opaque" | "opaqueredirect";
interface Response extends Body {}
declare class Response {
  constructor(body?: BodyInit | null, init?: ResponseInit);
  /** The status is between 200 and 299. `fetch` does not reject for any other. */
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly url: string;
  readonly redirected: boolean;
  readonly type: ResponseType;
  clone(): Response;
  static json(data: any, init?: ResponseInit): Response;
  static redirect(url: string | URL, status?: number): Response;
  static error(): Response;
}

/**
 * Sends a request through the bridge, which applies the tenant's rules and adds credentials. Rejects with a `PolicyError`
 * where the rules say no, with a `TypeError` where the network fails; a status like 404 is a response like any other.
 */
declare function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

// -------------------------------------------------------------------------------------------------------------- streams

interface QueuingStrategy<T = any> {
  highWaterMark?: number;
  size?: (chunk: T) => number;
}
interface QueuingStrategyInit {
  highWaterMark: number;
}
declare class CountQueuingStrategy implements QueuingStrategy {
  constructor(init: QueuingStrategyInit);
  readonly highWaterMark: number;
  readonly size: (chunk?: any) => 1;
}
declare class ByteLengthQueuingStrategy implements QueuingStrategy<ArrayBufferView> {
  constructor(init: QueuingStrategyInit);
  readonly highWaterMark: number;
  readonly size: (chunk: ArrayBufferView) => number;
}

interface UnderlyingSource<R = any> {
  start?(controller: ReadableStreamDefaultController<R>): any;
  pull?(controller: ReadableStreamDefaultController<R>): void | PromiseLike<void>;
  cancel?(reason?: any): void | PromiseLike<void>;
  type?: undefined;
}
interface UnderlyingByteSource {
  start?(controller: ReadableByteStreamController): any;
  pull?(controller: ReadableByteStreamController): void | PromiseLike<void>;
  cancel?(reason?: any): void | PromiseLike<void>;
  type: "bytes";
  autoAllocateChunkSize?: number;
}
interface ReadableWritablePair<R = any, W = any> {
  readable: ReadableStream<R>;
  writable: WritableStream<W>;
}
interface StreamPipeOptions {
  preventAbort?: boolean;
  preventCancel?: boolean;
  preventClose?: boolean;
  signal?: AbortSignal;
}
type ReadableStreamReadResult<T> = { done: false; value: T } | { done: true; value: T | undefined };
/** `for await (const chunk of response.body) { ... }` reads as it arrives. */
declare class ReadableStream<R = any> {
  constructor(source: UnderlyingByteSource, strategy?: { highWaterMark?: number });
  constructor(source?: UnderlyingSource<R>, strategy?: QueuingStrategy<R>);
  readonly locked: boolean;
  cancel(reason?: any): Promise<void>;
  getReader(options: { mode: "byob" }): ReadableStreamBYOBReader;
  getReader(options?: { mode?: undefined }): ReadableStreamDefaultReader<R>;
  pipeThrough<T>(transform: ReadableWritablePair<T, R>, options?: StreamPipeOptions): ReadableStream<T>;
  pipeTo(destination: WritableStream<R>, options?: StreamPipeOptions): Promise<void>;
  tee(): [ReadableStream<R>, ReadableStream<R>];
  values(options?: { preventCancel?: boolean }): ReadableStreamAsyncIterator<R>;
  [Symbol.asyncIterator](options?: { preventCancel?: boolean }): ReadableStreamAsyncIterator<R>;
  static from<T>(iterable: Iterable<T> | AsyncIterable<T>): ReadableStream<T>;
}
interface ReadableStreamAsyncIterator<T> extends AsyncIterableIterator<T> {
  return(value?: any): Promise<IteratorResult<T>>;
}
declare class ReadableStreamDefaultReader<R = any> {
  constructor(stream: ReadableStream<R>);
  readonly closed: Promise<undefined>;
  read(): Promise<ReadableStreamReadResult<R>>;
  releaseLock(): void;
  cancel(reason?: any): Promise<void>;
}
declare class ReadableStreamBYOBReader {
  constructor(stream: ReadableStream<Uint8Array>);
  readonly closed: Promise<undefined>;
  read<T extends ArrayBufferView>(view: T, options?: { min?: number }): Promise<ReadableStreamReadResult<T>>;
  releaseLock(): void;
  cancel(reason?: any): Promise<void>;
}
declare class ReadableStreamDefaultController<R = any> {
  private constructor();
  readonly desiredSize: number | null;
  enqueue(chunk?: R): void;
  close(): void;
  error(reason?: any): void;
}
declare class ReadableByteStreamController {
  private constructor();
  readonly byobRequest: ReadableStreamBYOBRequest | null;
  readonly desiredSize: number | null;
  enqueue(chunk: ArrayBufferView): void;
  close(): void;
  error(reason?: any): void;
}
declare class ReadableStreamBYOBRequest {
  private constructor();
  readonly view: ArrayBufferView | null;
  respond(bytesWritten: number): void;
  respondWithNewView(view: ArrayBufferView): void;
}

interface UnderlyingSink<W = any> {
  start?(controller: WritableStreamDefaultController): any;
  write?(chunk: W, controller: WritableStreamDefaultController): void | PromiseLike<void>;
  close?(): void | PromiseLike<void>;
  abort?(reason?: any): void | PromiseLike<void>;
  type?: undefined;
}
declare class WritableStream<W = any> {
  constructor(sink?: UnderlyingSink<W>, strategy?: QueuingStrategy<W>);
  readonly locked: boolean;
  abort(reason?: any): Promise<void>;
  close(): Promise<void>;
  getWriter(): WritableStreamDefaultWriter<W>;
}
declare class WritableStreamDefaultWriter<W = any> {
  constructor(stream: WritableStream<W>);
  readonly closed: Promise<undefined>;
  readonly ready: Promise<undefined>;
  readonly desiredSize: number | null;
  write(chunk?: W): Promise<void>;
  close(): Promise<void>;
  abort(reason?: any): Promise<void>;
  releaseLock(): void;
}
declare class WritableStreamDefaultController {
  private constructor();
  readonly signal: AbortSignal;
  error(reason?: any): void;
}

interface Transformer<I = any, O = any> {
  start?(controller: TransformStreamDefaultController<O>): any;
  transform?(chunk: I, controller: TransformStreamDefaultController<O>): void | PromiseLike<void>;
  flush?(controller: TransformStreamDefaultController<O>): void | PromiseLike<void>;
  cancel?(reason?: any): void | PromiseLike<void>;
  readableType?: undefined;
  writableType?: undefined;
}
declare class TransformStream<I = any, O = any> {
  constructor(transformer?: Transformer<I, O>, writableStrategy?: QueuingStrategy<I>, readableStrategy?: QueuingStrategy<O>);
  readonly readable: ReadableStream<O>;
  readonly writable: WritableStream<I>;
}
declare class TransformStreamDefaultController<O = any> {
  private constructor();
  readonly desiredSize: number | null;
  enqueue(chunk?: O): void;
  error(reason?: any): void;
  terminate(): void;
}

// --------------------------------------------------------------------------------------------------------------- crypto

type KeyFormat = "jwk" | "pkcs8" | "raw" | "spki";
type KeyType = "private" | "public" | "secret";
type KeyUsage = "decrypt" | "deriveBits" | "deriveKey" | "encrypt" | "sign" | "unwrapKey" | "verify" | "wrapKey";
type HashAlgorithmIdentifier = AlgorithmIdentifier;
type AlgorithmIdentifier = Algorithm | string;
interface Algorithm {
  name: string;
}
interface KeyAlgorithm {
  name: string;
}
interface AesCbcParams extends Algorithm {
  iv: BufferSource;
}
interface AesCtrParams extends Algorithm {
  counter: BufferSource;
  length: number;
}
interface AesGcmParams extends Algorithm {
  iv: BufferSource;
  additionalData?: BufferSource;
  tagLength?: number;
}
interface AesKeyGenParams extends Algorithm {
  length: number;
}
interface AesDerivedKeyParams extends Algorithm {
  length: number;
}
interface HmacImportParams extends Algorithm {
  hash: HashAlgorithmIdentifier;
  length?: number;
}
interface HmacKeyGenParams extends Algorithm {
  hash: HashAlgorithmIdentifier;
  length?: number;
}
interface HkdfParams extends Algorithm {
  hash: HashAlgorithmIdentifier;
  info: BufferSource;
  salt: BufferSource;
}
interface Pbkdf2Params extends Algorithm {
  hash: HashAlgorithmIdentifier;
  iterations: number;
  salt: BufferSource;
}
interface EcKeyGenParams extends Algorithm {
  namedCurve: string;
}
interface EcKeyImportParams extends Algorithm {
  namedCurve: string;
}
interface EcdsaParams extends Algorithm {
  hash: HashAlgorithmIdentifier;
}
interface EcdhKeyDeriveParams extends Algorithm {
  public: CryptoKey;
}
interface RsaHashedKeyGenParams extends Algorithm {
  modulusLength: number;
  publicExponent: Uint8Array;
  hash: HashAlgorithmIdentifier;
}
interface RsaHashedImportParams extends Algorithm {
  hash: HashAlgorithmIdentifier;
}
interface RsaOaepParams extends Algorithm {
  label?: BufferSource;
}
interface RsaPssParams extends Algorithm {
  saltLength: number;
}
interface JsonWebKey {
  alg?: string;
  crv?: string;
  d?: string;
  dp?: string;
  dq?: string;
  e?: string;
  ext?: boolean;
  k?: string;
  key_ops?: string[];
  kty?: string;
  n?: string;
  oth?: { d?: string; r?: string; t?: string }[];
  p?: string;
  q?: string;
  qi?: string;
  use?: string;
  x?: string;
  y?: string;
}
interface CryptoKeyPair {
  publicKey: CryptoKey;
  privateKey: CryptoKey;
}
declare class CryptoKey {
  private constructor();
  readonly type: KeyType;
  readonly extractable: boolean;
  readonly algorithm: KeyAlgorithm & Record<string, any>;
  readonly usages: KeyUsage[];
}
type SignParams = AlgorithmIdentifier | EcdsaParams | RsaPssParams;
type CipherParams = AlgorithmIdentifier | AesCbcParams | AesCtrParams | AesGcmParams | RsaOaepParams;
type DeriveParams = AlgorithmIdentifier | EcdhKeyDeriveParams | HkdfParams | Pbkdf2Params;
type ImportParams = AlgorithmIdentifier | HmacImportParams | EcKeyImportParams | RsaHashedImportParams;
declare class SubtleCrypto {
  private constructor();
  digest(algorithm: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer>;
  sign(algorithm: SignParams, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  verify(algorithm: SignParams, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean>;
  encrypt(algorithm: CipherParams, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  decrypt(algorithm: CipherParams, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  deriveBits(algorithm: DeriveParams, baseKey: CryptoKey, length?: number | null): Promise<ArrayBuffer>;
  deriveKey(
    algorithm: DeriveParams,
    baseKey: CryptoKey,
    derived: AlgorithmIdentifier | AesDerivedKeyParams | HmacImportParams,
    extractable: boolean,
    usages: Iterable<KeyUsage>,
  ): Promise<CryptoKey>;
  generateKey(
    algorithm: "Ed25519" | "X25519" | EcKeyGenParams | RsaHashedKeyGenParams,
    extractable: boolean,
    usages: Iterable<KeyUsage>,
  ): Promise<CryptoKeyPair>;
  generateKey(algorithm: AesKeyGenParams | HmacKeyGenParams, extractable: boolean, usages: Iterable<KeyUsage>): Promise<CryptoKey>;
  generateKey(algorithm: AlgorithmIdentifier, extractable: boolean, usages: Iterable<KeyUsage>): Promise<CryptoKey | CryptoKeyPair>;
  importKey(
    format: "jwk",
    key: JsonWebKey,
    algorithm: ImportParams,
    extractable: boolean,
    usages: Iterable<KeyUsage>,
  ): Promise<CryptoKey>;
  importKey(
    format: Exclude<KeyFormat, "jwk">,
    key: BufferSource,
    algorithm: ImportParams,
    extractable: boolean,
    usages: Iterable<KeyUsage>,
  ): Promise<CryptoKey>;
  exportKey(format: "jwk", key: CryptoKey): Promise<JsonWebKey>;
  exportKey(format: Exclude<KeyFormat, "jwk">, key: CryptoKey): Promise<ArrayBuffer>;
  wrapKey(format: KeyFormat, key: CryptoKey, wrappingKey: CryptoKey, wrapAlgorithm: CipherParams): Promise<ArrayBuffer>;
  unwrapKey(
    format: KeyFormat,
    wrappedKey: BufferSource,
    unwrappingKey: CryptoKey,
    unwrapAlgorithm: CipherParams,
    unwrappedKeyAlgorithm: ImportParams,
    extractable: boolean,
    usages: Iterable<KeyUsage>,
  ): Promise<CryptoKey>;
}
declare class Crypto {
  private constructor();
  readonly subtle: SubtleCrypto;
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
}
declare const crypto: Crypto;

// --------------------------------------------------------------------------------------------------------------- Buffer

type BufferEncoding =
  | "ascii" | "base64" | "base64url" | "binary" | "hex" | "latin1" | "ucs-2" | "ucs2" | "utf-16le" | "utf-8" | "utf16le" | "utf8";

/** Node's Buffer: a `Uint8Array` that knows encodings. */
declare class Buffer extends Uint8Array<ArrayBuffer> {
  /** @deprecated Use `Buffer.from`. */
  constructor(text: string, encoding?: BufferEncoding);
  /** @deprecated Use `Buffer.from`. */
  constructor(buffer: ArrayBuffer, byteOffset?: number, length?: number);
  /** @deprecated Use `Buffer.from` or `Buffer.alloc`. */
  constructor(bytesOrSize: ArrayLike<number> | number);
  static readonly poolSize: number;
  static from(text: string, encoding?: BufferEncoding): Buffer;
  static from(buffer: ArrayBuffer, byteOffset?: number, length?: number): Buffer;
  static from(bytes: ArrayLike<number> | Iterable<number> | { type: "Buffer"; data: number[] }): Buffer;
  static from(text: { valueOf(): string } | { [Symbol.toPrimitive](hint: "string"): string }, encoding?: BufferEncoding): Buffer;
  static of(...bytes: number[]): Buffer;
  static alloc(size: number, fill?: string | number | Uint8Array, encoding?: BufferEncoding): Buffer;
  static allocUnsafe(size: number): Buffer;
  static allocUnsafeSlow(size: number): Buffer;
  static concat(list: readonly Uint8Array[], totalLength?: number): Buffer;
  static byteLength(value: string | BufferSource, encoding?: BufferEncoding): number;
  static compare(left: Uint8Array, right: Uint8Array): -1 | 0 | 1;
  static isBuffer(value: unknown): value is Buffer;
  static isEncoding(encoding: string): encoding is BufferEncoding;
  readonly parent: ArrayBuffer;
  readonly offset: number;
  toString(encoding?: BufferEncoding, start?: number, end?: number): string;
  toJSON(): { type: "Buffer"; data: number[] };
  equals(other: Uint8Array): boolean;
  compare(target: Uint8Array, targetStart?: number, targetEnd?: number, sourceStart?: number, sourceEnd?: number): -1 | 0 | 1;
  copy(target: Uint8Array, targetStart?: number, sourceStart?: number, sourceEnd?: number): number;
  /** Shares memory with this buffer, as `subarray` does. */
  slice(start?: number, end?: number): Buffer;
  subarray(start?: number, end?: number): Buffer;
  write(text: string, encoding?: BufferEncoding): number;
  write(text: string, offset: number, encoding?: BufferEncoding): number;
  write(text: string, offset: number, length: number, encoding?: BufferEncoding): number;
  fill(value: string | number | Uint8Array, offset?: number, end?: number, encoding?: BufferEncoding): this;
  fill(value: string, encoding: BufferEncoding): this;
  indexOf(value: string | number | Uint8Array, byteOffset?: number, encoding?: BufferEncoding): number;
  indexOf(value: string, encoding: BufferEncoding): number;
  lastIndexOf(value: string | number | Uint8Array, byteOffset?: number, encoding?: BufferEncoding): number;
  lastIndexOf(value: string, encoding: BufferEncoding): number;
  includes(value: string | number | Uint8Array, byteOffset?: number, encoding?: BufferEncoding): boolean;
  includes(value: string, encoding: BufferEncoding): boolean;
  swap16(): this;
  swap32(): this;
  swap64(): this;
  readInt8(offset?: number): number;
  readInt16LE(offset?: number): number;
  readInt16BE(offset?: number): number;
  readInt32LE(offset?: number): number;
  readInt32BE(offset?: number): number;
  readBigInt64LE(offset?: number): bigint;
  readBigInt64BE(offset?: number): bigint;
  readIntLE(offset: number, byteLength: number): number;
  readIntBE(offset: number, byteLength: number): number;
  readFloatLE(offset?: number): number;
  readFloatBE(offset?: number): number;
  readDoubleLE(offset?: number): number;
  readDoubleBE(offset?: number): number;
  writeInt8(value: number, offset?: number): number;
  writeInt16LE(value: number, offset?: number): number;
  writeInt16BE(value: number, offset?: number): number;
  writeInt32LE(value: number, offset?: number): number;
  writeInt32BE(value: number, offset?: number): number;
  writeBigInt64LE(value: bigint, offset?: number): number;
  writeBigInt64BE(value: bigint, offset?: number): number;
  writeIntLE(value: number, offset: number, byteLength: number): number;
  writeIntBE(value: number, offset: number, byteLength: number): number;
  writeFloatLE(value: number, offset?: number): number;
  writeFloatBE(value: number, offset?: number): number;
  writeDoubleLE(value: number, offset?: number): number;
  writeDoubleBE(value: number, offset?: number): number;
  readUInt8(offset?: number): number;
  readUint8(offset?: number): number;
  readUInt16LE(offset?: number): number;
  readUint16LE(offset?: number): number;
  readUInt16BE(offset?: number): number;
  readUint16BE(offset?: number): number;
  readUInt32LE(offset?: number): number;
  readUint32LE(offset?: number): number;
  readUInt32BE(offset?: number): number;
  readUint32BE(offset?: number): number;
  readBigUInt64LE(offset?: number): bigint;
  readBigUint64LE(offset?: number): bigint;
  readBigUInt64BE(offset?: number): bigint;
  readBigUint64BE(offset?: number): bigint;
  readUIntLE(offset: number, byteLength: number): number;
  readUintLE(offset: number, byteLength: number): number;
  readUIntBE(offset: number, byteLength: number): number;
  readUintBE(offset: number, byteLength: number): number;
  writeUInt8(value: number, offset?: number): number;
  writeUint8(value: number, offset?: number): number;
  writeUInt16LE(value: number, offset?: number): number;
  writeUint16LE(value: number, offset?: number): number;
  writeUInt16BE(value: number, offset?: number): number;
  writeUint16BE(value: number, offset?: number): number;
  writeUInt32LE(value: number, offset?: number): number;
  writeUint32LE(value: number, offset?: number): number;
  writeUInt32BE(value: number, offset?: number): number;
  writeUint32BE(value: number, offset?: number): number;
  writeBigUInt64LE(value: bigint, offset?: number): number;
  writeBigUint64LE(value: bigint, offset?: number): number;
  writeBigUInt64BE(value: bigint, offset?: number): number;
  writeBigUint64BE(value: bigint, offset?: number): number;
  writeUIntLE(value: number, offset: number, byteLength: number): number;
  writeUintLE(value: number, offset: number, byteLength: number): number;
  writeUIntBE(value: number, offset: number, byteLength: number): number;
  writeUintBE(value: number, offset: number, byteLength: number): number;
}
