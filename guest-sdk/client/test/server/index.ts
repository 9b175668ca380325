// In: nothing, or MAYFLY_URL and MAYFLY_TOKEN. Out: a server for a test, the fake one unless those name a real one.
// May touch: the environment.
// Security boundary: no.

import { after, before } from "node:test";
import { Mayfly, type MayflyOptions } from "@mayfly/client";
import { FakeServer } from "./server.js";

export { FakeServer, type Seen } from "./server.js";

const { MAYFLY_URL, MAYFLY_TOKEN } = process.env;
/** Tests that look into the fake server, or make it fail, cannot run against a real one. */
export const fakeOnly = MAYFLY_URL === undefined ? {} : { skip: "looks into the fake server; MAYFLY_URL names a real one" };

/** One fake server for the tests of a file. */
export function fake(): { readonly server: FakeServer; client(options?: Partial<MayflyOptions>): Mayfly } {
  let server: FakeServer | undefined;
  before(async () => (server = await FakeServer.start()));
  after(() => server?.stop());
  return {
    get server() {
      return server!;
    },
    client: (options = {}) => new Mayfly({ url: server!.url, token: "secret", ...options }),
  };
}

/** A client of the real server, if there is one. */
export function either(): { client(): Mayfly } {
  if (MAYFLY_URL === undefined) return fake();
  return { client: () => new Mayfly({ url: MAYFLY_URL, token: MAYFLY_TOKEN ?? "" }) };
}
