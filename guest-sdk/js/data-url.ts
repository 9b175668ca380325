// In: a `data:` URL. Out: the reply that it is itself (Fetch standard, data: URL processor).
// May touch: nothing outside.
// Security boundary: no.

import { native } from "./native.ts";
import type { Request } from "./request.ts";
import type { Reply } from "./response.ts";

export function isDataUrl(url: string): boolean {
  return url.startsWith("data:");
}

export function readDataUrl(request: Request): Reply {
  const url = request.url.split("#", 1)[0] as string;
  const comma = url.indexOf(",");
  if (comma < 0) throw new TypeError("The data: URL has no comma.");
  if (request.method !== "GET" && request.method !== "HEAD") throw new TypeError("A data: URL can only be read with GET.");
  let type = url.slice(5, comma).replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, "");
  let bytes = unescaped(url.slice(comma + 1));
  if (/; *base64$/i.test(type)) {
    type = type.replace(/; *base64$/i, "");
    bytes = fromBase64(bytes);
  }
  if (type.startsWith(";")) type = `text/plain${type}`;
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+/.test(type)) type = "text/plain;charset=US-ASCII";
  const body = request.method === "HEAD" ? new Uint8Array(0) : bytes;
  return { status: 200, statusText: "OK", headers: [["content-type", type]], url: request.url, redirected: false, body };
}

/** Percent-encoded bytes as they are. */
function unescaped(text: string): Uint8Array<ArrayBuffer> {
  const bytes = native.utf8Encode(text);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const code = bytes[at] === 0x25 ? Number.parseInt(hex(bytes, at + 1), 16) : Number.NaN;
    bytes[length++] = Number.isNaN(code) ? (bytes[at] as number) : code;
    if (!Number.isNaN(code)) at += 2;
  }
  return bytes.slice(0, length);
}

/** Two hexadecimal digits, or nothing. */
function hex(bytes: Uint8Array, at: number): string {
  const text = String.fromCharCode(bytes[at] ?? 0, bytes[at + 1] ?? 0);
  return /^[0-9a-f]{2}$/i.test(text) ? text : "";
}

function fromBase64(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = (native.utf8Decode(bytes, false) as string).replace(/[\t\n\f\r ]/g, "");
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    throw new TypeError("The data: URL is not valid base64.");
  }
}
