// A script that fails three calls deep: the run's error points to the line here, and tells the cause.

interface Invoice {
  number: string;
  lines?: { net: number }[];
}

namespace Totals {
  export function of(invoice: Invoice): number {
    return invoice.lines!.reduce((sum, { net }) => sum + net, 0);
  }
}

const summarise = async (invoices: Invoice[]): Promise<number> => {
  await Promise.resolve();
  let total = 0;
  for (const invoice of invoices) {
    try {
      total += Totals.of(invoice);
    } catch (cause) {
      throw new Error(`invoice ${invoice.number} cannot be summed up`, { cause });
    }
  }
  return total;
};

export default async function (input: { invoices: Invoice[] }): Promise<number> {
  setTimeout(() => {
    throw new RangeError("in a timer");
  }, 0);
  void Promise.reject(new TypeError("nobody waits for this"));
  await new Promise((resolve) => setTimeout(resolve, 1));
  console.log("summing up", input.invoices.length, "invoices");
  return summarise(input.invoices);
}
