// Follows `next` until there is none, and sums up revenue by country.

interface Order {
  id: string;
  country: string;
  lines: { sku: string; quantity: number; price_cents: number }[];
}

interface Page {
  items: Order[];
  next: number | null;
}

async function* orders(api: string): AsyncGenerator<Order> {
  let page: number | null = 1;
  while (page !== null) {
    const url = new URL("/orders", api);
    url.searchParams.set("page", String(page));
    const response = await fetch(url, { headers: { accept: "application/json" } });
    if (!response.ok) throw new Error(`page ${page}: ${response.status} ${response.statusText}`);
    const { items, next }: Page = await response.json();
    console.log(`page ${page}: ${items.length} orders`);
    yield* items;
    page = next;
  }
}

export default async function (input: { api: string }) {
  const revenue = new Map<string, { orders: number; cents: number }>();
  for await (const order of orders(input.api)) {
    const total = order.lines.reduce((sum, line) => sum + line.quantity * line.price_cents, 0);
    const entry = revenue.get(order.country) ?? { orders: 0, cents: 0 };
    entry.orders += 1;
    entry.cents += total;
    revenue.set(order.country, entry);
  }
  console.log(revenue);
  const sorted = [...revenue].sort(([, a], [, b]) => b.cents - a.cents);
  return sorted.map(([country, { orders, cents }]) => ({ country, orders, revenue: (cents / 100).toFixed(2) }));
}
