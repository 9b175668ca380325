// In: a value of any size. Out: one of the same shape whose JSON fits, with marks where something was cut.
// May touch: nothing.
// Security boundary: no.

/**
 * The largest cut of `value` whose JSON has at most `chars_max` characters. It is always whole JSON: a long string ends in
 * a mark, a long array has one as its last item, an object as an entry by the name `…`. Values that JSON cannot carry become
 * what it makes of them.
 */
export function truncate(value: unknown, chars_max: number): unknown {
  const text = JSON.stringify(value);
  if (text === undefined) return null;
  if (text.length <= chars_max) return value;
  const plain: unknown = JSON.parse(text);
  // How much is kept grows with the level, so the best one is found by halves.
  let [low, high] = [0, chars_max];
  while (low < high) {
    const level = Math.ceil((low + high) / 2);
    if (fits(clip(plain, level), chars_max)) low = level;
    else high = level - 1;
  }
  const clipped = clip(plain, low);
  return fits(clipped, chars_max) ? clipped : mark(text.length, "characters");
}

/** Characters of a string for each item of a list: text is worth less than entries. */
const STRING_SHARE = 16;

function clip(value: unknown, level: number): unknown {
  if (typeof value === "string") return clipString(value, level * STRING_SHARE);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.slice(0, level).map((item) => clip(item, level));
    return value.length <= level ? items : [...items, mark(value.length - level, "items")];
  }
  const entries = Object.entries(value).filter(([name]) => name.length <= level * STRING_SHARE);
  const kept = entries.slice(0, level).map(([name, item]): [string, unknown] => [name, clip(item, level)]);
  const lost = Object.keys(value).length - kept.length;
  return Object.fromEntries(lost === 0 ? kept : [...kept, ["…", mark(lost, "entries")]]);
}

export function clipString(text: string, chars: number): string {
  if (text.length <= chars) return text;
  // Not through the middle of a pair: half a character is no text.
  const end = /[\ud800-\udbff]/.test(text.charAt(chars - 1)) ? chars - 1 : chars;
  return `${text.slice(0, Math.max(0, end))}${mark(text.length - end, "characters")}`;
}

function mark(count: number, what: string): string {
  return `…[${count} more ${what}]`;
}

function fits(value: unknown, chars_max: number): boolean {
  return JSON.stringify(value).length <= chars_max;
}
