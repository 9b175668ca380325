// In: the harness, a test file and its helpers as text. Out: the state of the harness and of every subtest.
// May touch: the global object of the isolate, which is thrown away afterwards.
// Security boundary: no.
//
// A page's scripts run in sloppy mode, in the global scope: an indirect eval does the same, inside this isolate alone.
// What is declared with `let` and `const` is local to one eval, so helpers and test are one text.

const evaluate = eval;

export default async function ({ url, title, harness, script }) {
  pretendToBeAPage(url, title);
  evaluate(harness);
  pretendToBeAWorker();
  const done = new Promise((resolve) => {
    add_completion_callback((tests, status) => {
      resolve({
        status: status.status,
        message: status.message,
        tests: tests.map((test) => [test.name.toWellFormed(), test.status, test.message]),
      });
    });
  });
  // Called when nothing else is left to happen: what has not ended by then never will.
  tools.idle().then(() => timeout());
  try {
    evaluate(script);
  } catch (thrown) {
    return { status: 1, message: `${thrown?.name}: ${thrown?.message}`, tests: [] };
  }
  return done;
}

/** What the suite's own server and browser would bring along. */
function pretendToBeAPage(url, title) {
  const { href, origin, protocol, host, hostname, port, pathname, search, hash } = new URL(url);
  globalThis.location = { href, origin, protocol, host, hostname, port, pathname, search, hash, toString: () => href };
  globalThis.META_TITLE = title;
  globalThis.GLOBAL = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false };
}

/** Which interfaces have to exist is asked by the kind of global. The harness itself must not take it for a worker's. */
function pretendToBeAWorker() {
  globalThis.DedicatedWorkerGlobalScope = class DedicatedWorkerGlobalScope {
    static [Symbol.hasInstance](value) {
      return value === globalThis;
    }
  };
}
