// In: text and bytes. Out: bytes and text, in all encodings of the Encoding standard; the work is native (encodings.rs).
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { dictionary, need } from "./webidl.ts";

/** Throws for what is no encoder. */
let brandOf: (encoder: TextEncoder) => undefined;

export class TextEncoder {
  #brand = undefined;

  static {
    brandOf = (encoder) => encoder.#brand;
  }

  get encoding(): string {
    brandOf(this);
    return "utf-8";
  }

  encode(input: string = ""): Uint8Array<ArrayBuffer> {
    brandOf(this);
    return native.utf8Encode(input);
  }

  encodeInto(source: string, destination: Uint8Array): { read: number; written: number } {
    need(arguments.length, 2, "TextEncoder.encodeInto");
    brandOf(this);
    const text = `${source}`;
    if (native.brand(destination) !== "Uint8Array") throw new TypeError("TextEncoder.encodeInto: the destination is not a Uint8Array.");
    const [read, written] = native.utf8EncodeInto(text, destination);
    return { read, written };
  }
}

interface DecoderOptions {
  fatal?: boolean;
  ignoreBOM?: boolean;
}

export class TextDecoder {
  readonly #encoding: string;
  readonly #fatal: boolean;
  readonly #ignoreBOM: boolean;
  /** Exists from a chunk that is not the last one until that comes. */
  #decoder: object | undefined;

  constructor(label: string = "utf-8", options: DecoderOptions = {}) {
    const encoding = native.encodingOf(label);
    if (encoding === null) throw new RangeError(`The encoding '${label}' is not known.`);
    const { fatal, ignoreBOM } = dictionary(options, "TextDecoder");
    this.#encoding = encoding;
    this.#fatal = Boolean(fatal);
    this.#ignoreBOM = Boolean(ignoreBOM);
  }

  get encoding(): string { return this.#encoding; }
  get fatal(): boolean { return this.#fatal; }
  get ignoreBOM(): boolean { return this.#ignoreBOM; }

  decode(input: ArrayBuffer | ArrayBufferView | undefined = undefined, options: { stream?: boolean } = {}): string {
    const encoding = this.#encoding;
    const bytes = view(input);
    const { stream } = dictionary(options, "TextDecoder.decode");
    if (!stream && this.#decoder === undefined) {
      return this.#checked(native.decode(encoding, bytes, this.#fatal, this.#ignoreBOM));
    }
    const decoder = (this.#decoder ??= native.decoder(encoding, this.#ignoreBOM));
    const text = native.decodeChunk(decoder, bytes, this.#fatal, !stream);
    if (!stream || text === null) this.#decoder = undefined;
    return this.#checked(text);
  }

  #checked(text: string | null): string {
    if (text === null) throw new TypeError(`The encoded data was not valid for encoding ${this.#encoding}`);
    return text;
  }
}

const NOTHING = new Uint8Array(0);

function view(input: ArrayBuffer | ArrayBufferView | undefined): Uint8Array {
  if (input === undefined) return NOTHING;
  if (native.brand(input) === "ArrayBuffer") return new Uint8Array(input as ArrayBuffer);
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  throw new TypeError("TextDecoder.decode: the argument must be an ArrayBuffer or a view on one.");
}

