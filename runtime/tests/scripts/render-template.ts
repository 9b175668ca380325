// A small template engine: values, conditions, loops, partials, escaping; with errors that name the line.

type Data = Record<string, unknown>;
type Filter = (value: string, ...args: string[]) => string;

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (text: string) => text.replace(/[&<>"']/g, (c) => ESCAPES[c]!);

const FILTERS: Record<string, Filter> = {
  upper: (value) => value.toUpperCase(),
  money: (value, currency = "EUR") => `${(Number(value) / 100).toFixed(2)} ${currency}`,
  default: (value, otherwise = "") => value || otherwise,
};

const lookup = (data: Data, path: string): unknown =>
  path === "." ? data["."] : path.split(".").reduce<unknown>((at, key) => (at as Data | undefined)?.[key], data);

class TemplateError extends Error {
  override name = "TemplateError";
  constructor(message: string, readonly line: number) {
    super(`line ${line}: ${message}`);
  }
}

function render(template: string, data: Data, partials: Record<string, string> = {}): string {
  const block = /\{\{#(each|if) ([\w.]+)\}\}((?:(?!\{\{#|\{\{\/\1\}\})[\s\S])*)\{\{\/\1\}\}/;
  for (let match; (match = block.exec(template)); ) {
    const [whole, kind, path, body] = match as unknown as [string, "each" | "if", string, string];
    const value = lookup(data, path);
    const made = kind === "if"
      ? value ? body.split("{{else}}")[0]! : body.split("{{else}}")[1] ?? ""
      : ((value ?? []) as unknown[]).map((item, index) => render(body, { ...data, ...(item as Data), ".": item, index }, partials)).join("");
    template = template.replace(whole, () => made);
  }
  return template.replace(/\{\{\s*([>&]?)\s*([^}]+?)\s*\}\}/g, (_whole, mark: string, expression: string, offset: number) => {
    const line = template.slice(0, offset).split("\n").length;
    const [path = "", ...filters] = expression.split("|").map((part) => part.trim());
    if (mark === ">") {
      const partial = partials[path];
      if (partial === undefined) throw new TemplateError(`no partial '${path}'`, line);
      return render(partial, data, partials);
    }
    let text = String(lookup(data, path) ?? "");
    for (const use of filters) {
      const [name = "", ...args] = use.split(/[:,]/);
      const filter = FILTERS[name];
      if (!filter) throw new TemplateError(`no filter '${name}'`, line);
      text = filter(text, ...args);
    }
    return mark === "&" ? text : escape(text);
  });
}

export default function ({ order }: { order: Data }) {
  const template = `Dear {{customer.name | upper}},
{{#if paid}}thank you!{{else}}please pay.{{/if}}
{{#each items}}{{index}}. {{name}}: {{cents | money:USD}}
{{/each}}{{> footer}}`;
  const text = render(template, order, { footer: "-- {{& signature}} {{missing | default:n/a}}" });
  console.log(text);
  const errors = ["a\n{{x | nope}}", "{{> gone}}"].map((bad) => {
    try {
      return render(bad, {});
    } catch (error) {
      return error instanceof TemplateError ? `${error.name} at ${error.line}: ${error.message}` : String(error);
    }
  });
  return { text, errors };
}
