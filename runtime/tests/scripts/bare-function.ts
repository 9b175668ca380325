async (input: { api: string; threshold: number }) => {
  // One function and nothing else, as tools for models ask for it.
  const response = await fetch(`${input.api}/orders?page=1`);
  const { items } = await response.json();
  const large = items.filter((order: any) => order.lines.reduce((n: number, line: any) => n + line.quantity, 0) >= input.threshold);
  return large.map(({ id }: { id: string }) => id);
};
