// In: what console.table is given. Out: a table drawn in text, or nothing where it is no table.
// May touch: the value's own properties.
// Security boundary: no.

import { inspect } from "./inspect.ts";

const ROWS_MAX = 200;
const CELL_MAX = 60;

/** The table's text; `undefined` for values that have no rows. */
export function table(value: unknown, only?: string[]): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    return draw(value, only);
  } catch {
    return undefined;
  }
}

function draw(value: object, only?: string[]): string {
  const columns = new Set<string>(only ?? []);
  let plain = false;
  const rows: [index: string, cells: Map<string, string>, value: string][] = [];
  const all = entries(value);
  for (const [index, row] of all.slice(0, ROWS_MAX)) {
    const cells = new Map<string, string>();
    let own = "";
    if (typeof row === "object" && row !== null) {
      for (const [name, cell] of entries(row)) {
        if (only === undefined) columns.add(name);
        if (columns.has(name)) cells.set(name, cut(inspect(cell, 0)));
      }
    } else {
      plain = true;
      own = cut(inspect(row, 0));
    }
    rows.push([index, cells, own]);
  }
  const names = [...columns];
  const header = ["(index)", ...names, ...(plain ? ["Values"] : [])];
  const lines = rows.map(([index, cells, own]) => [index, ...names.map((name) => cells.get(name) ?? ""), ...(plain ? [own] : [])]);
  const more = all.length > ROWS_MAX ? `\n... ${all.length - ROWS_MAX} more rows` : "";
  return box(header, lines) + more;
}

function entries(value: object): [string, unknown][] {
  if (value instanceof Map) return [...value].map(([key, row], at) => [String(at), { Key: key, Values: row }]);
  if (value instanceof Set) return [...value].map((row, at) => [String(at), row]);
  return Object.entries(value);
}

function box(header: string[], lines: string[][]): string {
  const widths = header.map((name, at) => Math.max(name.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const rule = (left: string, middle: string, right: string): string =>
    `${left}${widths.map((width) => "─".repeat(width + 2)).join(middle)}${right}`;
  const row = (cells: string[]): string => `│${widths.map((width, at) => ` ${(cells[at] ?? "").padEnd(width)} `).join("│")}│`;
  return [rule("┌", "┬", "┐"), row(header), rule("├", "┼", "┤"), ...lines.map(row), rule("└", "┴", "┘")].join("\n");
}

function cut(text: string): string {
  const line = text.replaceAll("\n", " ");
  return line.length <= CELL_MAX ? line : `${line.slice(0, CELL_MAX - 1)}…`;
}
