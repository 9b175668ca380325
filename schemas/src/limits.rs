//! In: nothing. Out: every bound of Mayfly, with its unit, its default, its ceiling and how it relates to others.
//! May touch: nothing.
//! Security boundary: no; the places that use these numbers are.

mod asked;
mod runs;

pub use asked::{LimitRefused, LimitsAsked};
pub use runs::*;

use serde::{Deserialize, Serialize};

/// The limits of one run. In a configuration each field may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Active CPU of all turns together.
    pub cpu_ms: u64,
    /// From admission to result, waiting for people excluded.
    pub wall_ms: u64,
    /// One call, from the script's ask to the last byte of the reply.
    pub call_ms: u64,
    /// Linear memory of the isolate.
    pub memory_mib: u32,
    /// Calls that leave the isolate (`fetch` and tools) in one run.
    pub calls: u32,
    /// Of those, how many are on their way at once; more wait in the isolate's queue in the order they were made.
    pub calls_in_flight: u32,
    /// Source text of all modules of a script together.
    pub source_bytes: u64,
    /// Input as JSON text.
    pub input_bytes: u64,
    /// Result as JSON text.
    pub result_bytes: u64,
    /// Log text kept; what comes after is only counted.
    pub log_bytes: u64,
    /// Log lines kept; what comes after is only counted.
    pub log_lines: u32,
    /// Body of one response.
    pub response_bytes: u64,
    /// Timers waiting at once.
    pub timers: u32,
}

/// What a run gets when nobody says otherwise.
pub const DEFAULTS: Limits = Limits {
    cpu_ms: 1_000,
    wall_ms: 30_000,
    call_ms: 30_000,
    memory_mib: 64,
    calls: 256,
    calls_in_flight: 32,
    source_bytes: MIB,
    input_bytes: MIB,
    result_bytes: MIB,
    log_bytes: 64 * KIB,
    log_lines: 256,
    response_bytes: 8 * MIB,
    timers: 1_000,
};

/// What no configuration, tenant or run can exceed.
pub const CEILINGS: Limits = Limits {
    cpu_ms: 30_000,
    wall_ms: 20 * 60 * 1_000,
    call_ms: 120_000,
    memory_mib: 128,
    calls: 10_000,
    calls_in_flight: 1_000,
    source_bytes: 10 * MIB,
    input_bytes: 10 * MIB,
    result_bytes: 10 * MIB,
    log_bytes: MIB,
    log_lines: 16_384,
    response_bytes: 64 * MIB,
    timers: 10_000,
};

pub const KIB: u64 = 1024;
pub const MIB: u64 = 1024 * KIB;

/// The least that a limit can be set to: a zero would mean a run that cannot start.
pub const MEMORY_MIB_MIN: u32 = 8;

/// Epoch tick: a turn yields to its neighbours, and is checked against its limits, this often. Half of the 10 ms that
/// CONTRACT section 5 allows as overrun, because a tick can be one period late.
pub const TICK_MS: u64 = 5;

/// One message on the bridge's socket: a body of `CEILINGS.response_bytes` and its headers. Checked before parsing.
pub const BRIDGE_MESSAGE_BYTES_MAX: u64 = CEILINGS.response_bytes + 2 * MIB;
/// One message *to* the bridge: a request body and its headers. The runtime is the less trusted side.
pub const BRIDGE_ASK_BYTES_MAX: u64 = REQUEST_BODY_BYTES_MAX + 2 * MIB;
/// Body of one request that a script sends in one piece.
pub const REQUEST_BODY_BYTES_MAX: u64 = 10 * MIB;
/// Body of one request that a script sends in parts. None of it is kept, so it may be larger than any memory of a run; it
/// bounds what one call can push out of the machine.
pub const UPLOAD_BYTES_MAX: u64 = 256 * MIB;
/// Nesting of a Cap'n Proto message.
pub const BRIDGE_MESSAGE_NESTING_MAX: i32 = 64;
/// What is read or written at once on a connection between two processes.
pub const WIRE_BUFFER_BYTES: usize = 64 * 1024;
/// Headers of one request or response that a script sends or sees; name and value bytes together below 64 KiB.
pub const HEADERS_MAX: usize = 128;
pub const HEADER_BYTES_MAX: usize = 64 * 1024;
/// URL that a script asks for.
pub const URL_BYTES_MAX: usize = 16 * 1024;
/// Redirects followed in one call, as browsers do.
pub const REDIRECTS_MAX: usize = 20;

/// Phases of a call inside `call_ms`.
pub const RESOLVE_MS: u64 = 5_000;
pub const CONNECT_MS: u64 = 10_000;
pub const TLS_MS: u64 = 10_000;
/// Between two parts of a reply's body.
pub const BODY_IDLE_MS: u64 = 30_000;
/// A reply that may come in parts is answered in one message when its body ends within this time after the head, and with at
/// most this much of the body otherwise.
pub const BODY_GATHER_MS: u64 = 2;
pub const BODY_INLINE_BYTES_MAX: usize = 64 * 1024;
/// One part of a body, in either direction.
pub const BODY_PART_BYTES_MAX: usize = 256 * 1024;
/// Replies of one run whose bodies come in parts at once. Each may hold a connection and a part; one above it is collected
/// whole, as for a caller that takes no parts.
pub const STREAMS_OPEN_MAX: u32 = 32;
/// What an HTTP/2 peer may send ahead on one stream (two parts), and on a connection: enough that streams nobody reads leave
/// room for the others.
pub const HTTP2_STREAM_WINDOW_BYTES: u32 = 2 * BODY_PART_BYTES_MAX as u32;
pub const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 64 * 1024 * 1024;
/// Parts of one upload in the bridge: those with room, and calls of `Session.upload` that wait for it.
pub const UPLOAD_PARTS_AHEAD: usize = 2;
pub const UPLOAD_PARTS_WAITING_MAX: u32 = 4;
/// Uploads of one run whose fetch has not come yet, and how long they wait for it.
pub const UPLOADS_EARLY_MAX: u32 = 8;
pub const UPLOAD_EARLY_MS: u64 = 1_000;
/// A compressed body may not become this many times larger, once it has become larger than `DECODE_FREE_BYTES`. Deflate
/// cannot exceed 1,032; Brotli can say 16 MiB in 20 bytes.
pub const DECODE_RATIO_MAX: u64 = 1_000;
pub const DECODE_FREE_BYTES: u64 = MIB;
/// What a decoder keeps of what it wrote: 32 KiB for gzip and deflate, up to this much for Brotli (its standard windows).
pub const DECODE_WINDOW_BYTES_MAX: u64 = 16 * MIB;
/// Written by a decoder between two looks at the limits.
pub const DECODE_STEP_BYTES: usize = 32 * 1024;
/// The header of a gzip member: a file name and a comment at most.
pub const GZIP_HEADER_BYTES_MAX: usize = 4 * 1024;

/// The bridge: connections from runtimes (one per worker thread of each), and worker threads of its own.
pub const BRIDGE_CONNECTIONS_MAX: usize = 256;
pub const BRIDGE_THREADS_MAX: usize = 8;
/// Bodies held by all calls of one bridge together; above it a call fails instead of the process.
pub const BRIDGE_BODIES_BYTES_MAX: u64 = 512 * MIB;
/// Idle upstream connections kept: for one origin, and for one tenant on one thread; and for how long.
pub const POOL_ORIGIN_IDLE_MAX: usize = 32;
pub const POOL_TENANT_IDLE_MAX: usize = 128;
pub const POOL_IDLE_MS: u64 = 30_000;
/// DNS answers kept for one tenant on one thread, and for how long at most (less when the record says less).
pub const DNS_CACHE_NAMES_MAX: usize = 256;
pub const DNS_CACHE_MS: u64 = 30_000;
/// Addresses of one name that are considered; a name with more is refused, because all must be checked.
pub const DNS_ADDRESSES_MAX: usize = 64;
/// TLS sessions remembered for one tenant on one thread.
pub const TLS_SESSIONS_MAX: usize = 32;
/// Audit records waiting for the disk; a call waits for room.
pub const AUDIT_QUEUE_MAX: usize = 4_096;
/// Audit records are written together with those of the same moment, and are on disk this much later at most.
pub const AUDIT_GATHER_MS: u64 = 5;
/// Steps that `mayfly policy diff` takes to compare patterns with each other, for the rules of one tenant; what takes more
/// counts as gained. Some seconds.
pub const POLICY_DIFF_STEPS_MAX: usize = 50_000_000;
/// Secrets in one vault.
pub const VAULT_SECRETS_MAX: usize = 10_000;
/// Names that one line of a difference spells out.
pub const POLICY_DIFF_NAMES_MAX: usize = 8;
/// How often tenant files are looked at.
pub const TENANTS_POLL_MS: u64 = 1_000;
/// One tenant file, and one credential's value.
pub const TENANT_FILE_BYTES_MAX: u64 = MIB;
pub const CREDENTIAL_BYTES_MAX: usize = 16 * 1024;
/// An OpenAPI document; GitHub's has 12 MB.
pub const TOOL_DOCUMENT_BYTES_MAX: u64 = 64 * MIB;
/// A tool's path, and what is kept of an upstream's refusal as `body` of a ToolError.
pub const TOOL_PATH_CHARS_MAX: usize = 200;
pub const TOOL_ERROR_BODY_BYTES_MAX: usize = 64 * 1024;
/// Of one look at a tenant's tools.
pub const TOOL_HITS: usize = 10;
pub const TOOL_HITS_MAX: usize = 50;
pub const TOOL_QUERY_CHARS_MAX: usize = 500;
pub const TOOL_DESCRIBE_PATHS_MAX: usize = 50;
pub const TOOL_DESCRIBE_TOKENS_MAX: usize = 100_000;
/// MCP servers that a tenant's file may name; how many of them may be commands; children of all tenants of one bridge.
pub const MCP_SERVERS_MAX: usize = 64;
pub const MCP_CHILDREN_MAX: usize = 16;
pub const MCP_BRIDGE_CHILDREN_MAX: usize = 256;
/// Commands that are started within `MCP_STARTS_MS`; more wait for their turn.
pub const MCP_STARTS_AT_ONCE: usize = 16;
pub const MCP_STARTS_MS: u64 = 2_000;
/// From nothing to a finished handshake. A command may have to be downloaded first.
pub const MCP_START_MS: u64 = 60_000;
/// The list of a server's tools: all its pages together, and one page in bytes. A page may say that there is another one for
/// ever.
pub const MCP_LIST_MS: u64 = 30_000;
pub const MCP_LIST_PAGES_MAX: usize = 100;
pub const MCP_LIST_TOOLS_MAX: usize = 5_000;
pub const MCP_LIST_BYTES_MAX: u64 = 16 * MIB;
/// How often a list is asked for anew without a cause, and the least time between two lists with one.
pub const MCP_RELIST_MS: u64 = 600_000;
pub const MCP_RELIST_GAP_MS: u64 = 500;
/// Until a server that failed is tried again: doubled with each failure in a row. A call may have it tried again after the
/// first of these.
pub const MCP_RETRY_MS: u64 = 1_000;
pub const MCP_RETRY_MS_MAX: u64 = 60_000;
/// How long a question about tools waits for servers that have not answered since the start.
pub const MCP_SETTLE_MS: u64 = 10_000;
/// Requests on their way to one server at once; more wait.
pub const MCP_REQUESTS_AT_ONCE: usize = 64;
/// One message of a child, which is a line.
pub const MCP_LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a child says on its standard error: of a line, and lines in a second.
pub const MCP_STDERR_LINE_BYTES_MAX: usize = 2 * 1024;
pub const MCP_STDERR_LINES_MAX: u32 = 50;
/// How long a child has to end after its standard input was closed, and again after SIGTERM.
pub const MCP_CHILD_END_MS: u64 = 1_000;
/// The same when the bridge itself ends, which is given little time; and how long servers have then in all.
pub const MCP_CHILD_END_AT_STOP_MS: u64 = 40;
pub const MCP_STOP_MS: u64 = 150;
/// What a server may tell a client to wait before it looks for the rest of a stream.
pub const MCP_STREAM_RETRY_MS: u64 = 100;
/// Bearer token as a client sends it, and the identifiers that come with it.
/// Of a durable run: one thing that happened, how many without a holder are told at once, how often they are looked for, and
/// how long it is told of after its end.
pub const DURABLE_ENTRY_BYTES_MAX: usize = CEILINGS.response_bytes as usize * 2;
pub const ORPHANS_MAX: u32 = 64;
pub const ORPHANS_LOOK_MS: u64 = 1_000;
pub const RUNS_TOLD_MS: u64 = 7 * 24 * 3_600_000;
/// Durable runs that have ended and give way, at a time, where a tenant has as much as it may keep.
pub const RUNS_GIVING_WAY: u32 = 1_000;
/// Children of one fork.
pub const FORKS_MAX: u32 = 100;
/// What one run may have of its own: entries of `tools`, and of `credentials`.
pub const OWN_TOOLS_MAX: usize = 1_000;
pub const OWN_CREDENTIALS_MAX: usize = 32;
/// A message of `[approvals] webhook`: how long it may take, how often it is sent, what is read of the reply.
pub const WEBHOOK_MS: u64 = 10_000;
pub const WEBHOOK_TRIES: u32 = 4;
pub const WEBHOOK_REPLY_BYTES_MAX: u64 = 64 * KIB;
/// How long a yes to a call lasts, and how many wait to be asked for.
pub const APPROVAL_MS: u64 = 60_000;
pub const APPROVALS_MAX: u64 = 100_000;
/// Of the body of a call that waits for a yes.
pub const HELD_BODY_SHOWN_BYTES_MAX: usize = 64 * 1024;
pub const TOKEN_BYTES_MAX: usize = 512;
pub const IDENTIFIER_BYTES_MAX: usize = 256;

/// Modules of one script, and the name of each.
pub const SCRIPT_MODULES_MAX: usize = 64;
pub const MODULE_NAME_BYTES_MAX: usize = 256;
/// Stored scripts: of a tenant, and the sources of all their versions together.
pub const SCRIPTS_MAX: u64 = 1_000;
pub const SCRIPTS_BYTES_MAX: u64 = 1024 * MIB;
/// Versions kept of one script, and their sources together; the oldest go first, the current one stays.
pub const SCRIPT_VERSIONS_MAX: u64 = 100;
pub const SCRIPT_VERSIONS_BYTES_MAX: u64 = 32 * MIB;
/// Requests to `/v1/scripts` of one tenant. Not counted with its runs: who is at that limit may need a rollback.
pub const SCRIPT_REQUESTS_IN_FLIGHT: u32 = 16;
pub const SCRIPT_REQUESTS_PER_MINUTE: u32 = 6_000;
/// Entries of one list when nobody says, and at most.
pub const LIST_ENTRIES: u32 = 100;
pub const LIST_ENTRIES_MAX: u32 = 1_000;
/// Entity tags in one `If-Match` or `If-None-Match`.
pub const CONDITION_TAGS_MAX: usize = 32;
/// Routes of one tenant, and the length of a route's path.
pub const ROUTES_MAX: usize = 1_000;
pub const ROUTE_PATH_BYTES_MAX: usize = 1_024;

/// What a thread of the store may have waiting; above it a request is refused.
pub const STORE_QUEUE_MAX: usize = 256;
/// Threads that read the store; one more writes.
pub const STORE_READERS: usize = 2;
/// How long another process may hold the database, and how long a request waits for the store in all.
pub const STORE_BUSY_MS: u64 = 5_000;
pub const STORE_WAIT_MS: u64 = 15_000;
/// Connections of a bridge to a database that others share; one more keeps its lease.
pub const STORE_CONNECTIONS_MAX: usize = 8;
/// How long a process that shares a database is believed to live when nothing is heard of it, and how often it says so: three
/// times before the lease ends.
pub const STORE_LEASE_MS: u64 = 10_000;
pub const STORE_LEASE_RENEW_MS: u64 = STORE_LEASE_MS / 4;
/// From this size on a part of a run goes to the object store, where there is one.
pub const STORE_OBJECT_BYTES_MIN: usize = MIB as usize;
/// Objects that no row names: how old they must be to be removed, how often they are looked for, how many at a time.
pub const STORE_OBJECT_ORPHAN_MS: u64 = 24 * 60 * 60 * 1_000;
pub const STORE_OBJECTS_SWEEP_MS: u64 = 60 * 60 * 1_000;
pub const STORE_OBJECTS_SWEPT_AT_ONCE: usize = 1_000;
/// How long the bridge believes that a version is the current one without looking. A deploy through the same bridge
/// ends it at once; this is for what others write.
pub const SCRIPT_CURRENT_MS: u64 = 1_000;
pub const SCRIPT_CURRENT_MAX: u64 = 10_000;
/// Texts of stored scripts kept in memory, in the bridge and in a runtime.
pub const SCRIPT_TEXTS_BYTES_MAX: u64 = 64 * MIB;
/// Digests of texts that a runtime says it has, when it asks for one.
pub const SCRIPT_KNOWN_MAX: usize = 8;
/// How often a runtime asks which hosts have routes.
pub const ROUTE_HOSTS_MS: u64 = 1_000;

/// Ask for a tenant's runs when its file does not say.
pub const RUNS_IN_FLIGHT: u32 = 64;
pub const RUNS_PER_MINUTE: u32 = 6_000;

/// Tools that the caller of a run answers itself: how many, the name of one, and all that is said of them.
pub const EXTERNAL_TOOLS_MAX: usize = 128;
pub const EXTERNAL_NAME_BYTES_MAX: usize = 128;
pub const EXTERNAL_BYTES_MAX: usize = 256 * KIB as usize;
/// Arguments of all calls of one run that wait for its caller: they are told again with each pause.
pub const EXTERNAL_ARGS_BYTES_MAX: usize = 10 * MIB as usize;
/// What a caller says went wrong, for the message of one error.
pub const EXTERNAL_ERROR_BYTES_MAX: usize = 64 * KIB as usize;
/// Paused runs of a tenant, and the linear memory of their isolates. Half of what a tenant may have in flight, so that
/// those that wait leave room for those that run.
pub const PAUSED_RUNS_MAX: usize = RUNS_IN_FLIGHT as usize / 2;
pub const PAUSED_BYTES_MAX: u64 = 256 * MIB;
/// Paused runs of one server, and their memory: each keeps its isolate, and half of those are for runs that run.
pub const PAUSED_ALL_RUNS_MAX: usize = ISOLATES_MAX as usize / 2;
pub const PAUSED_ALL_BYTES_MAX: u64 = 2048 * MIB;
/// How long a run stays paused before it is cancelled: by default, at most, and one that could not be parked.
pub const PAUSE_DEFAULT_MS: u64 = 24 * 60 * 60 * 1_000;
pub const PAUSE_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1_000;
pub const PAUSE_IN_MEMORY_MS: u64 = 15 * 60 * 1_000;
/// Ended runs that can still be looked at: of a tenant, their run objects as JSON, those of all tenants, and for how long.
pub const RUNS_KEPT_MAX: usize = 1_000;
pub const RUNS_KEPT_BYTES_MAX: u64 = 16 * MIB;
pub const RUNS_KEPT_ALL_BYTES_MAX: u64 = 128 * MIB;
pub const RUNS_KEPT_MS: u64 = 15 * 60 * 1_000;
/// What a run that is kept weighs beside its run object.
pub const RUN_KEPT_BYTES: u64 = 1_024;
/// How long a run waits for its caller before it is parked.
pub const PARK_AFTER_MS: u64 = 2_000;
/// A parked run: its compressed image, and all of it, which is one message. What is larger waits in memory.
pub const PARKED_IMAGE_BYTES_MAX: usize = 8 * MIB as usize;
pub const PARKED_RUN_BYTES_MAX: usize = 11 * MIB as usize;
/// Parked runs of a tenant, and their bytes in the store.
pub const PARKED_RUNS_MAX: u64 = 100_000;
pub const PARKED_BYTES_MAX: u64 = 1024 * MIB;
/// How long a parked run that nobody can take up any more, expired or lost, is still told of.
pub const PARKED_TOLD_MS: u64 = 24 * 60 * 60 * 1_000;
/// Rows of parked runs that nobody is told of any more: removed at once.
pub const PARKED_SWEPT_AT_ONCE: u32 = 100;
/// A tape, which is text.
pub const TAPE_BYTES_MAX: usize = 8 * MIB as usize;
/// Requests of a tenant to look at, continue, cancel and list runs: at once, and in a minute.
pub const RUN_REQUESTS_IN_FLIGHT: u32 = 64;
pub const RUN_REQUESTS_PER_MINUTE: u32 = 12_000;
/// A problem that all requests share is told in the log once in this time.
pub const LOG_REPEAT_MS: u64 = 10_000;
/// A run that takes longer by the clock is told in the log.
pub const SLOW_RUN_MS: u64 = 10_000;
/// A stream of events says that it is still there when nothing has happened for this long.
pub const EVENTS_QUIET_MS: u64 = 15_000;

/// One HTTP request to the server: source, input and the JSON around them (escaping can double them).
pub const HTTP_BODY_BYTES_MAX: u64 = 2 * (CEILINGS.source_bytes + CEILINGS.input_bytes) + MIB;
/// One script to be stored, and the JSON around it.
pub const HTTP_SCRIPT_BYTES_MAX: u64 = 2 * CEILINGS.source_bytes + MIB;
/// Time for a client to send its request head.
pub const HTTP_HEAD_MS: u64 = 10_000;
/// Time for a client to send its request body.
pub const HTTP_BODY_MS: u64 = 60_000;
/// Body of a request for a stored script that is read before the script starts; of a larger one it starts with nothing and
/// reads as it comes.
pub const REQUEST_INLINE_BYTES_MAX: u64 = 64 * KIB;
/// All of such a body.
pub const REQUEST_STREAM_BYTES_MAX: u64 = 100 * MIB;
/// Connections of one server at once.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Runs of one server at once; equals the slots of the isolate pool.
pub const ISOLATES_MAX: u32 = 1_000;
/// How long runs in flight may go on after a stop signal.
pub const DRAIN_MS: u64 = 30_000;
/// How long the supervisor waits after that for the runtime to end by itself.
pub const DRAIN_GRACE_MS: u64 = 2_000;
/// A runtime that ends this soon after its start, this often in a row, ends the server.
pub const RUNTIME_SETTLED_MS: u64 = 1_000;
pub const RUNTIME_EARLY_ENDS_MAX: u32 = 5;
/// Connections to the bridge that a runtime may be waiting for at once.
pub const RUNTIME_ASKS_MAX: usize = 64;
/// One message between supervisor and runtime.
pub const RUNTIME_MESSAGE_BYTES_MAX: usize = 4 * 1024;

/// Compiled programs kept, weighed in bytes.
pub const PROGRAM_CACHE_BYTES_MAX: u64 = 64 * MIB;
/// CPU and memory of one transpile or compile.
/// Between two notes of progress of a run that an MCP client waits for.
pub const MCP_PROGRESS_MS: u64 = 1_000;

pub const PREPARE_CPU_MS: u64 = 2_000;
pub const PREPARE_MEMORY_MIB: u32 = 128;

/// Wasm stack of a turn, and the fiber it runs on, which must hold that and the host's own frames. Of a fiber, what the
/// deepest turn on it has touched stays resident.
pub const WASM_STACK_BYTES: usize = 3 * 1024 * 1024;
pub const FIBER_STACK_BYTES: usize = 4 * 1024 * 1024;
