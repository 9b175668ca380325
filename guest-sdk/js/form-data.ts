// In: form fields and files, or a body in one of the two form encodings. Out: the other.
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import { Blob, File, bytesOf, isBlob } from "./blob.ts";
import { printAs } from "./inspect.ts";
import { iterable, need, usv } from "./webidl.ts";

type Entry = string | File;
type Pair = [name: string, value: Entry];

let listOf: (form: FormData) => Pair[];

export interface FormData extends Iterable<Pair> {
  entries(): IterableIterator<Pair>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<Entry>;
  forEach(callback: (value: Entry, name: string, parent: FormData) => void, self?: unknown): void;
}

export class FormData {
  #list: Pair[] = [];

  static {
    listOf = (form) => form.#list;
  }

  constructor(form: undefined = undefined) {
    if (form !== undefined) throw new TypeError("FormData: there is no document here to take a form from.");
  }

  append(name: string, value: string | Blob, filename: string | undefined = undefined): void {
    need(arguments.length, 2, "FormData.append");
    this.#list.push(pairOf(name, value, filename, arguments.length));
  }

  delete(name: string): void {
    need(arguments.length, 1, "FormData.delete");
    const wanted = usv(name);
    this.#list = this.#list.filter(([known]) => known !== wanted);
  }

  get(name: string): Entry | null {
    need(arguments.length, 1, "FormData.get");
    const wanted = usv(name);
    return this.#list.find(([known]) => known === wanted)?.[1] ?? null;
  }

  getAll(name: string): Entry[] {
    need(arguments.length, 1, "FormData.getAll");
    const wanted = usv(name);
    return this.#list.filter(([known]) => known === wanted).map(([, value]) => value);
  }

  has(name: string): boolean {
    need(arguments.length, 1, "FormData.has");
    const wanted = usv(name);
    return this.#list.some(([known]) => known === wanted);
  }

  set(name: string, value: string | Blob, filename: string | undefined = undefined): void {
    need(arguments.length, 2, "FormData.set");
    const pair = pairOf(name, value, filename, arguments.length);
    const first = this.#list.findIndex(([known]) => known === pair[0]);
    if (first < 0) this.#list.push(pair);
    else this.#list = this.#list.map((known, at) => (at === first ? pair : known)).filter((known) => known === pair || known[0] !== pair[0]);
  }
}

/** A name for a file is given, however `undefined`, where there are three arguments. */
function pairOf(name: string, value: string | Blob, filename: string | undefined, given: number): Pair {
  if (!isBlob(value)) {
    if (given > 2) throw new TypeError("FormData: a file name is for a Blob, and the value is none.");
    return [usv(name), usv(value)];
  }
  const isFile = value instanceof File;
  if (isFile && filename === undefined) return [usv(name), value];
  const lastModified = isFile ? value.lastModified : undefined;
  return [usv(name), new File([value], filename === undefined ? "blob" : filename, { type: value.type, lastModified })];
}

iterable(FormData, (form, index) => listOf(form)[index]);
printAs(FormData, (form) => new Map(listOf(form)));

function escaped(text: string): string {
  return text.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
}

function withLineFeeds(text: string): string {
  return text.replace(/\r\n|\r|\n/g, "\r\n");
}

/** The form as multipart/form-data, and the content type that names its boundary. */
export function writeForm(form: FormData): [Uint8Array<ArrayBuffer>, string] {
  const random = native.utf8Encode("................");
  native.fillRandom(random);
  const boundary = `----mayfly${random.toHex()}`;
  const parts: (string | Blob)[] = [];
  for (const [name, value] of form) {
    const disposition = `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(withLineFeeds(name))}"`;
    if (typeof value === "string") {
      parts.push(`${disposition}\r\n\r\n${withLineFeeds(value)}\r\n`);
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
  for (;;) {
    if (at < 0) throw new TypeError("The multipart body does not have its boundary.");
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
  return text.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%22", '"');
}
