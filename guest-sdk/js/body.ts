// In: what scripts and the host give as bodies. Out: what Request and Response have in common: the body, read once.
// May touch: a body's rest in the host, through its HostStream.
// Security boundary: no.

import { native } from "./native.ts";
import type { Headers } from "./headers.ts";
import { URLSearchParams } from "./url.ts";
import { Blob, bytesOf } from "./blob.ts";
import { FormData, readForm, writeForm } from "./form-data.ts";
import { HostStream } from "./host-stream.ts";
import { ReadableStream, TransformStream, bytesOfChunk, isDisturbed, readAll, readStream, streamOf, twice, type ByteStream } from "./streams.ts";

export type BodyInit =
  | string | URLSearchParams | ArrayBuffer | ArrayBufferView | Blob | FormData | ReadableStream | null | undefined;
/** All of a body. */
export type Content = string | Uint8Array<ArrayBuffer>;
export type Source = Content | HostStream | ReadableStream;

/** What a body is made of, and the content type that it suggests. */
export function extract(init: BodyInit): [source: Source | null, type: string | undefined] {
  if (init === null || init === undefined) return [null, undefined];
  if (typeof init === "string") return [init, "text/plain;charset=UTF-8"];
  if (init instanceof URLSearchParams) return [init.toString(), "application/x-www-form-urlencoded;charset=UTF-8"];
  // Copied, as everything whose bytes the script may still see: a stream takes away the buffers that it is given.
  if (init instanceof Blob) return [bytesOf(init).slice(), init.type === "" ? undefined : init.type];
  if (init instanceof FormData) return writeForm(init);
  if (init instanceof ReadableStream) {
    if (init.locked || isDisturbed(init)) throw new TypeError("The stream is locked, or something was read from it already.");
    return [init, undefined];
  }
  if (init instanceof ArrayBuffer) return [new Uint8Array(init.slice(0)), undefined];
  if (ArrayBuffer.isView(init)) {
    return [new Uint8Array(init.buffer as ArrayBuffer, init.byteOffset, init.byteLength).slice(), undefined];
  }
  return [String(init), "text/plain;charset=UTF-8"];
}

const parse = JSON.parse;

function textOf(content: Content): string {
  if (typeof content === "string") return content.toWellFormed();
  const text = native.utf8Decode(content, false) as string;
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function isWhole(source: unknown): source is Content {
  return typeof source === "string" || source instanceof Uint8Array;
}

function toBytes(content: Content): Uint8Array<ArrayBuffer> {
  return typeof content === "string" ? native.utf8Encode(content) : content;
}

export abstract class Body {
  #source: Source | null;
  /** The body as a stream, once somebody asked for it. From then on it is the only way to the bytes. */
  #stream: ReadableStream | undefined;
  #used = false;
  abstract readonly headers: Headers;

  constructor(source: Source | null) {
    this.#source = source;
    if (source instanceof ReadableStream) this.#stream = source;
  }

  get bodyUsed(): boolean {
    return this.#used || (this.#stream !== undefined && isDisturbed(this.#stream));
  }

  get body(): ReadableStream | null {
    if (this.#source === null) return null;
    this.#stream ??= this.#used ? readStream() : this.#toStream(this.#source as Content | HostStream);
    return this.#stream;
  }

  async text(): Promise<string> {
    const content = this.#take();
    return textOf(isWhole(content) ? content : await content);
  }

  async json(): Promise<unknown> {
    const content = this.#take();
    return parse(textOf(isWhole(content) ? content : await content));
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const content = this.#take();
    return toBytes(isWhole(content) ? content : await content);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const content = this.#take();
    const bytes = toBytes(isWhole(content) ? content : await content);
    return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
  }

  async blob(): Promise<Blob> {
    const content = this.#take();
    return new Blob([isWhole(content) ? content : await content], { type: this.headers.get("content-type") ?? "" });
  }

  async formData(): Promise<FormData> {
    const content = this.#take();
    return readForm(toBytes(isWhole(content) ? content : await content), this.headers.get("content-type") ?? "");
  }

  /** Gives the body away to the one reader that it may have. */
  #take(): Content | Promise<Uint8Array<ArrayBuffer>> {
    const source = this.#claim();
    if (source === null) return "";
    if (isWhole(source)) return source;
    return source instanceof HostStream ? source.all() : readAll(source);
  }

  #claim(): Source | null {
    const source = this.#source;
    if (source === null) return null;
    if (this.bodyUsed) throw new TypeError("The body has already been read (use clone() to read it twice).");
    if (this.#stream?.locked) throw new TypeError("The body's stream is locked: something is reading it.");
    this.#used = true;
    if (this.#stream !== undefined) return this.#stream;
    this.#source = "";
    return source;
  }

  #toStream(source: Content | HostStream): ByteStream {
    return source instanceof HostStream ? source.stream() : streamOf(toBytes(source));
  }

  /** The body, for sending it; this object's is used up. */
  static claim(body: Body): Source | null {
    return body.#claim();
  }

  /** The body, for another object that stands in this one's place. */
  static move(body: Body): Source | null {
    const source = body.#claim();
    return source instanceof ReadableStream ? source.pipeThrough(new TransformStream()) : source;
  }

  /** The body a second time. */
  static copy(body: Body): Source | null {
    if (body.bodyUsed || body.#stream?.locked) throw new TypeError("The body has already been read, or is being read.");
    const source = body.#source;
    if (source === null || typeof source === "string") return source;
    if (body.#stream === undefined && source instanceof Uint8Array) return source.slice();
    const [mine, other] = twice(body.body as ReadableStream);
    body.#stream = body.#source = mine;
    return other;
  }

  /** Whether there is a body, used or not. */
  static has(body: Body): boolean {
    return body.#source !== null;
  }
}

/** For the prelude alone. */
export const { claim, move, copy, has } = Body;
for (const name of ["claim", "move", "copy", "has"]) Reflect.deleteProperty(Body, name);

/** The parts of a body that has to be sent one by one; a TypeError for a chunk that is no bytes. */
export async function* partsOf(source: HostStream | ReadableStream): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (source instanceof HostStream) {
    for (let part = await source.read(); part !== undefined; part = await source.read()) yield part;
    return;
  }
  for await (const chunk of source) yield bytesOfChunk(chunk);
}
