// TS2353
// A body is text, bytes, a form, a blob or a stream: an object wants JSON.stringify.

export default () => fetch("https://example.org", { method: "POST", body: { a: 1 } });
