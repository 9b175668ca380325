// In: nothing. Out: what `@mayfly/client` exports.
// May touch: nothing.
// Security boundary: no.

export { Mayfly, Tools, type ContinueOptions, type ListOptions } from "./client.js";
export { MayflyError, MayflyProblem, type ClientErrorKind, type ProblemKind } from "./errors.js";
export type { CallOptions, MayflyOptions } from "./http.js";
export type { DriveOptions, RunOptions } from "./drive.js";
export type { PageOptions } from "./pages.js";
export { Scripts, type GetOptions, type WriteOptions } from "./scripts.js";
export { EventParser, type ServerSentEvent } from "./sse.js";
export type * from "./types.js";
