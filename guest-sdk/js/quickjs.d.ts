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
  toBase64(options?: Base64Options): string;
}

interface Uint8ArrayConstructor {
  fromHex(text: string): Uint8Array<ArrayBuffer>;
  fromBase64(text: string, options?: Base64Options): Uint8Array<ArrayBuffer>;
}

interface ErrorConstructor {
  prepareStackTrace: unknown;
}

interface Base64Options {
  alphabet?: "base64" | "base64url";
  omitPadding?: boolean;
}
