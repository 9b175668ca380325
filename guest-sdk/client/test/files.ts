// In: a folder. Out: its files, and their text.
// May touch: files, to read them. Security boundary: no.

import { readdirSync, readFileSync as read } from "node:fs";
import { join } from "node:path";

export function globSync(folder: string, end: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(end)).map((name) => join(folder, name));
}

export function readFileSync(file: string): string {
  return read(file, "utf8");
}
