// In: an algorithm as a script names it, and what is to be done with it. Out: the algorithm and its parameters.
// May touch: the script's object, by reading it.
// Security boundary: no.

import { aesCbc, aesCtr, aesGcm, aesKw } from "./crypto-aes.ts";
import type { Algorithm, Operation } from "./crypto-algorithm.ts";
import { ecdh, ecdsa, ed25519, x25519 } from "./crypto-curves.ts";
import { algorithm as asAlgorithm, fail, readMembers, type Params } from "./crypto-params.ts";
import { rsaOaep, rsaPss, rsassa } from "./crypto-rsa.ts";
import { digests, hkdf, hmac, pbkdf2 } from "./crypto-secrets.ts";

const ALGORITHMS: readonly Algorithm[] = [
  ...digests, hmac, aesCbc, aesCtr, aesGcm, aesKw, hkdf, pbkdf2, ecdsa, ecdh, ed25519, x25519, rsassa, rsaPss, rsaOaep,
];

const BY_NAME = new Map(ALGORITHMS.map((algorithm) => [algorithm.name.toLowerCase(), algorithm]));
const byName = BY_NAME.get.bind(BY_NAME);

/** Without regard to the case of ASCII letters: no other letter stands for one of them, as the Kelvin sign would. */
function find(name: string): Algorithm | undefined {
  const found = byName(name.toLowerCase());
  return found?.name.toUpperCase() === name.toUpperCase() ? found : undefined;
}

/** An algorithm that has the operation `O`. */
export type Able<O extends Operation> = Algorithm & Required<Pick<Algorithm, O>>;

export interface Normalized<O extends Operation> {
  readonly algorithm: Able<O>;
  readonly params: Params;
}

/** What the standard calls normalizing an algorithm: `identifier` is an object or a name. */
export function normalize<O extends Operation>(operation: O, identifier: unknown): Normalized<O> {
  const given: object = typeof identifier === "string" ? { name: identifier } : (identifier as object);
  const named = (given as { name?: unknown }).name;
  if (named === undefined) throw new TypeError("The algorithm has no 'name'.");
  const name = String(named);
  const algorithm = find(name);
  if (algorithm === undefined || !can(algorithm, operation)) {
    return fail("NotSupportedError", `The algorithm '${name}' cannot do '${operation}' here. These can: ${whoCan(operation)}.`);
  }
  const members = algorithm.members[operation] ?? [];
  const params = readMembers(algorithm.name, given, members);
  if (members.some(([, convert]) => convert === asAlgorithm)) params.hash = hashOf(params.hash);
  return { algorithm, params };
}

/** The algorithm of a key, by the name that the key has. */
export function algorithmOf(name: string): Algorithm {
  return find(name) as Algorithm;
}

function hashOf(identifier: unknown): NonNullable<Params["hash"]> {
  return normalize("digest", identifier).algorithm.name as NonNullable<Params["hash"]>;
}

function can<O extends Operation>(algorithm: Algorithm, operation: O): algorithm is Able<O> {
  return algorithm[operation] !== undefined;
}

function whoCan(operation: Operation): string {
  return ALGORITHMS.filter((algorithm) => can(algorithm, operation)).map(({ name }) => name).join(", ");
}
