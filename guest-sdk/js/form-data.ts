// In: form fields and files, or a body in one of the two form encodings. Out: the other.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { Blob, File, bytesOf } from "./blob.ts";

type Entry = string | File;

export class FormData {
  #list: [name: string, value: Entry][] = [];

  append(name: string, value: string | Blob, filename?: string): void {
    this.#list.push([String(name), entry(value, filename)]);
  }

  set(name: string, value: string | Blob, filename?: string): void {
    const at = this.#list.findIndex(([known]) => known === String(name));
    if (at < 0) return this.append(name, value, filename);
    this.#list[at] = [String(name), entry(value, filename)];
    this.#list = this.#list.filter(([known], index) => known !== String(name) || index === at);
  }

  delete(name: string): void {
    this.#list = this.#list.filter(([known]) => known !== String(name));
  }

  get(name: string): Entry | null {
    return this.#list.find(([known]) => known === String(name))?.[1] ?? null;
  }

  getAll(name: string): Entry[] {
    return this.#list.filter(([known]) => known === String(name)).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.#list.some(([known]) => known === String(name));
  }

  forEach(callback: (value: Entry, name: string, parent: FormData) => void, self?: unknown): void {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries(): Generator<[string, Entry]> {
    yield* this.#list;
  }

  *keys(): Generator<string> {
    for (const [name] of this.#list) yield name;
  }

  *values(): Generator<Entry> {
    for (const [, value] of this.#list) yield value;
  }

  [Symbol.iterator](): Generator<[string, Entry]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "FormData";
  }
}

function entry(value: string | Blob, filename?: string): Entry {
  if (!(value instanceof Blob)) return String(value);
  if (value instanceof File && filename === undefined) return value;
  return new File([value], filename ?? "blob", { type: value.type });
}

function escaped(text: string): string {
  return text.replace(/\r\n|\r|\n/g, "%0D%0A").replaceAll('"', "%22");
}

/** The form as multipart/form-data, and the content type that names its boundary. */
export function writeForm(form: FormData): [Uint8Array<ArrayBuffer>, string] {
  const random = native.utf8Encode("................");
  native.fillRandom(random);
  const boundary = `----mayfly${random.toHex()}`;
  const parts: (string | Blob)[] = [];
  for (const [name, value] of form) {
    const disposition = `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(name)}"`;
    if (typeof value === "string") {
      parts.push(`${disposition}\r\n\r\n${value.replace(/\r\n|\r|\n/g, "\r\n")}\r\n`);
    } else {
      const type = value.type === "" ? "application/octet-stream" : value.type;
      parts.push(`${disposition}; filename="${escaped(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`, value, "\r\n");
    }
  }
  parts.push(`--${boundary}--\r\n`);
  return [bytesOf(new Blob(parts)), `multipart/form-data; boundary=${boundary}`];
}

/** A form from a body; a TypeError where the body is none. */
export function readForm(bytes: Uint8Array<ArrayBuffer>, type: string): FormData {
  const form = new FormData();
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) {
    const flat = native.formParse(native.utf8Decode(bytes, false) as string);
    for (let at = 0; at < flat.length; at += 2) form.append(flat[at] as string, flat[at + 1] as string);
    return form;
  }
  const boundary = /^multipart\/form-data\b.*;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type);
  if (boundary === null) throw new TypeError("The body is not a form.");
  readMultipart(form, bytes, `--${boundary[1] ?? boundary[2]}`);
  return form;
}

/** Latin-1 text has one character per byte, so that positions in it are positions in the bytes. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

function readMultipart(form: FormData, bytes: Uint8Array<ArrayBuffer>, delimiter: string): void {
  const text = latin1(bytes);
  let at = text.indexOf(delimiter);
  while (at >= 0) {
    const begin = at + delimiter.length;
    if (text.startsWith("--", begin)) return;
    const next = text.indexOf(`\r\n${delimiter}`, begin);
    const head = text.indexOf("\r\n\r\n", begin);
    if (next < 0 || head < 0 || head > next) throw new TypeError("The multipart body is damaged.");
    readPart(form, native.utf8Decode(bytes.subarray(begin, head), false) as string, bytes.slice(head + 4, next));
    at = next + 2;
  }
}

function readPart(form: FormData, head: string, body: Uint8Array<ArrayBuffer>): void {
  const name = /;\s*name="([^"]*)"/i.exec(head)?.[1];
  if (name === undefined) throw new TypeError("A part of the multipart body has no name.");
  const filename = /;\s*filename="([^"]*)"/i.exec(head)?.[1];
  if (filename === undefined) return form.append(unescaped(name), native.utf8Decode(body, false) as string);
  const type = /^content-type:\s*(.+)$/im.exec(head)?.[1]?.trim() ?? "";
  form.append(unescaped(name), new File([body], unescaped(filename), { type }));
}

function unescaped(text: string): string {
  return text.replaceAll("%0D%0A", "\r\n").replaceAll("%22", '"');
}
