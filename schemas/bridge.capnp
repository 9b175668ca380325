@0xb7a2f0d94c6e1835;
# The one door out of an isolate.
#
# The runtime (`mayfly serve`, `mayfly run`) speaks these interfaces over a Unix socket to the bridge (`mayfly bridge`),
# the only process that holds tokens, policy, credentials and sockets. Read from top to bottom this file is the manual.
#
#     runtime                              bridge
#       |  open(token, run)  ----------------> |   who is it, what may it do
#       |  fetch(ask) on the promised session ->|   pipelined: does not wait for the answer to open
#       | <-- admission, session               |
#       | <-- reply                            |   decide, resolve, sign, dial, scrub, audit
#       |  (session released) ---------------> |   calls in flight end, the slot is free
#
# There is one connection per worker thread; what a connection holds dies with it. Messages are capped before they are
# parsed (`limits.rs`: `bridge_message_bytes_max`). Text that reaches a script is fixed text of ours plus what the script
# said itself: never a secret, never an upstream's error page.

interface Bridge {
  # The first capability of every connection.

  open @0 (ask :OpenAsk) -> (answer :OpenAnswer, session :Session);
  # Opens a session for one run. `session` is a null capability when `answer` is a refusal: calls pipelined on it fail.

  status @1 () -> (tenants :UInt32, sessions :UInt32, configErrors :List(Text));
  # For readiness: how many tenants are loaded, how many sessions are open, and what is wrong with tenant files that did
  # not load (file, line, key, hint). A tenant whose new file is wrong keeps its last good one.

  explain @2 (tenant :Text, method :Text, url :Text) -> (verdict :Verdict);
  # Which rule would decide this call, without making it. Answers operators, not scripts.
}

struct OpenAsk {
  token @0 :Data;
  # The bearer token as the client sent it. Compared by SHA-256 in constant time; never logged.

  run @1 :Text;
  # Run identifier (`run_01J...`), for the audit.

  requestId @2 :Text;
  # `x-request-id` of the HTTP request, for the audit.
}

struct OpenAnswer {
  union {
    admitted @0 :Admission;
    refused @1 :Refusal;
  }
}

struct Admission {
  # What the runtime needs to know about a tenant to run its code. Nothing in it is secret.

  tenant @0 :Text;
  role @1 :Text;                  # runner, deployer, auditor, admin
  ceilings @2 :Limits;            # server ceiling lowered by the tenant's file; a run may only lower them further
  defaults @3 :Limits;            # what a run gets when nobody says
  policyGeneration @4 :UInt64;    # grows with every change of any tenant's file; a cached admission of an older one is stale
}

struct Limits {
  # Units are in the names. The meaning of each is in CONTRACT terms: see schemas/src/limits.rs.

  cpuMs @0 :UInt64;
  wallMs @1 :UInt64;
  callMs @2 :UInt64;
  memoryMib @3 :UInt32;
  calls @4 :UInt32;
  callsInFlight @5 :UInt32;
  sourceBytes @6 :UInt64;
  inputBytes @7 :UInt64;
  resultBytes @8 :UInt64;
  logBytes @9 :UInt64;
  logLines @10 :UInt32;
  responseBytes @11 :UInt64;
  timers @12 :UInt32;
}

struct Refusal {
  # Why no session was opened. `kind` is the problem kind that the HTTP client sees.

  kind @0 :Kind;
  detail @1 :Text;
  retryAfterMs @2 :UInt64;        # with `quota`; otherwise 0

  enum Kind {
    unauthorized @0;              # no such token
    forbidden @1;                 # the token's role may not run code
    quota @2;                     # runs in flight or runs per minute of the tenant
    internal @3;
  }
}

interface Session {
  # One run's capability. It names the tenant by itself: no message carries a tenant.

  fetch @0 (ask :FetchAsk) -> (reply :Reply);
  # One HTTP request. Releasing the call (the script aborted, the run ended) closes the upstream connection.

  call @1 (ask :CallAsk) -> (reply :Reply);
  # One call of a named tool of the tenant.

  upload @2 (call :UInt32, bytes :Data, end :Bool) -> (taken :Bool);
  # A part of the body of the fetch `call`, whose ask said `upload`; parts come in their order. Answered when the bridge has
  # room for the next one. `taken` is false when that fetch is over or never was: nobody wants the rest.
}

interface ByteStream {
  # The rest of a reply's body. Letting it go closes the upstream connection.

  read @0 () -> (part :Part);
  # Waits for at least one byte or the end; one read at a time.
}

struct Part {
  bytes @0 :Data;                 # at most `limits.rs`: `body_part_bytes_max`
  end @1 :Bool;                   # nothing comes after these bytes
  failure @2 :Failure;            # null unless the stream broke off, which also ends it
  bytesIn @3 :UInt64;             # body bytes of the whole reply so far, as they came from the upstream
}

struct FetchAsk {
  call @0 :UInt32;                # number of the call within the run, from 1
  method @1 :Text;
  url @2 :Text;                   # as the script wrote it; the bridge parses it once and dials what it parsed
  headers @3 :List(Header);
  body @4 :Data;
  redirect @5 :Redirect;
  callMs @6 :UInt64;              # total time for this call; the bridge lowers it to the tenant's own limit
  responseBytes @7 :UInt64;       # likewise; of the decompressed body
  upload @8 :Bool;                # `body` is empty and comes in parts through `Session.upload`
  stream @9 :Bool;                # the caller takes a reply in parts: see `Response.stream`

  enum Redirect { follow @0; error @1; manual @2; }
}

struct CallAsk {
  call @0 :UInt32;
  tool @1 :Text;                  # dotted path without `tools.`: `github.repos.get`
  args @2 :Text;                  # JSON
  callMs @3 :UInt64;
  responseBytes @4 :UInt64;
}

struct Header {
  name @0 :Text;
  value @1 :Data;                 # bytes, because HTTP says so
}

struct Reply {
  record @0 :Record;

  union {
    response @1 :Response;        # of fetch
    value @2 :Text;               # of call: JSON, empty for undefined
    failure @3 :Failure;          # of either
  }
}

struct Response {
  status @0 :UInt16;
  statusText @1 :Text;
  headers @2 :List(Header);
  url @3 :Text;                   # after redirects
  redirected @4 :Bool;
  body @5 :Data;                  # the whole body, or with `stream` its beginning

  stream @6 :ByteStream;
  # The rest of the body. Null when `body` is all of it: when the whole body arrived within a moment after the head, so
  # that small replies take one message.
}

struct Failure {
  # Becomes a JavaScript error of the class `kind` names. Texts are ours.

  kind @0 :Kind;
  message @1 :Text;
  reason @2 :Text;                # policy: a word of a closed set, see bridge/src/decide.rs
  rule @3 :Text;                  # policy: the rule that denied, empty when nothing matched
  method @4 :Text;
  url @5 :Text;                   # without userinfo, query and fragment
  status @6 :UInt16;              # tool: the upstream's status, 0 when there is none

  enum Kind {
    policy @0;                    # PolicyError: we said no
    tool @1;                      # ToolError: the tool said no, or there is none
    network @2;                   # TypeError, as fetch does: resolve, connect, TLS, broken or oversized reply
    timeout @3;                   # DOMException TimeoutError
    usage @4;                     # TypeError: the ask itself is no valid request
  }
}

struct Record {
  # The entry of the run's call list. The same facts, with more, stand in the audit.

  verdict @0 :Verdict;
  method @1 :Text;
  url @2 :Text;                   # without userinfo, query and fragment
  status @3 :UInt16;              # 0: there was no response
  micros @4 :UInt64;              # from ask to reply, inside the bridge
  bytesOut @5 :UInt64;            # body bytes sent
  bytesIn @6 :UInt64;             # body bytes received
}

struct Verdict {
  allowed @0 :Bool;
  rule @1 :Text;                  # name of the deciding rule, empty when nothing matched
  reason @2 :Text;                # why, in words for a person
}
