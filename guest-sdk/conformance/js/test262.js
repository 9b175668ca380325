// In: the harness and a test, as text or as a module to import. Out: the name of what was thrown, or nothing.
// May touch: the global object of the isolate, which is thrown away afterwards.
// Security boundary: no.
//
// Scripts run by an indirect eval, which is the one way to sloppy, global code inside an isolate.
// What tests change of the globals must not reach this file: it takes what it needs beforehand.

const evaluate = eval;
const { structuredClone, Promise, String } = globalThis;

export default async function ({ harness, script, module, wait }) {
  let finish;
  const done = new Promise((resolve) => {
    finish = resolve;
  });
  globalThis.$DONE = finish;
  globalThis.$262 = {
    global: globalThis,
    evalScript: (text) => evaluate(text),
    detachArrayBuffer: (buffer) => void structuredClone(null, { transfer: [buffer] }),
    gc() {},
    createRealm() {
      throw new TypeError("An isolate has one realm.");
    },
  };
  // Called when nothing else is left to happen.
  const idle = tools.idle();
  idle.then(() => finish(new Error("nothing is left to happen, and $DONE was not called")));
  try {
    for (const text of harness) evaluate(text);
    if (module === null) evaluate(script);
    else await import(`./${module}`);
  } catch (thrown) {
    return told(thrown);
  }
  const failure = wait ? await done : undefined;
  // No object: to make JSON of one, QuickJS fills an array, which tests make impossible.
  return failure === undefined ? null : told(failure);
}

function told(thrown) {
  if (typeof thrown !== "object" || thrown === null) return { thrown: typeof thrown, message: String(thrown) };
  return { thrown: String(thrown.constructor?.name ?? thrown.name), message: String(thrown.message) };
}
