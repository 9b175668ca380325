// Listeners, once and until aborted; a store that tells its changes; waiting for an event.

interface StoreEvents extends Record<string, Event> {
  change: CustomEvent<{ key: string; from: unknown; to: unknown }>;
}

class Store extends EventTarget<StoreEvents> {
  #values = new Map<string, unknown>();

  set(key: string, to: unknown): void {
    const from = this.#values.get(key);
    if (Object.is(from, to)) return;
    this.#values.set(key, to);
    this.dispatchEvent(new CustomEvent("change", { detail: { key, from, to } }));
  }
}

function once(target: EventTarget, type: string, signal?: AbortSignal): Promise<Event> {
  return new Promise((resolve, reject) => {
    target.addEventListener(type, resolve, { once: true, signal });
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

export default async function () {
  const store = new Store();
  const controller = new AbortController();
  const log: string[] = [];
  store.addEventListener("change", ({ detail: { key, from, to } }) => log.push(`${key}: ${from} -> ${to}`), { signal: controller.signal });
  store.addEventListener("change", { handleEvent: (event) => log.push(event.type) }, { once: true });
  store.set("a", 1);
  store.set("a", 1);
  store.set("a", 2);
  controller.abort();
  store.set("a", 3);

  const target = new EventTarget();
  setTimeout(() => target.dispatchEvent(new Event("ready")), 5);
  const ready = await once(target, "ready");
  const late = await once(target, "never", AbortSignal.timeout(5)).catch((error: DOMException) => error.name);
  const event = new Event("x", { cancelable: true });
  target.addEventListener("x", (e) => e.preventDefault());
  target.addEventListener("x", () => {
    throw new Error("a listener fails");
  });
  const allowed = target.dispatchEvent(event);
  const any = AbortSignal.any([controller.signal, AbortSignal.timeout(10_000)]);
  console.log(controller.signal.reason.name, String(controller.signal.reason));
  return { log, ready: ready.type, late, allowed, prevented: event.defaultPrevented, any: any.aborted };
}
