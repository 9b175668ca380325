// What is there for code that was written for Node.

export default function (): unknown {
  const key = process.env.API_KEY ?? "none";
  const header = Buffer.concat([Buffer.from("user:"), Buffer.from(key, "utf8")]).toString("base64");
  const packet = Buffer.alloc(8);
  packet.writeUInt32BE(7, 0);
  packet.writeInt16LE(-1, packet.readUInt8(3) - 3);
  const wide: bigint = packet.readBigUInt64LE();
  setImmediate((text: string) => console.log(text), "later");
  const target: { stack?: string } = {};
  Error.captureStackTrace(target);
  return [header, packet.subarray(2).equals(Buffer.from([0, 7])), `${wide}`, global === globalThis, navigator.userAgent, target.stack];
}
