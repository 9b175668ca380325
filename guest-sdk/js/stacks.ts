// In: stacks of errors, as text. Out: their frames, without the line or lines above that repeat the error.
// May touch: nothing.
// Security boundary: no. A script can write any text into a stack.

/** Where the frames begin; none: -1. */
function begin(stack: string): number {
  if (stack.startsWith("    at ")) return 0;
  const at = stack.indexOf("\n    at ");
  return at < 0 ? -1 : at + 1;
}

/** The lines `    at ...`, and whatever a script wrote below them, without a line feed at the end. */
export function framesOf(stack: string): string {
  const at = begin(stack);
  return at < 0 ? "" : stack.slice(at).trimEnd();
}
