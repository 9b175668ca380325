// In: the expressions below. Out: console.txt and buffer.txt, what Node makes of them: one line each, expression and JSON.
// May touch: those two files. Security boundary: no.
//
//     node runtime/tests/tables/node.mjs        (written with Node 20)

import { writeFileSync } from "node:fs";
import { inspect } from "node:util";

// Stacks differ by machine: errors get one.
globalThis.at = (error, ...names) => {
  error.stack = `${error.stack.split("\n    at ")[0]}\n    at f (main.ts:1:2)`;
  return error;
};

const VALUES = String.raw`
1
-0
12n
"a'b"
["a'b", "a'b\"c", "a'b\"c${"`"}d", "tab\tline\n\x00\x7f"]
[undefined, null, true, NaN, -Infinity]
[Symbol("x"), Symbol(), Symbol.iterator]
{}
[]
[[]]
[{}]
{ a: { b: { c: {} } } }
{ a: { b: { c: { d: { e: { f: 1 } } } } } }
{ id: 1, name: "net", tags: ["red", "green"], stock: { berlin: 3, paris: 0 } }
{ id: 123, name: "A product with a long name", price: 12.5, tags: ["red", "green", "blue"], stock: { berlin: 3, paris: 0 } }
[{ id: 1, title: "First", done: false }, { id: 2, title: "Second", done: true }]
{ "odd key": 1, "9": 2, $a: 3, _b: 4, [Symbol("s")]: 5, ["__proto__"]: 6 }
{ get a() { return 1 }, set b(v) {}, get c() { return 1 }, set c(v) {} }
{ f() {}, g: () => 1, h: class X {}, async i() {}, *j() {} }
[function hello() {}, () => {}, class {}, class A {}, class B extends Map {}, async () => {}, function* g() {}, async function* ag() {}]
[Map, Math.max, parseInt]
Object.assign(() => {}, { a: 1 })
Object.create(null)
Object.assign(Object.create(null), { x: 1 })
Object.create({})
new (class Point { constructor() { this.x = 1 } })()
new (class Empty {})()
new (class Secret { #hidden = 1; shown = 2 })()
new (class Tagged { get [Symbol.toStringTag]() { return "T" } })()
new (class Child extends (class Parent { a = 1 }) { b = 2 })()
new (class Stack extends Array {})()
new (class Names extends Map {})([["a", 1]])
new Map([[1, { a: 2 }], ["k", [1]]])
new Map([["config", { retries: 3, backoff: { min: 100, max: 2000 } }], ["flags", new Set(["a", "b"])]])
new Set([1, "a", {}])
[new Map(), new Set(), new WeakMap(), new WeakSet()]
{ s: new Set(Array.from({ length: 40 }, (_, i) => "value" + i)) }
[new Date(0), new Date(NaN)]
Object.assign(new Date(0), { x: 1 })
/ab+c/gi
Promise.resolve({ a: [1] })
new Promise(() => {})
new Proxy({ a: 1 }, { get() { throw 1 }, ownKeys() { throw 2 } })
new Proxy([1, 2], {})
[new Uint8Array([1, 2, 3]), new Float64Array(3), new BigInt64Array([1n])]
new Uint8Array(200)
new ArrayBuffer(4)
new DataView(new ArrayBuffer(2))
[new Number(3), new String("abc"), new Boolean(false), Object(1n), Object(Symbol("q"))]
(() => { const c = { name: "c", kids: [{}] }; c.self = c; c.kids[0].parent = c; return c })()
(() => { const a = [1]; a.push(a); return { a, b: a } })()
[1, , 3, , , 6]
new Array(5)
Object.assign([1, 2], { foo: "bar" })
/(\d+)-(?<n>\w+)/.exec("12-ab")
new Array(200).fill(7)
Array.from({ length: 120 }, (_, i) => i * 37)
Array.from({ length: 30 }, (_, i) => "item" + i)
Array.from({ length: 27 }, (_, i) => (i % 3 ? "short" : "a longer string " + i))
["apple", "banana", "cherry", "dragonfruit", "elderberry", "fig", "grape"]
[1.5, -2, 1e21, 0.1, 3, 4, 5, 6]
{ text: "line one of the text that is long\nline two of the text that is long\nline three is also there" }
{ a: "x".repeat(100) }
Object.fromEntries(Array.from({ length: 30 }, (_, i) => ["key" + i, "value number " + i]))
{ u: undefined, n: null, deep: [[[[]]]] }
[1, 2, 3][Symbol.iterator]()
(function* () {})()
(function () { return arguments })(1, 2)
at(new Error("boom"))
at(new TypeError(""))
at(Object.assign(new Error("props"), { code: "E1", detail: { a: [1, 2] } }))
at(new Error("outer", { cause: at(new TypeError("inner")) }))
at(new Error("outer", { cause: { code: 5 } }))
at(new AggregateError([at(new Error("a")), at(new RangeError("b"))], "many"))
at(new (class ApiError extends Error { constructor(m) { super(m); this.name = "ApiError" } })("api"))
at(new (class NotFound extends Error {})("nf"))
{ error: at(new Error("nested")), list: [at(new RangeError("in a list"))] }
(() => { const e = new Error("no stack"); e.stack = undefined; return e })()
{ [Symbol.for("nodejs.util.inspect.custom")]() { return "custom\ntext" } }
{ a: { [Symbol.for("nodejs.util.inspect.custom")](depth) { return { depth } } } }
[JSON, Math, Reflect]
`;

const BUFFERS = String.raw`
Buffer.from("grüße 🦋").toString("hex")
["hex", "base64", "base64url", "latin1", "ascii", "utf16le", "utf8"].map((e) => Buffer.from("hé€🦋\xff").toString(e))
["YWJj", "YWJjZA==", "YWJj=ZGVm", "YW Jj\nZA", "-_-_", "a", "=", "Zm9v!!YmFy"].map((t) => [...Buffer.from(t, "base64")])
["zz11", "0x12", "abc", "ABCDEFabcdef", "12 34"].map((t) => [...Buffer.from(t, "hex")])
["latin1", "binary", "ascii", "ucs2", "UTF-16LE"].map((e) => [...Buffer.from("aé€", e)])
["utf8", "base64", "hex", "latin1", "utf16le"].map((e) => Buffer.byteLength("aGVsbG8=", e))
Buffer.from([1, 2, 300, -1, "5", NaN])
Buffer.from({ type: "Buffer", data: [1, 2] })
Buffer.from(new Uint16Array([1, 256]))
(() => { const a = new ArrayBuffer(4); const b = Buffer.from(a, 1, 2); b[0] = 7; return [...new Uint8Array(a)] })()
[null, undefined, 5, true, {}].map((v) => { try { return Buffer.from(v) } catch (e) { return e.code } })
Buffer.from("a", "nope")
[Buffer.alloc(3, "ab"), Buffer.alloc(3, 1), Buffer.alloc(4, "YQ==", "base64"), Buffer.allocUnsafe(2).length]
Buffer.alloc(-1)
Buffer.concat([Buffer.from("a"), new Uint8Array([98]), Buffer.from("cd")]).toString()
[Buffer.concat([Buffer.from("abc"), Buffer.from("d")], 2), Buffer.concat([Buffer.from("a")], 3), Buffer.concat([])]
Buffer.concat([1])
[Buffer.isBuffer(Buffer.from("")), Buffer.isBuffer(new Uint8Array(1)), Buffer.isEncoding("UTF-8"), Buffer.isEncoding("nope")]
[Buffer.compare(Buffer.from("a"), Buffer.from("b")), Buffer.from("ab").compare(Buffer.from("a")), Buffer.from("abc").compare(Buffer.from("zabc"), 1)]
[Buffer.from("abc").equals(Buffer.from("abc")), Buffer.from("abc").equals(new Uint8Array([97]))]
(() => { const x = Buffer.from("hello"), y = Buffer.alloc(3); return [x.copy(y, 1, 2, 4), y, x.copy(y), x.copy(y, 9)] })()
(() => { const x = Buffer.from("hello"), s = x.slice(1, 3); s[0] = 65; return [x.toString(), s.toString(), Buffer.isBuffer(s)] })()
[Buffer.from("hello").subarray(-3, -1).toString(), Buffer.from("hello").toString("utf8", 1, 3), Buffer.from("hello").toString(undefined, -3, 99)]
["l", "lo", "zz", "", 108, 364].map((v) => [Buffer.from("hello").indexOf(v), Buffer.from("hello").lastIndexOf(v), Buffer.from("hello").includes(v)])
[Buffer.from("hello").indexOf("l", -1), Buffer.from("hello").indexOf("6c6c", "hex"), Buffer.from("hello").lastIndexOf("l", 2), Buffer.from("hello").indexOf("", 10)]
(() => { const b = Buffer.alloc(5); return [b.write("ab€", 1), b.toString("hex"), b.write("abcdef"), b.write("6162", 2, "hex"), b.write("abc", 1, 2), b.toString()] })()
Buffer.alloc(4).write("ab", 5)
[Buffer.from("hello").fill("ab", 1, 4).toString(), Buffer.from("hello").fill(300).toString("hex"), Buffer.alloc(5).fill("é").toString("hex"), Buffer.alloc(3).fill("6162", "hex")]
["UInt8", "Int8", "UInt16LE", "UInt16BE", "Int16LE", "Int16BE", "UInt32LE", "UInt32BE", "Int32LE", "Int32BE", "FloatLE", "FloatBE", "DoubleLE", "DoubleBE"].map((k) => Buffer.from("fedcba9876543210", "hex")["read" + k](0))
["BigUInt64LE", "BigUInt64BE", "BigInt64LE", "BigInt64BE"].map((k) => String(Buffer.from("fedcba9876543210", "hex")["read" + k]()))
[1, 2, 3, 4, 5, 6].map((n) => ["UIntLE", "UIntBE", "IntLE", "IntBE"].map((k) => Buffer.from("fedcba987654", "hex")["read" + k](0, n)))
[["UInt8", 255], ["Int8", -128], ["UInt16LE", 258], ["Int16BE", -2], ["UInt32BE", 4294967295], ["Int32LE", -3], ["FloatBE", 1.5], ["DoubleLE", -0.5]].map(([k, v]) => { const b = Buffer.alloc(9); return [b["write" + k](v, 1), b.toString("hex")] })
[["BigUInt64LE", 2n ** 64n - 1n], ["BigInt64BE", -1n]].map(([k, v]) => { const b = Buffer.alloc(8); b["write" + k](v); return b.toString("hex") })
[["UIntLE", 16777215, 3], ["IntBE", -8388608, 3], ["UIntBE", 281474976710655, 6]].map(([k, v, n]) => { const b = Buffer.alloc(6); return [b["write" + k](v, 0, n), b.toString("hex")] })
[["writeUInt8", 256], ["writeInt8", -129], ["writeUInt16LE", -1], ["readUInt8", 3], ["readUInt32LE", 0], ["readInt16LE", 1.5], ["readUIntBE", 0, 7]].map(([m, ...a]) => { try { return Buffer.alloc(3)[m](...a) } catch (e) { return [e.name, e.code] } })
[Buffer.from([1, 2, 3, 4]).swap16(), Buffer.from([1, 2, 3, 4]).swap32(), Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]).swap64()]
Buffer.from([1, 2, 3]).swap16()
[JSON.stringify({ b: Buffer.from("abc") }), ${"`"}${"$"}{Buffer.from("x")}${"`"}, Buffer.from("a") + "b"]
[Buffer.from("abc").map((x) => x + 1).toString(), Buffer.of(1, 2), Buffer.from("abc").at(-1), Buffer.from("abc") instanceof Uint8Array, Buffer.from("cba").reverse().toString()]
[[...Buffer.from("ab").entries()], new Buffer("616263", "hex").toString(), new Buffer([1, 2]), new Buffer(2).length]
[Buffer.from("abc").readUint8(0), Buffer.from(Object("boxed")).toString(), Buffer.from({ length: 2, 0: 5, 1: 6 })]
`;

process.removeAllListeners("warning");
process.on("warning", () => {});

function lines(text, evaluate) {
  return text.trim().split("\n").map((line) => `${line}\t${JSON.stringify(evaluate(line))}`).join("\n") + "\n";
}

const value = (line) => (0, eval)(`(${line})`);
writeFileSync(new URL("console.txt", import.meta.url), lines(VALUES, (line) => {
  const shown = value(line);
  return typeof shown === "string" ? shown : inspect(shown, { depth: 4 });
}));
writeFileSync(new URL("buffer.txt", import.meta.url), lines(BUFFERS, (line) => {
  try {
    return value(line);
  } catch (error) {
    return `${error.name} ${error.code}`;
  }
}));
