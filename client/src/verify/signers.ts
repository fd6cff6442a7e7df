/** Who signed a command: the key as it was registered then, in a chain that the file holds, and whether it had the office. */
import {
  type CommandFacts,
  defined,
  keyIsValid,
  keyOf,
  type Party,
  type PartyKey,
  type Resource,
  type Role,
  type Verb,
} from "@quanji/chaincode/domain";
import {
  fromBase64url,
  parsePublicJwk,
  partyOf,
  possessionBytes,
  type PublicJwk,
  thumbprint,
  thumbprintOf,
} from "@quanji/chaincode/log";
import type { AnyCommand, ChainCommand } from "./commands.js";
import { verifyJws } from "./requester.js";
import { verifySignature } from "./signatures.js";
import { isStop, type Timeline } from "./timeline.js";
import { refuse } from "./verdict.js";

export type Parties = ReadonlyMap<string, Timeline<Party>>;

/** The facts of a command before its signer is known; what party chains need. */
export const factsOf = ({ jws, time, timeMs, tx }: ChainCommand, signerRoles: readonly Role[] = []): CommandFacts => ({
  time,
  timeMs,
  tx,
  signer: partyOf(jws.header.kid),
  signerRoles,
  kid: jws.header.kid,
  request: jws.request,
});

/**
 * Checks signature, key and office of a command, and answers its facts. `before`: the signer at the command's own position,
 * where the command is one of the signer's own chain and the order is exact; `resource`: the resource before the command.
 * Errors: CHAIN_MISSING, KEY_PARTY, KEY_THUMBPRINT, KEY_REVOKED, ROLE_REQUIRED, ALG_FORBIDDEN, SIGNATURE_INVALID.
 */
export async function verifyCommand(
  command: ChainCommand,
  parties: Parties,
  objects: { readonly before?: Party | undefined; readonly resource?: Resource | undefined } = {},
): Promise<CommandFacts> {
  const { verb, payload } = command.command;
  if (verb === "network.init") {
    return founded(command, payload.regulator.party, parsePublicJwk(defined(payload.regulator.jwk)), ["regulator"]);
  }
  if (verb === "party.register") {
    return founded(command, payload.party, parsePublicJwk(defined(payload.key.jwk)), []);
  }
  const signer = signerOf(command, parties, objects.before);
  await verifyJws(command.jws, signer.key.jwk);
  if (verb === "party.rotateKey") await verifyPossession(payload);
  const roles = signer.states.find((state) => mayAct(command.command, state, objects.resource))?.roles;
  if (roles === undefined) refuse("ROLE_REQUIRED", "the signer had no office for this command");
  return factsOf(command, roles);
}

/** The key of network.init and party.register stands in the command itself: its signature proves possession. */
async function founded(
  command: ChainCommand,
  party: string,
  key: PublicJwk,
  roles: readonly Role[],
): Promise<CommandFacts> {
  const { kid } = command.jws.header;
  if (partyOf(kid) !== party) refuse("KEY_PARTY", "a party registers itself");
  if (thumbprintOf(kid) !== thumbprint(key)) refuse("KEY_THUMBPRINT", "kid is not the thumbprint of the key");
  await verifyJws(command.jws, key);
  return factsOf(command, roles);
}

interface Signer {
  readonly key: PartyKey;
  /** States of the party, in one of which the command was received. */
  readonly states: readonly Party[];
}

function signerOf(command: ChainCommand, parties: Parties, before: Party | undefined): Signer {
  const { kid, iat } = command.jws.header;
  const party = parties.get(partyOf(kid));
  if (party === undefined)
    return refuse("CHAIN_MISSING", "the chain of a party that signed a command is not in the file");
  // A stop was received some time before it was folded in: then its key counted.
  const givenMs = isStop(command.command.verb) ? Math.min(iat * 1000, command.timeMs) : command.timeMs;
  const current = before === undefined ? [...party.around(givenMs, command.timeMs)] : [before];
  const recovers = command.command.verb === "party.rotateKey" || command.command.verb === "party.compromiseKey";
  const states = current.filter((state) => {
    const key = keyOf(state, thumbprintOf(kid));
    return key !== undefined && [givenMs, command.timeMs].some((ms) => isGood(key, ms, recovers));
  });
  const [state] = states;
  const key = state === undefined ? undefined : keyOf(state, thumbprintOf(kid));
  if (key !== undefined) return { key, states };
  const registered = party.last === undefined ? undefined : keyOf(party.last, thumbprintOf(kid));
  if (registered === undefined) return refuse("KEY_PARTY", "the party never had the key that signed");
  return refuse("KEY_REVOKED", "the key was not valid when the command was recorded");
}

/** A recovery key only replaces keys. */
const isGood = (key: PartyKey, ms: number, recovers: boolean): boolean =>
  keyIsValid(key, ms) || (recovers && keyIsValid(key, ms, "recovery"));

async function verifyPossession(
  payload: Extract<AnyCommand, { readonly verb: "party.rotateKey" }>["payload"],
): Promise<void> {
  const jwk = parsePublicJwk(defined(payload.key.jwk));
  const input = possessionBytes(payload.net, payload.party, jwk);
  if (!(await verifySignature(jwk, input, fromBase64url(payload.possession)))) {
    refuse("SIGNATURE_INVALID", "the new key did not sign its proof of possession");
  }
}

/** Offices that may give a command in another's matter; what a grant asks of its signers, it knows itself. */
const OFFICES: Partial<Record<Verb, readonly Role[]>> = {
  "gateway.register": ["regulator"],
  "log.create": ["regulator"],
  "clock.set": ["regulator"],
  "order.freeze": ["regulator"],
  "order.lift": ["regulator"],
  "boundary.publish": ["listOwner", "regulator"],
  "party.admit": ["registrar", "regulator"],
  "party.suspend": ["regulator"],
  "party.resume": ["regulator"],
  "party.rotateKey": [],
  "party.compromiseKey": [],
  "party.tagKey": [],
  "party.openTagKey": ["regulator"],
  "resource.register": ["registrar", "regulator"],
  "resource.amend": [],
  "resource.suspend": ["regulator"],
  "resource.resume": ["regulator"],
  "record.seal": ["regulator"],
  "record.unseal": ["regulator"],
};

function mayAct(command: AnyCommand, signer: Party, resource: Resource | undefined): boolean {
  if (signer.state !== "active") return false;
  if (command.verb === "party.admit" && command.payload.roles.includes("regulator")) {
    return signer.roles.includes("regulator");
  }
  const offices = OFFICES[command.verb];
  return (
    offices === undefined ||
    ownerOf(command, resource) === signer.id ||
    offices.some((role) => signer.roles.includes(role))
  );
}

/** The party whose own matter a command is. */
function ownerOf(command: AnyCommand, resource: Resource | undefined): string | undefined {
  switch (command.verb) {
    case "party.rotateKey":
    case "party.compromiseKey":
    case "party.tagKey":
      return command.payload.party;
    case "resource.register":
      return command.payload.steward;
    case "resource.amend":
    case "resource.suspend":
    case "resource.resume":
      return resource?.steward;
    default:
      return undefined;
  }
}
