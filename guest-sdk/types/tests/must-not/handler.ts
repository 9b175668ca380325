// TS2322
// `fetch` answers with a Response.

export default { fetch: async () => ({ status: 200 }) } satisfies ExportedHandler;
