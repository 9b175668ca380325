// Code by somebody who writes for Node all day.

const token = process.env.API_TOKEN ?? "anonymous";
const isNode = typeof process !== "undefined" && Boolean((process as any).versions?.node);

function basicAuth(user: string, password: string): string {
  return "Basic " + Buffer.from(`${user}:${password}`).toString("base64");
}

function attempt(action: () => unknown): string {
  try {
    return `worked: ${action()}`;
  } catch (error) {
    return (error as Error).message;
  }
}

export default async function ({ api }: { api: string }) {
  const order: string[] = [];
  setImmediate(() => order.push("immediate"));
  setTimeout(() => order.push("timeout"), 0);
  queueMicrotask(() => order.push("microtask"));
  order.push("now");
  await new Promise((resolve) => setTimeout(resolve, 5));

  const response = await fetch(`${api}/echo`, { method: "POST", body: Buffer.from("héllo") });
  const echoed = await response.json();
  const packet = Buffer.alloc(12);
  packet.write("MF", 0, "latin1");
  packet.writeUInt16BE(2, 2);
  packet.writeDoubleLE(1.5, 4);
  console.log(packet);
  console.log("%s has %d of %i items: %j %%", "cart", 3, 10.9, { a: [1] }, "extra");
  const { require, module } = globalThis as any;
  return {
    token, isNode, auth: basicAuth("me", "pässword"), echoed: echoed.body, order, hex: packet.toString("hex"), json: JSON.stringify(packet.subarray(0, 2)),
    slices: [packet.subarray(0, 2).toString(), packet.readUInt16BE(2), packet.readDoubleLE(4), Buffer.concat([packet.subarray(0, 2), Buffer.from([33])]).toString()],
    compare: [Buffer.compare(Buffer.from("a"), Buffer.from("b")), Buffer.from("abc").equals(Buffer.from("616263", "hex")), Buffer.byteLength("€")],
    url_safe: Buffer.from([251, 255]).toString("base64url"), module: typeof module, same: global === globalThis,
    errors: [() => require("fs"), () => require("axios"), () => (process as any).exit(1), () => (process as any).argv[2], () => (process as any).nextTick(() => {})].map(attempt),
    import: await import("lodash" as string).catch((error: Error) => `${error.name}: ${error.message}`),
  };
}
