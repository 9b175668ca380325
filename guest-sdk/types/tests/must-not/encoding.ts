// TS2345
// Encodings are a closed set.

export default () => Buffer.from("a").toString("utf-32");
