// A frame of bytes: packed, checked with CRC-32, sent, unpacked; varints and bit fields.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = TABLE[(c ^ byte) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  do {
    const more = value > 0x7fn;
    bytes.push(Number(value & 0x7fn) | (more ? 0x80 : 0));
    value >>= 7n;
  } while (value > 0n);
  return bytes;
}

function pack(kind: number, id: bigint, payload: string): Uint8Array {
  const body = new TextEncoder().encode(payload);
  const head = [0x4d, 0x46, kind, ...varint(id), ...varint(BigInt(body.length))];
  const frame = new Uint8Array(head.length + body.length + 4);
  frame.set(head);
  frame.set(body, head.length);
  new DataView(frame.buffer).setUint32(frame.length - 4, crc32(frame.subarray(0, -4)), false);
  return frame;
}

function unpack(frame: Uint8Array): { kind: number; id: bigint; payload: string } {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint16(0) !== 0x4d46) throw new SyntaxError("not a frame");
  if (view.getUint32(frame.length - 4) !== crc32(frame.subarray(0, -4))) throw new RangeError("checksum does not fit");
  let at = 3;
  const number = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = frame[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const id = number();
  const length = Number(number());
  return { kind: view.getUint8(2), id, payload: new TextDecoder("utf-8", { fatal: true }).decode(frame.subarray(at, at + length)) };
}

export default async function ({ api }: { api: string }) {
  const frame = pack(7, 2n ** 40n + 5n, "grüße 🦋");
  const response = await fetch(`${api}/bytes`, { method: "POST", body: frame, headers: { "content-type": "application/octet-stream" } });
  const back = unpack(await response.bytes());
  const damaged = frame.slice();
  damaged[9]! ^= 1;
  const errors = [damaged, new Uint8Array(9)].map((bytes) => {
    try {
      return unpack(bytes).payload;
    } catch (error) {
      return String(error);
    }
  });
  console.log(frame, new Uint16Array([1, 65535]), frame.buffer.byteLength);
  return {
    hex: frame.toHex(), base64: frame.toBase64(), crc: crc32(new TextEncoder().encode("123456789")).toString(16),
    back: { ...back, id: String(back.id) }, errors, floats: new Uint8Array(new Float32Array([1.5, -0]).buffer),
  };
}
