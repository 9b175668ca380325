// In: what console.table is given. Out: a table drawn in text, or nothing where it is no table.
// May touch: the value's own properties, getters included.
// Security boundary: no.

import { native } from "./native.ts";
import { inspect } from "./inspect.ts";

const ROWS_MAX = 200;
const COLUMNS_MAX = 50;
const CELL_MAX = 60;

interface Row {
  index: string;
  cells: Map<string, string>;
  /** Of a row that is no object. */
  value: string;
}

/** The table's text; `undefined` for values that have no rows. */
export function table(value: unknown, only?: string[]): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    return draw(value, Array.isArray(only) ? only.map(String) : undefined);
  } catch {
    return undefined;
  }
}

function draw(value: object, only: string[] | undefined): string {
  const brand = native.brand(value);
  const names = new Set<string>(only ?? (brand === "Map" ? ["Key", "Values"] : []));
  const all = entries(value, brand);
  const rows = all.slice(0, ROWS_MAX).map(([index, row]) => rowOf(index, row, names, only !== undefined || brand === "Map"));
  const columns = [...names].slice(0, COLUMNS_MAX);
  const plain = rows.some((row) => row.value !== "");
  const header = [brand === "Map" || brand === "Set" ? "(iteration index)" : "(index)", ...columns, ...(plain ? ["Values"] : [])];
  const lines = rows.map(({ index, cells, value: own }) => {
    return [index, ...columns.map((name) => cells.get(name) ?? ""), ...(plain ? [own] : [])];
  });
  const more = all.length - ROWS_MAX;
  return box(header, lines) + (more > 0 ? `\n... ${more} more row${more === 1 ? "" : "s"}` : "");
}

function rowOf(index: string, row: unknown, names: Set<string>, fixed: boolean): Row {
  const cells = new Map<string, string>();
  if (typeof row !== "object" || row === null) return { index, cells, value: cell(row) };
  for (const [name, held] of Object.entries(row)) {
    if (!fixed) names.add(name);
    if (names.has(name)) cells.set(name, cell(held));
  }
  return { index, cells, value: "" };
}

function entries(value: object, brand: string | undefined): [string, unknown][] {
  if (brand === "Map") return Array.from(value as Map<unknown, unknown>, ([Key, Values], at) => [String(at), { Key, Values }]);
  if (brand === "Set") return Array.from(value as Set<unknown>, (row, at) => [String(at), row]);
  return Object.entries(value);
}

function cell(value: unknown): string {
  const line = inspect(value, 0).replaceAll(/\s*\n\s*/g, " ");
  return line.length <= CELL_MAX ? line : `${line.slice(0, CELL_MAX - 1)}…`;
}

function box(header: string[], lines: string[][]): string {
  const widths = header.map((name, at) => lines.reduce((most, line) => Math.max(most, width(line[at] ?? "")), width(name)));
  const rule = (left: string, middle: string, right: string): string =>
    `${left}${widths.map((wide) => "─".repeat(wide + 2)).join(middle)}${right}`;
  const row = (cells: string[]): string =>
    `│${widths.map((wide, at) => ` ${cells[at] ?? ""}${" ".repeat(wide - width(cells[at] ?? ""))} `).join("│")}│`;
  return [rule("┌", "┬", "┐"), row(header), rule("├", "┼", "┤"), ...lines.map(row), rule("└", "┴", "┘")].join("\n");
}

/** Columns on a terminal: two for the characters of East Asia and most pictures, none for marks on others. */
function width(text: string): number {
  if (!/[^\x20-\x7e…]/.test(text)) return text.length;
  let columns = 0;
  for (const character of text) {
    if (/\p{M}|\u200d/u.test(character)) continue;
    columns += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u.test(character) ? 2 : 1;
  }
  return columns;
}
