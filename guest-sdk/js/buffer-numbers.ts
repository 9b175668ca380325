// In: the prototype of Buffer. Out: its methods that read and write numbers, all of them made from a few tables.
// May touch: that prototype, once, before any script exists.
// Security boundary: no.

type Bytes = Uint8Array;
type Value = number | bigint;
type Read = (view: DataView, offset: number, little: boolean) => Value;
type Write = (view: DataView, offset: number, value: never, little: boolean) => void;

interface Kind {
  name: string;
  bytes: number;
  read: Read;
  write: Write;
  /** Limits of a value; floats have none. */
  least?: Value;
  most?: Value;
}

const proto = DataView.prototype;
const by = (method: Function): never => ((view: DataView, ...args: unknown[]) => Reflect.apply(method, view, args)) as never;

const KINDS: Kind[] = [
  { name: "UInt8", bytes: 1, read: by(proto.getUint8), write: by(proto.setUint8), least: 0, most: 0xff },
  { name: "Int8", bytes: 1, read: by(proto.getInt8), write: by(proto.setInt8), least: -0x80, most: 0x7f },
  { name: "UInt16", bytes: 2, read: by(proto.getUint16), write: by(proto.setUint16), least: 0, most: 0xffff },
  { name: "Int16", bytes: 2, read: by(proto.getInt16), write: by(proto.setInt16), least: -0x8000, most: 0x7fff },
  { name: "UInt32", bytes: 4, read: by(proto.getUint32), write: by(proto.setUint32), least: 0, most: 0xffffffff },
  { name: "Int32", bytes: 4, read: by(proto.getInt32), write: by(proto.setInt32), least: -0x80000000, most: 0x7fffffff },
  { name: "Float", bytes: 4, read: by(proto.getFloat32), write: by(proto.setFloat32) },
  { name: "Double", bytes: 8, read: by(proto.getFloat64), write: by(proto.setFloat64) },
  { name: "BigUInt64", bytes: 8, read: by(proto.getBigUint64), write: by(proto.setBigUint64), least: 0n, most: 2n ** 64n - 1n },
  { name: "BigInt64", bytes: 8, read: by(proto.getBigInt64), write: by(proto.setBigInt64), least: -(2n ** 63n), most: 2n ** 63n - 1n },
];

/** The most bytes of `readUIntLE` and its kin: what a double holds exactly. */
const VARIABLE_BYTES_MAX = 6;

export function outOfRange(name: string, range: string, received: unknown): RangeError {
  const text = `The value of "${name}" is out of range. It must be ${range}. Received ${String(received)}`;
  return Object.assign(new RangeError(text), { code: "ERR_OUT_OF_RANGE" });
}

export function wrongType(name: string, wanted: string, received: unknown): TypeError {
  const shown = received === null ? "null" : typeof received === "object" ? "an object" : `type ${typeof received} (${String(received)})`;
  const what = received === undefined ? "undefined" : shown;
  return Object.assign(new TypeError(`The "${name}" argument must be ${wanted}. Received ${what}`), { code: "ERR_INVALID_ARG_TYPE" });
}

/** A place for `count` bytes, checked. */
function place(buffer: Bytes, offset: unknown, count: number): number {
  const at = offset === undefined ? 0 : offset;
  if (typeof at !== "number") throw wrongType("offset", "of type number", offset);
  if (!Number.isInteger(at)) throw outOfRange("offset", "an integer", at);
  const last = buffer.length - count;
  if (last < 0) throw Object.assign(new RangeError("Attempt to access memory outside buffer bounds"), { code: "ERR_BUFFER_OUT_OF_BOUNDS" });
  if (at < 0 || at > last) throw outOfRange("offset", `>= 0 and <= ${last}`, at);
  return at;
}

function checked(kind: Kind, given: unknown): Value {
  const big = kind.name.startsWith("Big");
  if (big !== (typeof given === "bigint")) throw wrongType("value", `of type ${big ? "bigint" : "number"}`, given);
  const value = big ? (given as bigint) : Number(given);
  const { least, most } = kind;
  if (least !== undefined && most !== undefined && (value < least || value > most)) {
    throw outOfRange("value", `>= ${least}${big ? "n" : ""} and <= ${most}${big ? "n" : ""}`, `${value}${big ? "n" : ""}`);
  }
  return value;
}

function viewOf(buffer: Bytes): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Puts everything on the prototype, under both spellings (`readUInt8`, `readUint8`). */
export function addNumbers(prototype: object): void {
  const add = (name: string, method: Function): void => {
    for (const spelled of new Set([name, name.replace("UInt", "Uint")])) {
      Object.defineProperty(method, "name", { value: spelled, configurable: true });
      Object.defineProperty(prototype, spelled, { value: method, writable: true, configurable: true });
    }
  };
  for (const kind of KINDS) {
    for (const order of kind.bytes === 1 ? [""] : ["LE", "BE"]) {
      add(`read${kind.name}${order}`, function (this: Bytes, offset?: unknown): Value {
        return kind.read(viewOf(this), place(this, offset, kind.bytes), order === "LE");
      });
      add(`write${kind.name}${order}`, function (this: Bytes, value: unknown, offset?: unknown): number {
        const given = checked(kind, value);
        const at = place(this, offset, kind.bytes);
        kind.write(viewOf(this), at, given as never, order === "LE");
        return at + kind.bytes;
      });
    }
  }
  for (const order of ["LE", "BE"]) {
    for (const signed of [false, true]) {
      const name = `${signed ? "Int" : "UInt"}${order}`;
      add(`read${name}`, function (this: Bytes, offset: unknown, bytes: unknown): number {
        return readVariable(this, offset, bytes, order === "LE", signed);
      });
      add(`write${name}`, function (this: Bytes, value: unknown, offset: unknown, bytes: unknown): number {
        return writeVariable(this, value, offset, bytes, order === "LE", signed);
      });
    }
  }
}

function width(bytes: unknown): number {
  if (typeof bytes !== "number") throw wrongType("byteLength", "of type number", bytes);
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > VARIABLE_BYTES_MAX) {
    throw outOfRange("byteLength", `>= 1 and <= ${VARIABLE_BYTES_MAX}`, bytes);
  }
  return bytes;
}

function readVariable(buffer: Bytes, offset: unknown, bytes: unknown, little: boolean, signed: boolean): number {
  const count = width(bytes);
  const at = place(buffer, offset, count);
  let value = 0;
  for (let step = 0; step < count; step += 1) value = value * 256 + (buffer[little ? at + count - 1 - step : at + step] as number);
  return signed && value >= 2 ** (8 * count - 1) ? value - 2 ** (8 * count) : value;
}

function writeVariable(buffer: Bytes, given: unknown, offset: unknown, bytes: unknown, little: boolean, signed: boolean): number {
  const count = width(bytes);
  const least = signed ? -(2 ** (8 * count - 1)) : 0;
  const most = signed ? 2 ** (8 * count - 1) - 1 : 2 ** (8 * count) - 1;
  const number = Number(given);
  if (number < least || number > most) throw outOfRange("value", `>= ${least} and <= ${most}`, number);
  const at = place(buffer, offset, count);
  let rest = Math.trunc(number) < 0 ? Math.trunc(number) + 2 ** (8 * count) : Math.trunc(number);
  for (let step = 0; step < count; step += 1) {
    buffer[little ? at + step : at + count - 1 - step] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return at + count;
}
