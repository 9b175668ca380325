// TS2339
// axios has `data`, fetch has `json()`.

export default async () => (await fetch("https://example.org")).data;
