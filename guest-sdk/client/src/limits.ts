// In: nothing. Out: every bound of the client, by name.
// May touch: nothing.
// Security boundary: no.

/** One HTTP exchange, until its answer is complete, when nobody says otherwise. */
export const TIMEOUT_MS = 60_000;
/** What an exchange that waits for a run gets beyond the wall clock limit that was asked for. */
export const WALL_MARGIN_MS = 10_000;
/** Tries after the first one. */
export const RETRIES_MAX = 3;
/** The first wait before a retry, and the longest; doubled each time, half of it random. */
export const BACKOFF_MS = 250;
export const BACKOFF_MS_MAX = 10_000;
/** A server that wants more time than this is believed, and its problem told at once. */
export const RETRY_AFTER_MS_MAX = 30_000;
/** Times a paused run is answered before the client takes it for one that never ends. */
export const ROUNDS_MAX = 1_000;
/** One external tool: as long as any call of a run may take. */
export const EXTERNAL_MS = 120_000;
/** An answer: a result and logs at their ceilings, escaped, and 10,000 calls. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** A problem, or what a proxy says instead of one. */
export const PROBLEM_BYTES_MAX = 256 * 1024;
/** One server-sent event: as large as an answer, in UTF-16 units. */
export const EVENT_CHARS_MAX = 64 * 1024 * 1024;
/** A stream of events after its head: as long as any run may last, and a little more. */
export const STREAM_MS = 1_200_000 + WALL_MARGIN_MS;
/** How long a stream may stay open after its last event before it is closed from here. */
export const STREAM_END_MS = 1_000;
/** A cancellation that nobody waits for longer. */
export const CANCEL_MS = 5_000;
/** How deep values are searched for bytes; what is deeper goes as it is. */
export const VALUE_DEPTH_MAX = 64;
/** How deep a JSON Schema is written as a type; what is deeper is `unknown`. */
export const SCHEMA_DEPTH_MAX = 20;
/** What a model is shown of a result, and of the log, unless it is said otherwise. */
export const RESULT_CHARS_MAX = 24_000;
export const LOG_CHARS_MAX = 8_000;
