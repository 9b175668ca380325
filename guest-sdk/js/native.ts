// In: the object that the plugin leaves on the global for one moment (natives.rs). Out: the same, typed, and gone there.
// May touch: the global object, once, before any script exists.
// Security boundary: no. Scripts cannot reach the natives, and would gain no authority by them.

import type { NativeCrypto } from "./crypto-native.ts";

/** What is asked of the host by `emit`: some of the numbers of `EffectKind` in mayfly-abi. */
export const Effect = { Timer: 3, Cancel: 4, Log: 5, Read: 8, Write: 9 } as const;

/** `[path, what]`: the place in a value that JSON cannot carry. */
export type Refusal = [path: string, what: string];

/** href, origin, protocol, username, password, host, hostname, port, pathname, search, hash. */
export type UrlParts = string[];

/** protocol, username, password, hostname, port, pathname, search, hash, baseURL. */
export type PatternInit = (string | undefined)[];

export type PatternComponent = [pattern: string, regexp: string, groups: string[]];

export interface Native {
  /** Appends one effect frame; `meta` is JSON. */
  emit(kind: number, number: number, meta: string, body?: string | Uint8Array): void;
  /** The frame of a fetch. With `upload` there is no body: it comes in Write effects. */
  emitFetch(
    number: number,
    method: string,
    url: string,
    redirect: string,
    headers: [name: string, value: string][],
    upload: boolean,
    body?: string | Uint8Array,
  ): void;
  /** The head of the HTTP response, with its body, unless `stream` says that it comes in Write effects. */
  emitRespond(status: number, headers: [name: string, value: string][], stream: boolean, body?: string | Uint8Array): void;
  /**
   * The frame of a tool's call, or without a tool that of the run's result, with `value` as its JSON body; or the place
   * where it cannot be one.
   */
  emitJson(number: number, tool: string | undefined, value: unknown): Refusal | undefined;
  /** In lower case; `null` for what is no name. */
  headerName(text: string): string | null;
  /** Without white space around it; `null` for what is no value. */
  headerValue(text: string): string | null;
  /** Has `convert` judge every object that is not plain: see `serialize.ts`. Called once. */
  setConvert(convert: (value: object) => object | string | undefined): void;
  /** Ends the run with a thrown value. */
  fail(thrown: unknown): void;
  /** The turn's clocks, in milliseconds: since 1970, and since the run began. */
  now(): number;
  elapsed(): number;
  fillRandom(view: Uint8Array): void;
  /** The body of the effect being delivered; each can be taken once. */
  bodyJson(): unknown;
  bodyBytes(): Uint8Array<ArrayBuffer>;
  utf8Encode(text: string): Uint8Array<ArrayBuffer>;
  /** `null` when `fatal` and the bytes are not UTF-8. */
  utf8Decode(bytes: Uint8Array, fatal: boolean): string | null;
  /** How much of the text fitted, in UTF-16 units, and how many bytes that is. */
  utf8EncodeInto(text: string, into: Uint8Array): [read: number, written: number];
  /** The encoding's name in lower case; `null` for a label that names none. */
  encodingOf(label: string): string | null;
  /** `null` when `fatal` and the bytes are not of the encoding. Without `keepMark`, a byte order mark is left out. */
  decode(encoding: string, bytes: Uint8Array, fatal: boolean, keepMark: boolean): string | null;
  /** The same chunk by chunk. The decoder is of no use after the last one, or after `null`. */
  decoder(encoding: string, keepMark: boolean): object;
  decodeChunk(decoder: object, bytes: Uint8Array, fatal: boolean, last: boolean): string | null;
  /** What QuickJS knows the object to be, whatever its prototype says; `undefined` for what is no object. */
  brand(value: unknown): string | undefined;
  /** 0 pending, 1 fulfilled, 2 rejected; and the value or reason. */
  promiseState(promise: object): [state: number, result: unknown];
  /** What a proxy stands for; `null` where it was revoked. */
  proxyTarget(proxy: object): object | null;
  /**
   * What to use instead of something that is not there ("" where nothing is known): a `global`, a member of `process`, a
   * module that is `require`d. The last two are whole messages.
   */
  advice(kind: "global" | "process" | "require", name: string): string;
  urlParse(input: string): UrlParts | null;
  /** The whole URL as the standard writes it. */
  urlHref(input: string, base?: string): string | null;
  /** The same of one that is to be fetched; `false` where it has a user name or password. */
  urlToFetch(input: string): string | null | false;
  urlSet(href: string, part: string, value: string): UrlParts | null;
  /**
   * The eight components of a pattern, and whether a script's own regular expression is among them; a TypeError for what
   * is none. `input` is text or the eight components and the base URL, `matches` tries a regular expression on a text.
   */
  urlPattern(
    input: string | PatternInit,
    base: string | undefined,
    ignoreCase: boolean,
    matches: (pattern: string, flags: string, text: string) => boolean,
  ): [components: PatternComponent[], hasRegExpGroups: boolean];
  /** The eight components of a URL that is given by them; `null` for what is none. */
  urlPatternInput(input: PatternInit): string[] | null;
  /** Name, value, name, value, ... */
  formParse(text: string): string[];
  formSerialize(flat: string[]): string;
  /** A compression stream's number; `format` is one of the three of `compression.ts`. */
  zlibOpen(format: string, compress: boolean): number;
  /** What comes out of the bytes, with `end` all that was held back; a TypeError where they are damaged. */
  zlibPush(stream: number, bytes: Uint8Array, end: boolean): Uint8Array<ArrayBuffer>;
  zlibClose(stream: number): void;
  crypto: NativeCrypto;
}

const holder = globalThis as unknown as { __mayfly_natives?: Native };

export const native: Native = holder.__mayfly_natives as Native;

delete holder.__mayfly_natives;
