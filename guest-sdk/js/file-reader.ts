// In: a Blob. Out: its content by events, as scripts from before promises read it. New ones call `blob.text()`.
// May touch: timers, which are what tasks are made of here.
// Security boundary: no.

import { native } from "./native.ts";
import { bytesOf, isBlob, type Blob } from "./blob.ts";
import { Event, EventTarget, fire, type EventInit } from "./events.ts";
import { handlers } from "./handlers.ts";
import { setTimeout } from "./timers.ts";
import { constants, dictionary, need } from "./webidl.ts";

export interface ProgressEventInit extends EventInit {
  lengthComputable?: boolean;
  loaded?: number;
  total?: number;
}

export class ProgressEvent extends Event {
  #lengthComputable: boolean;
  #loaded: number;
  #total: number;

  constructor(type: string, init: ProgressEventInit = {}) {
    need(arguments.length, 1, "ProgressEvent");
    super(type, init);
    const { lengthComputable = false, loaded = 0, total = 0 } = dictionary(init, "ProgressEvent");
    this.#lengthComputable = Boolean(lengthComputable);
    this.#loaded = Number(loaded);
    this.#total = Number(total);
  }

  get lengthComputable(): boolean { return this.#lengthComputable; }
  get loaded(): number { return this.#loaded; }
  get total(): number { return this.#total; }
}

const STATES = { EMPTY: 0, LOADING: 1, DONE: 2 };

type Content = string | ArrayBuffer;

let reads = 0;

export class FileReader extends EventTarget {
  #state = STATES.EMPTY;
  #result: Content | null = null;
  /** Number of the read under way; 0 is none. */
  #read = 0;

  get readyState(): number { return this.#state; }
  get result(): Content | null { return this.#result; }
  get error(): null { void this.#read; return null; }

  readAsArrayBuffer(blob: Blob): void {
    need(arguments.length, 1, "FileReader.readAsArrayBuffer");
    this.#begin(blob, (bytes) => bytes.slice().buffer);
  }

  readAsBinaryString(blob: Blob): void {
    need(arguments.length, 1, "FileReader.readAsBinaryString");
    this.#begin(blob, (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  }

  readAsText(blob: Blob, encoding: string | undefined = undefined): void {
    need(arguments.length, 1, "FileReader.readAsText");
    const label = encoding === undefined ? undefined : `${encoding}`;
    this.#begin(blob, (bytes, type) => decoded(bytes, label, type));
  }

  readAsDataURL(blob: Blob): void {
    need(arguments.length, 1, "FileReader.readAsDataURL");
    this.#begin(blob, (bytes, type) => `data:${type === "" ? "application/octet-stream" : type};base64,${bytes.toBase64()}`);
  }

  abort(): void {
    const loading = this.#state === STATES.LOADING;
    this.#result = null;
    if (!loading) return;
    this.#state = STATES.DONE;
    this.#read = 0;
    this.#tell("abort", 0, 0);
    if (this.readyState !== STATES.LOADING) this.#tell("loadend", 0, 0);
  }

  #begin(blob: Blob, convert: (bytes: Uint8Array<ArrayBuffer>, type: string) => Content): void {
    if (!isBlob(blob)) throw new TypeError("FileReader: the argument is not a Blob.");
    if (this.#state === STATES.LOADING) throw new DOMException("The reader is reading already.", "InvalidStateError");
    this.#state = STATES.LOADING;
    this.#result = null;
    const { type } = blob;
    const bytes = bytesOf(blob);
    const length = bytes.length;
    reads += 1;
    const read = (this.#read = reads);
    const tell = (event: string) => (): void => this.#tell(event, event === "loadstart" ? 0 : length, length);
    const load = (): void => {
      this.#result = convert(bytes, type);
      this.#state = STATES.DONE;
      tell("load")();
    };
    this.#steps(read, [tell("loadstart"), ...(length > 0 ? [tell("progress")] : []), load, tell("loadend")]);
  }

  /** Each in a task of its own, until the reader is set to something else. */
  #steps(read: number, [step, ...rest]: (() => void)[]): void {
    if (step === undefined) return;
    setTimeout(() => {
      if (this.#read !== read) return;
      step();
      this.#steps(read, rest);
    });
  }

  #tell(type: string, loaded: number, total: number): void {
    fire(this, new ProgressEvent(type, { lengthComputable: total > 0, loaded, total }));
  }
}

/** The encoding is what a byte order mark says, or the label, or the type's charset, or UTF-8. */
function decoded(bytes: Uint8Array, label: string | undefined, type: string): string {
  const charset = /;\s*charset="?([^\s";]+)/i.exec(type)?.[1];
  const named = native.encodingOf(label ?? "") ?? native.encodingOf(charset ?? "") ?? "utf-8";
  const marked = bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : undefined;
  const utf8 = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? "utf-8" : undefined;
  return native.decode(marked ?? utf8 ?? named, bytes, false, false) as string;
}

handlers(FileReader.prototype, ["loadstart", "progress", "load", "abort", "error", "loadend"]);
constants(FileReader, STATES);
