// A small router, as a script that answers HTTP requests is written; run here with a described request.

type Handler = (request: Request, parameters: Record<string, string>) => Response | Promise<Response>;

const notes = new Map<string, { id: string; text: string; tags: string[] }>([["1", { id: "1", text: "buy a net", tags: ["shop"] }]]);

const routes: [method: string, path: RegExp, handler: Handler][] = [
  ["GET", /^\/notes$/, (request) => {
    const tag = new URL(request.url).searchParams.get("tag");
    return Response.json([...notes.values()].filter((note) => tag === null || note.tags.includes(tag)));
  }],
  ["GET", /^\/notes\/(?<id>\w+)$/, (_request, { id }) => {
    const note = notes.get(id!);
    return note ? Response.json(note, { headers: { etag: `"${note.text.length}"` } }) : problem(404, `no note ${id}`);
  }],
  ["POST", /^\/notes$/, async (request) => {
    if (!request.headers.get("content-type")?.startsWith("application/json")) return problem(415, "send JSON");
    const { text, tags = [] } = await request.json();
    if (typeof text !== "string" || text.trim() === "") return problem(422, "a note needs a text");
    const note = { id: String(notes.size + 1), text, tags };
    notes.set(note.id, note);
    return Response.json(note, { status: 201, headers: { location: `/notes/${note.id}` } });
  }],
];

const problem = (status: number, detail: string) =>
  Response.json({ status, detail }, { status, headers: { "content-type": "application/problem+json" } });

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const matching = routes.map(([method, path, handler]) => ({ method, handler, match: path.exec(pathname) })).filter(({ match }) => match);
    const route = matching.find(({ method }) => method === request.method);
    if (!route) return matching.length > 0 ? problem(405, `not ${request.method}`) : problem(404, pathname);
    console.log(request.method, pathname);
    return route.handler(request, { ...route.match!.groups });
  },
} satisfies ExportedHandler;
