// In: QuickJS's own DOMException. Out: the same, as Web IDL wants it.
// May touch: the class and `Error.isError`, before any script exists.
// Security boundary: no.

import { native } from "./native.ts";

for (const key of ["name", "message", "code"]) Object.defineProperty(DOMException.prototype, key, { enumerable: true });
Object.defineProperty(DOMException, "length", { value: 0 });

type Test = (value: unknown) => boolean;

/** The class stands beside `Error` in QuickJS, not upon it. */
export function isErrorOrDOMException(plain: Test): Test {
  return { isError: (value: unknown): boolean => plain(value) || native.brand(value) === "DOMException" }.isError;
}

const { isError } = Error as unknown as { isError: Test };
Object.defineProperty(Error, "isError", { value: isErrorOrDOMException(isError) });
