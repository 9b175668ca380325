// Many calls at once, of which some fail: what came, what was missing, what the rules refused.

type Outcome = { id: string; ok: true; name: string } | { id: string; ok: false; kind: string };

export default async function ({ api, ids }: { api: string; ids: string[] }) {
  const load = async (id: string): Promise<{ id: string; name: string }> => {
    const path = id.startsWith("admin") ? `/admin/${id}` : `/users/${id}`;
    const response = await fetch(api + path);
    if (response.status === 404) throw new RangeError(`${id} does not exist`);
    if (!response.ok) throw new Error(`${id}: ${response.status}`);
    return response.json();
  };
  const settled = await Promise.allSettled(ids.map(load));
  const outcomes = settled.map((result, i): Outcome => {
    const id = ids[i]!;
    if (result.status === "fulfilled") return { id, ok: true, name: result.value.name };
    const { reason } = result;
    if (reason instanceof PolicyError) return { id, ok: false, kind: `refused (${reason.reason}: ${reason.rule})` };
    return { id, ok: false, kind: reason instanceof RangeError ? "missing" : String(reason) };
  });
  const failed = outcomes.filter((o) => !o.ok);
  console.log(`${outcomes.length - failed.length} of ${outcomes.length} arrived`);
  for (const { id, kind } of failed as Extract<Outcome, { ok: false }>[]) console.warn(`${id}: ${kind}`);
  const again = ids.map(load);
  const first = await Promise.any(again);
  const raced = await Promise.race([load("1"), new Promise((_, reject) => setTimeout(reject, 20_000, new Error("late")))]);
  // Calls that nobody awaits are told of in the log, if they are still on their way.
  await Promise.allSettled(again);
  return { outcomes, any: typeof first.name, raced };
}
