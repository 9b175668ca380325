// In: nothing. Out: the shapes of the HTTP API, as CONTRACT names them.
// May touch: nothing.
// Security boundary: no.

export type JsonSchema = Record<string, unknown> | boolean;

/** What a run may use. Each can only lower what the tenant has; a value above that is a `bad_request`. */
export interface Limits {
  cpu_ms?: number;
  wall_ms?: number;
  call_ms?: number;
  memory_mib?: number;
  calls?: number;
  calls_in_flight?: number;
  source_bytes?: number;
  input_bytes?: number;
  result_bytes?: number;
  log_bytes?: number;
  log_lines?: number;
  response_bytes?: number;
  timers?: number;
}

export type RunStatus = "completed" | "failed" | "paused" | "running" | "cancelled";

export type ErrorKind =
  | "syntax" | "type" | "exception" | "cpu_limit" | "wall_limit" | "memory_limit" | "call_limit" | "result_limit"
  | "source_limit" | "deadlock" | "not_serializable" | "cancelled" | "internal";

/** What a check found at one place. Lines and columns count from 1. */
export interface Diagnostic {
  module: string;
  line: number;
  column: number;
  /** Behind the last character. */
  end_line: number;
  end_column: number;
  /** Such as `TS2551`. */
  code: string;
  message: string;
  suggestion?: string;
  source?: string;
}

/** Why a script failed. Lines and columns count from 1, in the TypeScript. */
export interface RunError {
  kind: ErrorKind;
  name: string;
  message: string;
  stack?: string;
  module?: string;
  line?: number;
  column?: number;
  /** The offending line itself. */
  source?: string;
  /** Of kind `type`: what to write instead, where that is known. */
  suggestion?: string;
  /** Of kind `type`: everything that was found, in the order of the source; the error is the first of them. */
  diagnostics?: Diagnostic[];
}

/** A call that waits for somebody outside. */
export interface PendingCall {
  call: number;
  tool: string;
  args: unknown;
  reason: "approval" | "external";
  /** Of one that waits for approval and goes over HTTP: what will be sent, but for its credential. A yes holds for this alone. */
  request?: HeldRequest;
}

export interface HeldRequest {
  method: string;
  url: string;
  /** The beginning of it, where it is text. */
  body?: string;
  body_bytes: number;
  /** SHA-256 of method, URL and body, in hexadecimal digits. */
  digest: string;
}

export interface LogLine {
  level: "debug" | "log" | "info" | "warn" | "error";
  /** Since the run began. */
  at_ms: number;
  text: string;
}

export interface CallRecord {
  call: number;
  tool?: string;
  method?: string;
  url?: string;
  verdict: "allow" | "deny" | "hold";
  rule?: string;
  status?: number;
  ms: number;
  bytes_out: number;
  bytes_in: number;
}

export interface Usage {
  cpu_us: number;
  wall_us: number;
  memory_peak_bytes: number;
  calls: number;
  bytes_out: number;
  bytes_in: number;
  prepare_us?: number;
  start_us?: number;
  check_us?: number;
}

interface RunBase {
  id: string;
  /** As the request had them. */
  tags?: Tags;
  logs: LogLine[];
  calls: CallRecord[];
  usage: Usage;
  /** Of a run with `check`: whether its types were checked before it ran. */
  checked?: boolean;
  /** Why they were not. */
  not_checked?: string;
  /** Lists that were cut to their limit. */
  truncated?: string[];
}

export interface CompletedRun<T = unknown> extends RunBase {
  status: "completed";
  result: T;
  error?: undefined;
  pending?: undefined;
}

export interface FailedRun extends RunBase {
  status: "failed";
  result?: undefined;
  error: RunError;
  pending?: undefined;
}

export interface PausedRun extends RunBase {
  status: "paused";
  result?: undefined;
  error?: undefined;
  pending: PendingCall[];
}

export interface UnfinishedRun extends RunBase {
  status: "running" | "cancelled";
  result?: undefined;
  error?: RunError;
  pending?: undefined;
}

/** What became of a run; `status` says which of its forms this is. */
export type Run<T = unknown> = CompletedRun<T> | FailedRun | PausedRun | UnfinishedRun;

/** One entry of the list of runs: the run without what is large. */
export type RunSummary = Pick<RunBase, "id"> & { status: RunStatus; script?: string; tags?: Tags; error?: RunError } & Record<string, unknown>;

export type Tags = Record<string, string>;

/** A call of an external tool, for the function that answers it. */
export interface ExternalCall {
  /** The run's id, and the number of the call in it. */
  run: string;
  call: number;
  tool: string;
  /** Aborted when the run is given up. */
  signal: AbortSignal;
}

/** A tool that the caller itself answers; the script calls it as `tools.NAME(args)`. */
export interface ExternalTool<Args = any> {
  description?: string;
  input_schema?: JsonSchema;
  output_schema?: JsonSchema;
  /** What it returns goes to the script as JSON; what it throws, as a `ToolError` with the message. */
  execute(args: Args, call: ExternalCall): unknown;
}

export type ExternalTools = Record<string, ExternalTool>;

/** Says yes or no to a call that the tenant wants approved. */
export type Approve = (call: PendingCall, run: { id: string; signal: AbortSignal }) => boolean | Promise<boolean>;

export type Source =
  | { code: string; modules?: undefined; main?: undefined; script?: undefined }
  | { modules: Record<string, string>; main: string; code?: undefined; script?: undefined }
  /** A stored one, by its name or as `name@version`. */
  | { script: string; code?: undefined; modules?: undefined; main?: undefined };

export interface RunSettings {
  input?: unknown;
  limits?: Limits;
  /** Narrows the grant to these tools. */
  tools?: string[];
  external?: ExternalTools;
  approve?: Approve;
  workspace?: string;
  /** Credentials for this run alone. */
  credentials?: unknown;
  record?: boolean;
  durable?: boolean;
  /** Type-check before running; what is wrong is a failed run with an error of kind `type`. */
  check?: boolean;
  tags?: Tags;
  /** `false`: answered at once with a run that is `running`. */
  wait?: boolean;
}

export type RunRequest = Source & RunSettings;

export interface Decision {
  call: number;
  approve: boolean;
}

export type Outcome = { call: number; value: unknown } | { call: number; error: string };

export interface Continuation {
  decisions?: Decision[];
  outcomes?: Outcome[];
}

/** What happens in a run, as it happens. */
export type RunEvent<T = unknown> =
  | { type: "log"; log: LogLine }
  | { type: "call"; call: CallRecord }
  /** The run waits. Where this client has the external tools and `approve`, it answers by itself and the stream goes on. */
  | { type: "paused"; run: PausedRun }
  | { type: "result"; run: Run<T> };

export interface ScriptInfo {
  name: string;
  version: number;
  /** SHA-256 of the content, in hexadecimal digits. */
  digest: string;
  source_bytes: number;
  created_at_ms: number;
  /** Of the token that made it. */
  role: string;
  rollback_to?: number;
  /** Where it answers HTTP, and whether everybody may call it there. */
  path: string;
  public: boolean;
}

export interface StoredScript extends ScriptInfo {
  main: string;
  modules: Record<string, string>;
  etag: string;
}

export interface WrittenScript extends ScriptInfo {
  created: boolean;
  changed: boolean;
  etag: string;
}

/** A tool that fits a question. */
export interface ToolHit {
  /** `github.issues.create`, which scripts call as `tools.github.issues.create(input)`. */
  path: string;
  /** One line. */
  description: string;
  /** `github.issues.create(input: { ... }): Promise<github.Issue>`, perhaps cut. */
  signature?: string;
  /** Comparable within one search only. */
  score?: number;
}

export interface ToolSearch {
  /** The best first. */
  results: ToolHit[];
  truncated?: boolean;
}
