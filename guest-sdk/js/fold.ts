// In: the printed parts of one value. Out: its text, on one line where it fits, in columns or one part to a line where not.
// May touch: nothing.
// Security boundary: no.
//
// Widths and their arithmetic are those of Node's util.inspect (MIT licence), so that logs look as people know them.

/** A line is not longer than this where that can be helped. */
const LINE_WIDTH = 80;
/** Objects with at most so many levels inside of them may stand on one line. */
const LEVELS_ON_A_LINE = 3;
const COLUMNS_MAX = 15;
/** Lists up to here are not put in columns. */
const ROW_ENTRIES_MAX = 6;
/** Text up to here is never broken at its line feeds. */
const UNBROKEN_MAX = 16;
/** Longer text is cut, and says by how much. */
const STRING_MAX = 10_000;

export interface Parts {
  /** What stands before the bracket, like the text of an error. */
  base: string;
  open: string;
  close: string;
  entries: string[];
  /** For an array: itself, or what has its numbers. Numbers in columns are aligned to the right. */
  list: ArrayLike<unknown> | undefined;
  /** The last entry says how many more there are. */
  more: boolean;
}

/** `indent` is the column where the value stands, `levels` how many levels of objects are inside of it. */
export function fold(parts: Parts, indent: number, levels: number): string {
  const { base, open, close, list } = parts;
  let { entries } = parts;
  const lead = base === "" ? open : `${base} ${open}`;
  const grouped = list !== undefined && entries.length > ROW_ENTRIES_MAX ? columns(parts, list, indent) : entries;
  if (levels < LEVELS_ON_A_LINE && grouped === entries && fits(parts, indent)) {
    const line = entries.join(", ");
    if (!line.includes("\n")) return `${lead} ${line} ${close}`;
  }
  entries = grouped;
  const margin = `\n${" ".repeat(indent)}`;
  return `${lead}${margin}  ${entries.join(`,${margin}  `)}${margin}${close}`;
}

function fits({ base, open, entries }: Parts, indent: number): boolean {
  if (base.includes("\n")) return false;
  const start = entries.length + indent + open.length + base.length + 10;
  let total = entries.length + start;
  if (total + entries.length > LINE_WIDTH) return false;
  for (const entry of entries) {
    total += entry.length;
    if (total > LINE_WIDTH) return false;
  }
  return true;
}

/** Many short entries, several to a line and below each other; the same array where that makes nothing shorter. */
function columns({ entries, more }: Parts, list: ArrayLike<unknown>, indent: number): string[] {
  const count = more ? entries.length - 1 : entries.length;
  const widths = entries.slice(0, count).map((entry) => entry.length);
  const total = widths.reduce((sum, width) => sum + width + 2, 0);
  const widest = widths.reduce((most, width) => Math.max(most, width), 0) + 2;
  if (widest * 3 + indent >= LINE_WIDTH || (total / widest <= 5 && widest > 8)) return entries;
  const usual = Math.max(widest - 3 - Math.sqrt(widest - total / entries.length), 1);
  const across = Math.min(
    Math.round(Math.sqrt(2.5 * usual * count) / usual),
    Math.floor((LINE_WIDTH - indent) / widest),
    LEVELS_ON_A_LINE * 4,
    COLUMNS_MAX,
  );
  if (across <= 1) return entries;
  const wide = Array.from({ length: across }, (_, column) => {
    let most = 0;
    for (let at = column; at < count; at += across) most = Math.max(most, widths[at] as number);
    return most + 2;
  });
  const right = entries.every((_, at) => isNumeric(list[at]));
  const rows: string[] = [];
  for (let at = 0; at < count; at += across) {
    const row = entries.slice(at, Math.min(at + across, count));
    const last = row.length - 1;
    rows.push(row.map((entry, column) => {
      const width = wide[column] as number;
      if (column === last) return right ? entry.padStart(width - 2) : entry;
      return right ? `${entry}, `.padStart(width) : `${entry}, `.padEnd(width);
    }).join(""));
  }
  if (more) rows.push(entries[count] as string);
  return rows;
}

function isNumeric(value: unknown): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

/** Text in quotes, broken behind its line feeds where it is long. */
export function quoted(text: string, indent: number): string {
  const more = text.length - STRING_MAX;
  const shown = more > 0 ? text.slice(0, STRING_MAX) : text;
  const trailer = more > 0 ? `... ${more} more character${more === 1 ? "" : "s"}` : "";
  const long = shown.length > UNBROKEN_MAX && shown.length > LINE_WIDTH - indent - 4;
  if (!long || !shown.includes("\n")) return quote(shown) + trailer;
  return shown.split(/(?<=\n)/).map(quote).join(` +\n${" ".repeat(indent + 2)}`) + trailer;
}

const NAMED: Record<string, string> = { "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\", "'": "\\'" };

/** Text in the quotes that it does not contain itself, where there are such. */
export function quote(text: string): string {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes("`") && !text.includes("${") ? "`" : "'";
  return `${mark}${escaped(text, mark === "'")}${mark}`;
}

/** Text without control characters and lone surrogates. */
export function escaped(text: string, apostrophes: boolean): string {
  if (!/[\x00-\x1f'\\\x7f-\x9f\ud800-\udfff]/.test(text)) return text;
  return text.replace(/[\x00-\x1f'\\\x7f-\x9f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, (c) => {
    if (c === "'" && !apostrophes) return c;
    const code = c.charCodeAt(0);
    return NAMED[c] ?? (code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).toUpperCase().padStart(2, "0")}`);
  });
}
