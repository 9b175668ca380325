// TS2339
// The commonest mistake of all.

export default () => fetch("https://example.org").status;
