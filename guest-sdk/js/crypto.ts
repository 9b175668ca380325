// In: nothing but the turn's seed (natives.rs). Out: random bytes and identifiers; the way to `crypto.subtle`.
// May touch: the random stream of the turn.
// Security boundary: no.

import { native } from "./native.ts";
import { subtle, type SubtleCrypto } from "./subtle.ts";

/** As the standard has it. */
const BYTES_MAX = 65_536;

const INTEGER_ARRAYS = new Set([
  "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "BigInt64Array",
  "BigUint64Array",
]);

export class Crypto {
  get subtle(): SubtleCrypto {
    return subtle;
  }

  getRandomValues<T extends ArrayBufferView>(view: T): T {
    if (!INTEGER_ARRAYS.has(native.brand(view) ?? "")) {
      throw new DOMException("getRandomValues: the argument must be an integer typed array.", "TypeMismatchError");
    }
    if (view.byteLength > BYTES_MAX) {
      throw new DOMException(`getRandomValues: ${view.byteLength} bytes are more than ${BYTES_MAX}.`, "QuotaExceededError");
    }
    native.fillRandom(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    return view;
  }

  /** Version 4: 122 random bits. */
  randomUUID(): string {
    const bytes = new Uint8Array(16);
    native.fillRandom(bytes);
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    const hex = bytes.toHex();
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  get [Symbol.toStringTag](): string {
    return "Crypto";
  }
}

export const crypto = new Crypto();
