// TS2304
// No Wasm inside of a script.

export default () => WebAssembly.compile(new Uint8Array());
