import type { VerifySignature } from "../log/index.js";
import type { World } from "../world/world.js";
import { AccessContract } from "./accesses.js";
import { AttestationContract } from "./attestations.js";
import { BoundaryContract } from "./boundaries.js";
import type { QuanjiContext, QuanjiContract } from "./context.js";
import { GrantContract } from "./grants.js";
import { MarketContract } from "./market.js";
import { NetworkContract } from "./network.js";
import { OpeningsContract } from "./openings.js";
import { OrderContract } from "./orders.js";
import { PartyContract } from "./parties.js";
import { ResourceContract } from "./resources.js";
import { SettlementContract } from "./settlement.js";

export interface ChaincodeOptions {
  readonly verify: VerifySignature;
}

/** All contracts, as fabric-contract-api wants them. */
export const contractsOf = ({ verify }: ChaincodeOptions) => ({
  network: new NetworkContract(verify),
  parties: new PartyContract(verify),
  resources: new ResourceContract(verify),
  attestations: new AttestationContract(verify),
  boundaries: new BoundaryContract(verify),
  orders: new OrderContract(verify),
  grants: new GrantContract(verify),
  openings: new OpeningsContract(verify),
  settlement: new SettlementContract(verify),
  market: new MarketContract(verify),
  accesses: new AccessContract(verify),
});

/** A transaction as the embedded ledger calls it. */
export type Transaction = (world: World, ...args: string[]) => Promise<string>;

export interface ContractTable {
  readonly name: string;
  readonly functions: Readonly<Record<string, Transaction>>;
}

/** The same contract objects, callable over a World without the shim. */
export function createChaincode(options: ChaincodeOptions): readonly ContractTable[] {
  const contracts = contractsOf(options);
  const one = (
    contract: QuanjiContract,
    functions: Record<string, (context: QuanjiContext, argument: string) => Promise<string>>,
  ): ContractTable => ({
    name: contract.getName(),
    functions: Object.fromEntries(
      Object.entries(functions).map(([name, call]): [string, Transaction] => [
        name,
        (world, argument = "") => {
          const context = contract.createContext();
          context.world = world;
          return call(context, argument);
        },
      ]),
    ),
  });
  const submitOf = (
    contract: QuanjiContract & { submit(c: QuanjiContext, a: string): Promise<string> },
  ): ContractTable => one(contract, { submit: (context, argument) => contract.submit(context, argument) });
  const { grants, accesses } = contracts;
  return [
    submitOf(contracts.network),
    submitOf(contracts.parties),
    submitOf(contracts.resources),
    submitOf(contracts.attestations),
    submitOf(contracts.boundaries),
    submitOf(contracts.orders),
    one(grants, {
      submit: (context, argument) => grants.submit(context, argument),
      stop: (context, argument) => grants.stop(context, argument),
      fold: (context, argument) => grants.fold(context, argument),
    }),
    submitOf(contracts.openings),
    submitOf(contracts.settlement),
    submitOf(contracts.market),
    one(accesses, { recordBatch: (context, argument) => accesses.recordBatch(context, argument) }),
  ];
}
