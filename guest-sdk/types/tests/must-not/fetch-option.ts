// TS2561
// A misspelt option is none.

export default () => fetch("https://example.org", { headesr: {} });
