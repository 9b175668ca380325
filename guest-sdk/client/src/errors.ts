// In: answers of the server that are none. Out: the errors that this package throws.
// May touch: nothing.
// Security boundary: no.

import type { RunError } from "./types.js";

/** What the server refuses a request for; a script that fails is no problem but a run with status `failed`. */
export type ProblemKind =
  | "bad_request" | "unauthorized" | "forbidden" | "not_found" | "conflict" | "too_large" | "quota" | "overloaded"
  | "draining" | "bridge_unavailable" | "store_unavailable" | "store_full" | "internal";

/**
 * `timeout`: no complete answer in time. `connection`: the server was not reached, or broke off. `protocol`: what
 * answered is not Mayfly. `rounds`: a run was answered too often.
 */
export type ClientErrorKind = "timeout" | "connection" | "protocol" | "rounds";

/** Everything that this package throws, except the reason of an abort, which is thrown as it is. */
export class MayflyError<Kind extends string = ClientErrorKind | ProblemKind> extends Error {
  readonly kind: Kind;
  constructor(kind: Kind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
  static {
    // For all instances: an own property would be printed with each of them.
    Object.defineProperty(this.prototype, "name", { value: "MayflyError", writable: true, configurable: true });
  }
}

export interface ProblemFields {
  kind: ProblemKind;
  status: number;
  title?: string;
  detail: string;
  retry_after_ms?: number;
  run?: string;
  error?: RunError;
  request_id?: string;
}

/** A problem of the server itself (RFC 9457). */
export class MayflyProblem extends MayflyError<ProblemKind> {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** How long the server asks to stay away. */
  readonly retry_after_ms?: number;
  /** The run that it is about. */
  readonly run?: string;
  /** What is wrong in a script that was to be stored, with its place. */
  readonly error?: RunError;
  /** `x-request-id`, by which the server's log knows this request. */
  readonly request_id?: string;

  constructor(fields: ProblemFields) {
    super(fields.kind, `${fields.status} ${fields.kind}: ${fields.detail}`);
    this.status = fields.status;
    this.title = fields.title ?? "";
    this.detail = fields.detail;
    if (fields.retry_after_ms !== undefined) this.retry_after_ms = fields.retry_after_ms;
    if (fields.run !== undefined) this.run = fields.run;
    if (fields.error !== undefined) this.error = fields.error;
    if (fields.request_id !== undefined) this.request_id = fields.request_id;
  }
  static {
    Object.defineProperty(this.prototype, "name", { value: "MayflyProblem", writable: true, configurable: true });
  }
}
