// In: JSON Schemas. Out: TypeScript declarations, for a model that is to write code against them.
// May touch: nothing.
// Security boundary: no, but descriptions are strangers' text: they cannot leave the comment that they stand in.

import { SCHEMA_DEPTH_MAX } from "../limits.js";

export interface Declared {
  name: string;
  description?: string | undefined;
  input: unknown;
  output?: unknown;
}

/** `declare const NAMESPACE: { ... }`, one line a tool, with its documentation. */
export function declarations(tools: Declared[], namespace: string): string {
  const lines = tools.map(({ name, description, input, output }) => {
    const result = output === undefined ? "unknown" : typeOf(output, "  ");
    return `${comment(description, "  ")}  ${name}(input: ${typeOf(input, "  ")}): Promise<${result}>;\n`;
  });
  return `declare const ${namespace}: {\n${lines.join("")}};`;
}

/** A JSON Schema as a type. What it says and TypeScript cannot is left out; what is not understood is `unknown`. */
export function typeOf(schema: unknown, indent = ""): string {
  return new Writer(schema).write(schema, indent, []);
}

type Schema = Record<string, unknown>;

class Writer {
  readonly #root: unknown;

  constructor(root: unknown) {
    this.#root = root;
  }

  /** `above` are the schemas that this one stands in: one that is in itself is `unknown` there. */
  write(schema: unknown, indent: string, above: unknown[]): string {
    if (schema === false) return "never";
    if (!isSchema(schema) || above.length >= SCHEMA_DEPTH_MAX || above.includes(schema)) return "unknown";
    const path = [...above, schema];
    const written = this.#kind(schema, indent, path);
    return schema.nullable === true && written !== "unknown" ? `${written} | null` : written;
  }

  #kind(schema: Schema, indent: string, path: unknown[]): string {
    const { $ref, anyOf, oneOf, allOf, type } = schema;
    if (typeof $ref === "string") return this.write(this.#resolve($ref), indent, path);
    if ("const" in schema) return literal(schema.const);
    if (Array.isArray(schema.enum)) return union(schema.enum.map(literal));
    const several = anyOf ?? oneOf;
    if (Array.isArray(several)) return union(several.map((one) => this.write(one, indent, path)));
    if (Array.isArray(allOf)) return allOf.map((one) => bracketed(this.write(one, indent, path))).join(" & ") || "unknown";
    if (Array.isArray(type)) return union(type.map((one) => this.#typed({ ...schema, type: one }, one, indent, path)));
    return this.#typed(schema, type, indent, path);
  }

  #typed(schema: Schema, type: unknown, indent: string, path: unknown[]): string {
    if (type === "string" || type === "boolean" || type === "null") return type;
    if (type === "number" || type === "integer") return "number";
    if (type === "array") return this.#array(schema, indent, path);
    if (type === "object" || schema.properties !== undefined) return this.#object(schema, indent, path);
    return "unknown";
  }

  #array(schema: Schema, indent: string, path: unknown[]): string {
    const tuple = Array.isArray(schema.prefixItems) ? schema.prefixItems : schema.items;
    if (Array.isArray(tuple)) return `[${tuple.map((one) => this.write(one, indent, path)).join(", ")}]`;
    return `${bracketed(this.write(schema.items, indent, path))}[]`;
  }

  #object(schema: Schema, indent: string, path: unknown[]): string {
    const inner = `${indent}  `;
    const required: unknown[] = Array.isArray(schema.required) ? schema.required : [];
    const lines = Object.entries(isSchema(schema.properties) ? schema.properties : {}).map(([name, one]) => {
      const mark = required.includes(name) ? "" : "?";
      const about = isSchema(one) ? [one.description, one.format === undefined ? undefined : `@format ${one.format}`] : [];
      return `${comment(about.filter((part) => typeof part === "string").join(" "), inner)}${inner}${key(name)}${mark}: ${this.write(one, inner, path)};\n`;
    });
    const rest = schema.additionalProperties;
    // Beside named ones an index signature would have to fit them too.
    if (isSchema(rest) || rest === true) lines.push(`${inner}[key: string]: ${lines.length > 0 ? "unknown" : this.write(rest, inner, path)};\n`);
    if (lines.length === 0) return rest === false ? "{}" : "Record<string, unknown>";
    return `{\n${lines.join("")}${indent}}`;
  }

  /** A pointer into this schema; what lies elsewhere is not fetched. */
  #resolve(ref: string): unknown {
    if (ref === "#") return this.#root;
    if (!ref.startsWith("#/")) return undefined;
    let at: unknown = this.#root;
    for (const segment of ref.slice(2).split("/")) {
      const name = segment.replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
      at = (at as Record<string, unknown>)[name];
    }
    return at;
  }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function literal(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
  return value === null || typeof value === "number" || typeof value === "boolean" ? String(value) : "unknown";
}

function union(types: string[]): string {
  return types.length === 0 ? "never" : [...new Set(types)].join(" | ");
}

function bracketed(type: string): string {
  return /[|&]/.test(type) && !/^[{[]/.test(type) ? `(${type})` : type;
}

function key(name: string): string {
  return /^[a-zA-Z_$][a-zA-Z0-9_$]*$/.test(name) ? name : literal(name);
}

function comment(text: string | undefined, indent: string): string {
  const plain = (text ?? "").replace(/\s+/g, " ").trim().replaceAll("*/", "*\\/");
  return plain === "" ? "" : `${indent}/** ${plain} */\n`;
}
