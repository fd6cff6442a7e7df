import {
  applyContract,
  applyOffer,
  type Contract,
  type ContractCommand,
  type Offer,
  type OfferCommand,
  QuanjiError,
} from "../domain/index.js";
import type { ChainKey, VerifySignature } from "../log/index.js";
import { privateKeys, privateScope } from "../world/keys.js";
import type { State } from "../world/state.js";
import { filePrivate, privateNonce, type Received, receive, useJti } from "./command.js";
import { DONE, QuanjiContract, type QuanjiContext } from "./context.js";
import { assertListable, assertPublishable, assertSignable } from "./market-rules.js";

type Offering = Received & OfferCommand;
type Contracting = Received & ContractCommand;

const isOffering = (command: Offering | Contracting): command is Offering =>
  command.verb === "offer.list" || command.verb === "offer.delist" || command.verb === "tariff.publish";

/** Offers and contracts lie beside the grants on their resource: in the collection of the organisation that serves it. */
export class MarketContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("market", verify);
  }

  submit(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const command = (await receive(state, this.verify, "market", argument)) as Offering | Contracting;
      const msp = state.world.submitterMsp;
      const { net, timeZone } = await state.network();
      const chain = isOffering(command)
        ? await offer(state, msp, command, timeZone)
        : await contract(state, msp, command, timeZone);
      const scope = privateScope(net, msp);
      await filePrivate(state, command, msp, [
        { scope, ...chain },
        { scope, kind: "acts", id: command.facts.signer },
      ]);
      await useJti(state, command);
      return DONE;
    });
  }
}

type Chain = Pick<ChainKey, "kind" | "id">;

async function offer(state: State, msp: string, command: Offering, timeZone: string): Promise<Chain> {
  const id = command.payload.offer;
  const before = await state.offer(msp, id);
  const after: Offer = applyOffer(before, command, command.facts, timeZone);
  if (command.verb === "offer.list") await assertListable(state, msp, after, command.facts.timeMs);
  if (command.verb === "tariff.publish") await assertPublishable(state, after, command.facts.timeMs);
  await state.putSealed(msp, privateKeys.offer(id), after, privateNonce(await state.secret(msp), state));
  return { kind: "offer", id };
}

async function contract(state: State, msp: string, command: Contracting, timeZone: string): Promise<Chain> {
  const id = command.payload.contract;
  const before = await state.contract(msp, id);
  assertKnown(before, command);
  const after: Contract = applyContract(before, command, command.facts, timeZone);
  if (command.verb === "contract.sign") await assertSignable(state, msp, command.payload, command.facts);
  const nonce = privateNonce(await state.secret(msp), state);
  await state.putSealed(msp, privateKeys.contract(id), after, nonce);
  if (command.verb === "contract.sign" && after.state === "active" && before?.state !== "active") {
    await state.putSealed(msp, privateKeys.billed(command.payload.terms.grant), id, nonce);
  }
  return { kind: "contract", id };
}

/** Who is no party of a contract gets one answer, whether there is such a contract or not. */
function assertKnown(before: Contract | undefined, { verb, facts }: Contracting): void {
  if (before === undefined && verb === "contract.sign") return;
  const { seller, buyer, exchange } = before?.versions.at(-1)?.terms ?? {};
  if ([seller, buyer, exchange].includes(facts.signer)) return;
  throw new QuanjiError("NOT_FOUND", "there is no such contract of yours", { field: "contract" });
}
