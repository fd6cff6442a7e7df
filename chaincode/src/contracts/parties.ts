import { applyParty, defined, keyIsValid, keyOf, type Party, type PartyCommand, QuanjiError } from "../domain/index.js";
import {
  fromBase64url,
  parsePublicJwk,
  partyOf,
  possessionBytes,
  thumbprintOf,
  type VerifySignature,
} from "../log/index.js";
import { publicKeys } from "../world/keys.js";
import type { State } from "../world/state.js";
import { filePublic, type Received, receive, requireRole } from "./command.js";
import { DONE, QuanjiContract, type QuanjiContext } from "./context.js";

/** Parties: register, admit, keys, suspension. */
export class PartyContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("parties", verify);
  }

  submit(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const received = await receive(state, this.verify, "parties", argument);
      const command = received as Received & PartyCommand;
      const { net } = await state.network();
      const before = await state.party(command.payload.party);
      await authorise(state, this.verify, command);
      const after: Party = applyParty(before, command, command.facts);
      await state.put(publicKeys.party(after.id), after);
      await filePublic(state, command, net, [{ scope: net, kind: "party", id: after.id }]);
      return DONE;
    });
  }
}

async function authorise(state: State, verify: VerifySignature, command: Received & PartyCommand): Promise<void> {
  switch (command.verb) {
    case "party.register":
      return assertHome(state, command.payload);
    case "party.admit":
      requireRole(command, "registrar", "regulator");
      if (command.payload.roles.includes("regulator")) requireRole(command, "regulator");
      return;
    case "party.suspend":
    case "party.resume":
      requireRole(command, "regulator");
      return;
    case "party.compromiseKey":
      assertSelf(command);
      return;
    case "party.rotateKey":
      assertSelf(command);
      return assertPossession(verify, command.payload);
    case "party.tagKey":
      assertSelf(command);
      return assertEscrowed(state, command);
    case "party.openTagKey":
      requireRole(command, "regulator");
      return;
  }
}

async function assertHome(
  state: State,
  payload: Extract<PartyCommand, { verb: "party.register" }>["payload"],
): Promise<void> {
  const network = await state.network();
  if (payload.net !== network.net) {
    throw new QuanjiError("COMMAND_MISDIRECTED", "the command names another network", { detail: "NETWORK_MISMATCH" });
  }
  if (!network.msps.includes(payload.home)) {
    throw new QuanjiError("MALFORMED", "home is not an organisation of this network", { field: "home" });
  }
}

function assertSelf({ payload, facts }: Received & PartyCommand): void {
  if (payload.party !== facts.signer) throw new QuanjiError("ROLE_REQUIRED", "a party changes its own keys only");
}

async function assertPossession(
  verify: VerifySignature,
  payload: Extract<PartyCommand, { verb: "party.rotateKey" }>["payload"],
): Promise<void> {
  const jwk = parsePublicJwk(defined(payload.key.jwk));
  const input = possessionBytes(payload.net, payload.party, jwk);
  if (!(await verify(jwk, input, fromBase64url(payload.possession)))) {
    throw new QuanjiError("SIGNATURE_INVALID", "the new key did not sign its proof of possession", {
      field: "possession",
    });
  }
}

/** Sealed to a key that the regulator keeps for this alone, and handed in with the command: a promise of it is none. */
async function assertEscrowed(
  state: State,
  { payload, openings, facts }: Received & Extract<PartyCommand, { verb: "party.tagKey" }>,
): Promise<void> {
  const holder = await state.party(partyOf(payload.recipient));
  const key = holder?.roles.includes("regulator") === true ? keyOf(holder, thumbprintOf(payload.recipient)) : undefined;
  if (key?.jwk.crv !== "P-256" || !keyIsValid(key, facts.timeMs, "escrow")) {
    throw new QuanjiError(
      "KEY_INVALID",
      "a tag key is sealed to a P-256 key of the regulator with the purpose escrow",
      {
        field: "recipient",
      },
    );
  }
  if (typeof openings["escrow"]?.value !== "string" || !SEALED.test(openings["escrow"].value)) {
    throw new QuanjiError("MALFORMED", "the sealed key travels with the command", { field: "escrow" });
  }
}

/** JWE in compact form (RFC 7516 §7.1) with a key that was agreed upon directly: its second part is empty. */
const SEALED = /^[A-Za-z0-9_-]{1,1024}\.\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{1,1024}\.[A-Za-z0-9_-]{22}$/;
