// Of "esnext", what scripts use most.

const groups = Object.groupBy([1, 2, 3], (n) => (n % 2 === 0 ? "even" : "odd"));
const price = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" }).format(12.5);
const merged = new Set([1]).union(new Set([2]));
const sorted = [3, 1].toSorted().with(0, 9).at(-1);
async function* pages(): AsyncGenerator<number> {
  yield 1;
}

export default async function () {
  const all = await Array.fromAsync(pages());
  const first = all.values().map((n) => n * 2).take(1).toArray();
  const { promise, resolve } = Promise.withResolvers<number>();
  resolve(1);
  using guard = { [Symbol.dispose]: () => console.log("left") };
  return { groups, price, merged: [...merged], sorted, first, value: await promise, guard: typeof guard };
}
