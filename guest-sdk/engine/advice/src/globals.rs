//! In: the name of a global that is not there, or of a member of `process`. Out: what to use in its place.
//! May touch: nothing.
//! Security boundary: no.

const NO_PAGE: &str = "there is no page in Mayfly: scripts take an input and return a result";
const NO_STORAGE: &str =
    "nothing is kept between runs in a global: take data from the input and return it as the result";
const NO_ASKING: &str =
    "nobody can be asked while a script runs: use the script's input, and `console.log` to tell something";
const COMMON_JS: &str =
    "scripts are ES modules: write `export default async function (input) { ... }` and `import ... from './name.ts'`";
const NO_FILES: &str = "there are no files in Mayfly: a script is text, and knows its input only";
const NO_THREADS: &str =
    "there are no threads and no shared memory in Mayfly: calls run side by side with `Promise.all`";
const FETCH: &str = "use the global `fetch`";

/// For an uncaught "x is not defined". Nothing for names that mean nothing elsewhere.
pub fn global(name: &str) -> Option<&'static str> {
    Some(match name {
        "window"
        | "document"
        | "location"
        | "history"
        | "screen"
        | "HTMLElement"
        | "Element"
        | "Node"
        | "DOMParser"
        | "Image"
        | "Audio"
        | "MutationObserver"
        | "requestAnimationFrame"
        | "getComputedStyle"
        | "$"
        | "jQuery"
        | "parent"
        | "top"
        | "frames" => NO_PAGE,
        "localStorage" | "sessionStorage" | "indexedDB" | "caches" | "cookieStore" => NO_STORAGE,
        "alert" | "confirm" | "prompt" | "readline" => NO_ASKING,
        "XMLHttpRequest" | "axios" | "got" | "request" | "superagent" => FETCH,
        "WebSocket" | "EventSource" | "WebTransport" | "RTCPeerConnection" => {
            "there are no sockets in Mayfly: use `fetch`, and read a stream of events from `response.body`"
        }
        "module" | "exports" => COMMON_JS,
        "__dirname" | "__filename" => NO_FILES,
        "fs" | "path" | "os" | "FileReader" => NO_FILES,
        "Worker" | "SharedWorker" | "SharedArrayBuffer" | "Atomics" => NO_THREADS,
        "WebAssembly" => "only script text is run in Mayfly: no Wasm inside of a script",
        "Deno" | "Bun" => "this is Mayfly: use the web platform (`fetch`, `URL`, `crypto`) and `tools.*`",
        "_" | "lodash" => "use plain JavaScript: Array and Object methods, `Object.groupBy`, `structuredClone`",
        "moment" | "dayjs" | "luxon" => "use `Date` and `Intl.DateTimeFormat`",
        "uuid" | "uuidv4" | "v4" | "nanoid" => "use `crypto.randomUUID()`",
        "z" | "zod" => "check the value with plain JavaScript",
        "util" => "use `console.log` to print values and `structuredClone` to copy them",
        "sleep" | "delay" | "wait" => "use `await new Promise((done) => setTimeout(done, ms))`",
        "print" | "echo" | "log" => "use `console.log`",
        "env" => "there is no environment in Mayfly: settings come with the script's input",
        "input" | "args" | "params" => {
            "the input is the parameter of the function that the script exports: `export default async function (input) { ... }`"
        }
        "workspace" => "this run has no workspace",
        "gc" => "memory is freed by itself",
        _ => return None,
    })
}

/// The whole message for `process.NAME`.
pub fn process_member(name: &str) -> String {
    let shown = name.get(..name.floor_char_boundary(crate::NAME_BYTES_MAX)).unwrap_or_default();
    let advice = match name {
        "exit" | "exitCode" | "abort" | "kill" | "reallyExit" => "return from the script, or throw an Error",
        "argv" | "execArgv" | "argv0" | "stdin" => "the script's input is the parameter of the function it exports",
        "stdout" | "stderr" => "use `console.log` and `console.error`",
        "cwd" | "chdir" | "execPath" => "there are no files",
        "nextTick" => "use `queueMicrotask`",
        "hrtime" | "uptime" => "use `performance.now()`, which stands still between two awaits",
        "memoryUsage" | "cpuUsage" | "resourceUsage" => "the run object tells what a run used",
        "on" | "once" | "off" | "emit" | "addListener" | "removeListener" | "removeAllListeners" => {
            "there are no process events; catch errors with try and catch"
        }
        _ => "scripts have no process; `process.env` is there, and empty",
    };
    format!("process.{shown} is not available in Mayfly: {advice}.")
}
