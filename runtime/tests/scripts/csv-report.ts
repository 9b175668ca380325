// Reads CSV with quoted fields, and tells what sold best.

function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') {
        field += '"';
        i++;
      } else if (c === '"') {
        quoted = false;
      } else {
        field += c;
      }
    } else if (c === '"') {
      quoted = true;
    } else if (c === ",") {
      row.push(field);
      field = "";
    } else if (c === "\n") {
      row.push(field.replace(/\r$/, ""));
      rows.push(row);
      row = [];
      field = "";
    } else {
      field += c;
    }
  }
  if (field !== "" || row.length > 0) rows.push([...row, field]);
  const [header = [], ...records] = rows;
  return records.filter((r) => r.length > 1).map((r) => Object.fromEntries(header.map((name, i) => [name, r[i] ?? ""])));
}

export default async function (input: { api: string }) {
  const response = await fetch(`${input.api}/sales.csv`);
  console.log(response.headers.get("content-type"));
  const records = parseCsv(await response.text());
  const byProduct = Object.groupBy(records, (r) => r.product!);
  const summary = Object.entries(byProduct).map(([product, rows = []]) => {
    const amounts = rows.map((r) => Number(r.amount));
    const sum = amounts.reduce((a, b) => a + b, 0);
    return { product, count: rows.length, sum: Number(sum.toFixed(2)), mean: Number((sum / rows.length).toFixed(3)) };
  });
  summary.sort((a, b) => b.sum - a.sum || a.product.localeCompare(b.product));
  console.table(summary, ["product", "count", "sum"]);
  const notes = records.map((r) => r.note).filter(Boolean);
  return { rows: records.length, best: summary[0], summary, notes };
}
