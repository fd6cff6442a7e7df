import {
  applyAttestation,
  applyCap,
  type AttestationCommand,
  attests,
  type Payload,
  QuanjiError,
  type Attestation,
} from "../domain/index.js";
import type { ChainKey, VerifySignature } from "../log/index.js";
import { publicKeys } from "../world/keys.js";
import type { State } from "../world/state.js";
import { filePublic, type Received, receive, requireRole } from "./command.js";
import { DONE, QuanjiContract, type QuanjiContext } from "./context.js";

type Capping = Received & { readonly verb: "price.cap"; readonly payload: Payload<"price.cap"> };
type Command = (Received & AttestationCommand) | Capping;

/** What others may know of a product before they buy it: what has been examined, and what it may cost. Public. */
export class AttestationContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("attestations", verify);
  }

  submit(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const command = (await receive(state, this.verify, "attestations", argument)) as Command;
      const { net } = await state.network();
      const chain = command.verb === "price.cap" ? await cap(state, command) : await attestation(state, command);
      await filePublic(state, command, net, [{ scope: net, ...chain }]);
      return DONE;
    });
  }
}

type Chain = Pick<ChainKey, "kind" | "id">;

async function attestation(state: State, command: Received & AttestationCommand): Promise<Chain> {
  const id = command.payload.attestation;
  const after = applyAttestation(await state.attestation(id), command, command.facts);
  await state.put(publicKeys.attestation(id), after);
  return { kind: "attestation", id };
}

async function cap(state: State, command: Capping): Promise<Chain> {
  const { payload, facts } = command;
  const resource = await state.resource(payload.resource);
  if (resource === undefined) throw new QuanjiError("NOT_FOUND", "no such resource", { field: "resource" });
  if (resource.steward !== facts.signer) requireRole(command, "regulator");
  await state.put(publicKeys.cap(resource.id), applyCap(await state.caps(resource.id), payload, facts));
  return { kind: "cap", id: resource.id };
}

/**
 * Attestations that somebody lists for a version. `owners`: whose own word does not count.
 * Errors: ATTESTATION_MISSING naming the first that is absent, failed, withdrawn, over, of another version, or an owner's own.
 */
export async function attestationsOf(
  state: State,
  ids: readonly string[],
  subject: string,
  owners: readonly string[],
  timeMs: number,
): Promise<readonly Attestation[]> {
  const found: Attestation[] = [];
  for (const id of ids) {
    const one = await state.attestation(id);
    if (one === undefined || !attests(one, subject, owners, timeMs)) {
      throw new QuanjiError("ATTESTATION_MISSING", `an attestation does not hold for ${subject}`, {
        field: "attestations",
        detail: id,
      });
    }
    found.push(one);
  }
  return found;
}
