// In: nothing, or MAYFLY_URL and MAYFLY_TOKEN. Out: a server for a test, the fake one unless those name a real one.
// May touch: the environment.
// Security boundary: no.

import { after, before } from "node:test";
import { Mayfly, type MayflyOptions } from "@mayfly/client";
import type { Listening } from "./listening.js";
import { Relay } from "./relay.js";
import { FakeServer } from "./server.js";

export { FakeServer } from "./server.js";

const { MAYFLY_URL, MAYFLY_TOKEN = "" } = process.env;

/** For a test that has nothing to ask a real server. The reason is what is reported where one is named. */
export function fakeOnly(reason: string): { skip?: string } {
  return MAYFLY_URL === undefined ? {} : { skip: reason };
}

/** A server for the tests of a file that they can look into: the fake one, or a relay before the real one. */
export function watched(): { readonly server: Listening; client(options?: Partial<MayflyOptions>): Mayfly } {
  let server: Listening | undefined;
  before(async () => (server = await (MAYFLY_URL === undefined ? new FakeServer() : new Relay(MAYFLY_URL, MAYFLY_TOKEN)).listen()));
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
  if (MAYFLY_URL === undefined) return watched();
  return { client: () => new Mayfly({ url: MAYFLY_URL, token: MAYFLY_TOKEN }) };
}
