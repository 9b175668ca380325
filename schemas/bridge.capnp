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

  openScript @3 (ask :OpenScriptAsk) -> (answer :OpenScriptAnswer, session :Session);
  # Opens a session for a run that an HTTP request to a stored script triggers. `session` as with `open`.

  script @4 (ask :ScriptAsk) -> (answer :ScriptAnswer);
  # The text of a stored script of the token's tenant, for a run that `open` admitted.

  openScripts @5 (ask :OpenScriptsAsk) -> (answer :OpenScriptsAnswer, scripts :Scripts);
  # Opens what a tenant has stored, to those whose token says so. `scripts` is a null capability after a refusal.

  routeHosts @6 (generation :UInt64) -> (generation :UInt64, owned :List(Text), shared :List(Text));
  # The hosts that tenants' routes name. `owned` serve routes and nothing else; `shared` are the server's own, where a
  # route gets what is not the server's. Both are empty when `generation` is the one the runtime has already.

  tools @7 (ask :ToolsAsk) -> (answer :ToolsAnswer);
  # What the tools of the token's tenant are. Calls nothing.

  openParked @8 (ask :OpenParkedAsk) -> (answer :OpenParkedAnswer, parked :ParkedRuns);
  # Opens what a tenant's runs left behind when they were parked. `parked` is a null capability after a refusal.

  orphans @9 (limit :UInt32) -> (runs :List(Orphan));
  # Durable runs that nobody has any more, because the process that had them is gone. They are to go on, here or elsewhere.

  adopt @10 (orphan :Orphan) -> (answer :AdoptedAnswer, session :Session);
  # Takes one of them up, without a token: it was begun with one, and goes on under the tenant's file as it is now. `session`
  # is a null capability after a refusal. Refused as `changed` where somebody else was quicker.
}

struct Orphan {
  tenant @0 :Text;
  run @1 :Text;
  sequence @2 :UInt64;
  engine @3 :Text;                # only one with this digest goes on with it
}

struct AdoptedAnswer {
  union {
    adopted @0 :AdoptedRun;
    refused @1 :ScriptRefusal;
  }
}

struct AdoptedRun {
  run @0 :ParkedRun;              # as it began, or was parked last
  entries @1 :List(Data);         # what happened since, in its order: see `Session.log`
  admission @2 :Admission;
}

struct OpenAsk {
  token @0 :Data;
  # The bearer token as the client sent it. Compared by SHA-256 in constant time; never logged.

  run @1 :Text;
  # Run identifier (`run_01J...`), for the audit.

  requestId @2 :Text;
  # `x-request-id` of the HTTP request, for the audit.

  traceparent @3 :Text;
  # W3C trace context of that request, checked; empty where it had none. For the audit, and for upstreams where the operator
  # wants it.

  tracestate @4 :Text;
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
  toolSets @5 :List(Text);        # names of the tenant's sets of tools
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

  park @3 (run :ParkedRun) -> (outcome :ParkOutcome);
  # Keeps this session's run, which waits and is about to leave memory. Answered `kept` when that is durable: from then on the
  # run is whoever takes it up. A run that was taken up on this session is replaced by what it has become.

  ended @4 () -> (outcome :ParkOutcome);
  # This session's run has ended: what was kept of it when it was parked is forgotten. Nothing when it never was. A run that
  # was taken up and whose session goes away without this (its process died) can be looked at as `lost`.

  narrow @5 (ask :NarrowAsk) -> (answer :NarrowAnswer);
  # Before the first call, once: which of the tenant's tools this run may call, and credentials of its own. It only takes away,
  # and lasts as long as the run, also where it was parked.

  told @6 (call :UInt32, tool :Text, outcome :Outcome, micros :UInt64) -> ();
  # For the audit: a call that the run's caller answered itself, or was to.

  begin @7 (run :ParkedRun) -> (outcome :ParkOutcome);
  # This session's run is durable: it is kept from here on, in sequence 1, before it has done anything. When this session goes away
  # without `finish`, the run is an orphan and goes on elsewhere.

  log @8 (number :UInt64, entry :Data) -> (outcome :ParkOutcome);
  # Of a durable run: something happened, and is kept before its script sees it. Numbers count from 1 in each sequence. Refused as
  # `changed` where the run is somebody else's by now: it may not go on here.

  finish @9 (status :FinalStatus, head :Data, tape :Data) -> (outcome :ParkOutcome);
  # Of a durable run: it has ended so. `head` is told of it for a while. Refused as for `log`.

  enum FinalStatus {
    completed @0;
    failed @1;
    cancelled @2;
  }

  enum Outcome {
    value @0;
    error @1;
    refused @2;                   # its arguments did not fit
    abandoned @3;                 # the run ended before it was answered
  }
}

struct NarrowAsk {
  narrow @0 :Bool;                # whether `tools` counts; otherwise all of them stay
  tools @1 :List(Text);           # paths of tools, of groups of them, or names of sets
  credentials @2 :List(OwnCredential);
}

struct OwnCredential {
  # In the place of the value that the tenant's file gives to this credential. Held in memory, and where the run is parked
  # sealed with it; never told, never logged, searched for in replies like every other.

  name @0 :Text;
  value @1 :Data;
}

struct NarrowAnswer {
  union {
    toolSets @0 :List(Text);      # the names of the sets of which something is left
    invalid :group {
      field @1 :Text;             # `tools[2]`, `credentials.github`
      why @2 :Text;
    }
  }
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
  approved @10 :Bool;             # it was held before, and somebody has said yes since: see `ParkedRuns.decide`
  durable @11 :Bool;              # of a durable run: what is not safe carries an `idempotency-key` made from run and call
  again @12 :Bool;                # it may have been sent before: it is sent only where that does no harm

  enum Redirect { follow @0; error @1; manual @2; }
}

struct CallAsk {
  call @0 :UInt32;
  tool @1 :Text;                  # dotted path without `tools.`: `github.repos.get`
  args @2 :Text;                  # JSON
  callMs @3 :UInt64;
  responseBytes @4 :UInt64;
  approved @5 :Bool;              # as in FetchAsk
  durable @6 :Bool;
  again @7 :Bool;
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
    bytes @4 :Data;               # of call: what is neither JSON nor text
    held @5 :Held;                # of either: nothing was sent, somebody has to say yes first
  }
}

struct Held {
  # A request as it will be sent when it is approved, but for its credential.

  digest @0 :Data;                # SHA-256 of method, URL and body; what is approved is this
  method @1 :Text;
  url @2 :Text;                   # with its query
  body @3 :Data;                  # the beginning of it: `limits.rs`, `held_body_shown_bytes_max`
  bodyBytes @4 :UInt64;           # of all of it
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
  body @7 :Text;                  # tool: what the upstream said with it, as JSON; empty when it said nothing

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

# Tools.

struct ToolsAsk {
  token @0 :Data;
  requestId @1 :Text;

  union {
    search @2 :ToolSearch;
    describe @3 :ToolDescribe;
    declarations @4 :Void;        # of all tools
    some @5 :List(Text);          # declarations of the tools at these paths, as `NarrowAsk` has them
  }
}

struct ToolSearch {
  query @0 :Text;                 # plain words; empty: all, in the order of the tenant's file
  limit @1 :UInt32;               # `limits.rs`: `tool_hits_max` at most
}

struct ToolDescribe {
  paths @0 :List(Text);           # of tools, of groups of them, or of shared types
  tokens @1 :UInt32;              # about as much room as the declarations may take
}

struct ToolsAnswer {
  union {
    found @0 :ToolsFound;
    declarations @1 :Text;        # TypeScript
    unknown @2 :Text;             # a path leads nowhere: which, and what is near
    refused @3 :Refusal;
  }
}

struct ToolsFound {
  hits @0 :List(ToolHit);         # best first
  tools @1 :UInt32;               # how many there are in all
}

struct ToolHit {
  path @0 :Text;                  # without `tools.`
  description @1 :Text;           # one line
  signature @2 :Text;             # `create(input: { ... }): Promise<Issue>`
  score @3 :Float32;
}

# Parked runs. A run that waits for its caller is all memory: parked, it is a row of the store, sealed with its tenant's key.

struct OpenParkedAsk {
  token @0 :Data;
  requestId @1 :Text;
  act @2 :Bool;                   # whether runs are to be taken up or forgotten; role auditor is refused then
}

struct OpenParkedAnswer {
  union {
    admitted @0 :Admission;
    refused @1 :ScriptRefusal;
  }
}

interface ParkedRuns {
  # One tenant's, for one HTTP request. It names the tenant by itself. Requests here have a quota of their own, so that who
  # has as many runs as it may have can still continue or cancel one.

  look @0 (run :Text) -> (answer :LookedAt);
  # What is told of a parked run.

  take @1 (run :Text, sequence :UInt64) -> (answer :TakenUp, session :Session);
  # Takes a run up, so that nobody else does; `session` is its session from now on, and a null capability after a refusal.
  # Refused as `changed` where the run is not parked any more or its sequence is another.

  forget @2 (run :Text, sequence :UInt64) -> (outcome :ParkOutcome);
  # The run was cancelled where it lay, or is lost and was told.

  list @3 (before :Text, limit :UInt32) -> (answer :ParkedList);
  # Newest first, those whose identifiers sort below `before` (empty: all).

  decide @4 (run :Text, call :UInt32, digest :Data, approve :Bool, model :Bool) -> (outcome :ParkOutcome);
  # Somebody has looked at a held call and decided. A yes is good for one ask of this call of this run with this digest, within
  # a minute; it is asked for with `approved`. Refused as `forbidden` where the tenant's file says that this role may not.
  # `model`: it came by MCP, where mostly a model speaks; then the file has to name the role.

  tape @5 (run :Text) -> (answer :TapeAnswer);
  # Of a durable run that has ended.
}

struct TapeAnswer {
  union {
    tape @0 :Data;
    refused @1 :ScriptRefusal;    # `notFound`
  }
}

struct ParkedRun {
  run @0 :Text;                   # as the session's; of `take`, whose it is
  sequence @1 :UInt64;            # from 1; one more each time the run is parked
  createdAtMs @2 :UInt64;         # of the run, since 1970
  expiresAtMs @3 :UInt64;         # since 1970; later, nobody can take it up, and after a while the bridge forgets it
  engine @4 :Text;                # digest of the engine that made the image
  script @5 :Text;                # the stored script it runs, as it was asked for; or empty
  head @6 :Data;                  # the run object as JSON, and what else is told of it; for `look`
  rest @7 :Data;                  # JSON: what it takes to go on, besides the image
  image @8 :Data;                 # `limits.rs`: `parked_image_bytes_max`; empty where a durable run begins
  durable @9 :Bool;

  # The bridge reads nothing of the last three. It seals each with the tenant's key, bound to tenant, run, sequence, engine,
  # expiry and which of the three it is.
}

struct ParkOutcome {
  union {
    kept @0 :Void;
    refused @1 :ScriptRefusal;
  }
}

struct LookedAt {
  union {
    parked @0 :ParkedHead;
    refused @1 :ScriptRefusal;    # `notFound`
  }
}

struct ParkedHead {
  run @0 :Text;
  sequence @1 :UInt64;
  createdAtMs @2 :UInt64;
  expiresAtMs @3 :UInt64;
  engine @4 :Text;
  script @5 :Text;
  head @6 :Data;                  # of `list`: as of `look`
  state @7 :State;

  enum State {
    parked @0;
    taken @1;                     # somebody goes on with it now
    lost @2;                      # who took it up went away without a word
    expired @3;
    orphan @4;                    # of a durable run: nobody has it, and somebody will
    completed @5;                 # of a durable run: it has ended so, and `head` is its last word
    failed @6;
    cancelled @7;
  }
}

struct TakenUp {
  union {
    run @0 :ParkedRun;
    refused @1 :ScriptRefusal;
  }
}

struct ParkedList {
  union {
    runs @0 :List(ParkedHead);    # one more than `limit` when there are more
    refused @1 :ScriptRefusal;
  }
}

# Stored scripts. What is written here is acknowledged only when it is durable.

struct OpenScriptAsk {
  token @0 :Data;                 # empty: the request brought none
  run @1 :Text;
  requestId @2 :Text;

  union {
    named :group {                # /run/{tenant}/{script}/...
      tenant @3 :Text;
      script @4 :Text;
    }
    routed :group {               # by a [[route]] of a tenant file; both as the script's URL will have them
      host @5 :Text;              # without port
      path @6 :Text;
    }
  }

  known @7 :List(Data);
  # Digests of texts that the runtime has, and that this may be about. The text is sent only where it is none of these.

  begun @8 :Data;
  # `tag` of an earlier admission on which the run has begun already, or empty. Where it still holds, the answer is
  # `confirmed`. Where it does not, no session is opened: no call of that run has reached anything, and it may begin anew.

  traceparent @9 :Text;           # as in OpenAsk
  tracestate @10 :Text;
}

struct OpenScriptAnswer {
  union {
    admitted @0 :AdmittedScript;
    confirmed @1 :Void;
    refused @2 :ScriptRefusal;
  }
}

struct AdmittedScript {
  admission @0 :Admission;
  script @1 :StoredScript;

  public @2 :Bool;
  # The tenant file says that everybody may call it. Then the request's `authorization` is the script's own.

  tag @3 :Data;
  # Stands for all of the above, this tenant's file and this version of the script.
}

struct ScriptAsk {
  token @0 :Data;
  name @1 :Text;
  version @2 :UInt64;             # 0: the current one
  known @3 :List(Data);           # as in OpenScriptAsk
}

struct ScriptAnswer {
  union {
    script @0 :StoredScript;
    refused @1 :ScriptRefusal;
  }
}

struct StoredScript {
  info @0 :ScriptInfo;
  content @1 :ScriptContent;      # null where the runtime knows the digest
}

struct ScriptInfo {
  name @0 :Text;
  version @1 :UInt64;             # from 1; each deploy that changes something and each rollback makes one
  digest @2 :Data;                # SHA-256 of the content; stays what it is when a rollback brings it back
  sourceBytes @3 :UInt64;
  createdAtMs @4 :UInt64;         # since 1970
  role @5 :Text;                  # of the token that made this version
  rollbackTo @6 :UInt64;          # the version whose content this is, when it came by rollback; otherwise 0
  public @7 :Bool;
}

struct ScriptContent {
  main @0 :Text;                  # one of `modules`
  modules @1 :List(ScriptModule);
}

struct ScriptModule {
  name @0 :Text;
  source @1 :Text;
}

struct OpenScriptsAsk {
  token @0 :Data;
  requestId @1 :Text;

  write @2 :Bool;
  # Whether something is to be changed: roles that may not are refused here, before anybody compiles.

  method @3 :Text;                # what the client asked for, for the audit: `PUT`
  name @4 :Text;                  # of the script, likewise; empty for the list
}

struct OpenScriptsAnswer {
  union {
    admitted @0 :Admission;
    refused @1 :ScriptRefusal;
  }
}

interface Scripts {
  # What one tenant has stored, for one HTTP request. It names the tenant by itself.

  put @0 (name :Text, content :ScriptContent, condition :Condition) -> (outcome :Written);
  # Stores a new version and makes it current. The same content as the current one is no new version.

  rollback @1 (name :Text, version :UInt64, condition :Condition) -> (outcome :Written);
  # Makes a new version with the content of an older one.

  delete @2 (name :Text, condition :Condition) -> (outcome :Written);
  # Forgets a script and all its versions.

  get @3 (name :Text, version :UInt64) -> (answer :ScriptAnswer);
  # `version` 0 is the current one.

  list @4 (after :Text, limit :UInt32) -> (answer :Listed);
  # Current versions in the order of their names, those behind `after`.

  versions @5 (name :Text, before :UInt64, limit :UInt32) -> (answer :Listed);
  # Of one script, the newest first, those older than `before` (0: all).
}

struct Condition {
  # What the client demands of the current version, as RFC 9110 says it; looked at in the transaction that writes.

  ifMatch @0 :EntityTags;
  ifNoneMatch @1 :EntityTags;
}

struct EntityTags {
  union {
    absent @0 :Void;              # there is no such header
    any @1 :Void;                 # `*`: any current version
    list @2 :List(Text);          # without quotes; one that we cannot have made is left out
  }
}

struct Written {
  union {
    stored :group {
      script @0 :ScriptInfo;      # of `delete`: what was current
      created @1 :Bool;           # there was no such script before
      changed @2 :Bool;           # false: it was so already
    }
    refused @3 :ScriptRefusal;
  }
}

struct Listed {
  union {
    scripts @0 :List(ScriptInfo); # one more than `limit` when there are more
    refused @1 :ScriptRefusal;
  }
}

struct ScriptRefusal {
  kind @0 :Kind;
  detail @1 :Text;                # words for the client
  retryAfterMs @2 :UInt64;        # with `quota`, `overloaded` and `storeUnavailable`; otherwise 0

  enum Kind {
    unauthorized @0;              # no such token, or none where one is needed
    forbidden @1;                 # the token's role may not do this
    notFound @2;                  # no such script, or another tenant's
    quota @3;                     # of the tenant
    changed @4;                   # `begun` does not hold any more
    condition @5;                 # the client's condition does not hold
    tooLarge @6;                  # more than a script or a tenant may store
    invalid @7;                   # the ask itself
    overloaded @8;                # too much waits for the store
    storeFull @9;                 # no room on the disk: nothing was stored
    storeUnavailable @10;         # no store, or one that does not answer: nothing was acknowledged
    internal @11;
  }
}
