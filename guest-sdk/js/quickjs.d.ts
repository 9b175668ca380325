// In: nothing. Out: types of what QuickJS-ng has beyond TypeScript's `esnext` library; for the type checker alone.
// May touch: nothing.
// Security boundary: no.

/** QuickJS-ng brings the web's exception along. */
declare class DOMException extends Error {
  constructor(message?: string, name?: string);
  readonly code: number;
}

interface Uint8Array<TArrayBuffer extends ArrayBufferLike> {
  toHex(): string;
  toBase64(): string;
}
