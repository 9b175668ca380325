// A form with fields and files, sent as multipart; and the same back from a Response.

export default async function ({ api, rows }: { api: string; rows: [string, number][] }) {
  const csv = ["name,points", ...rows.map((row) => row.join(","))].join("\n");
  const form = new FormData();
  form.set("title", "Points of the week");
  form.append("tag", "weekly");
  form.append("tag", "draft");
  form.append("table", new File([csv], "points.csv", { type: "text/csv" }));
  form.append("raw", new Blob([new Uint8Array([0, 255, 10, 13])]), "raw.bin");

  const response = await fetch(`${api}/upload`, { method: "POST", body: form });
  const received = await response.json();

  const back = await new Response(form).formData();
  const table = back.get("table");
  if (!(table instanceof File)) throw new TypeError("the file is gone");
  const raw = back.get("raw") as File;
  console.log(table.name, table.size, table.type);
  console.log([...back.keys()]);
  return {
    received,
    back: {
      title: back.get("title"), tags: back.getAll("tag"), table: { name: table.name, type: table.type, text: await table.text() },
      raw: Array.from(await raw.bytes()), size: raw.size,
    },
  };
}
