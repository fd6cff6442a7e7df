/** Contract 合同: who pays whom for the use of one grant, by which offer's tariff, and how the money is divided. */
import { z } from "zod";
import { PartyId, Uuid } from "../ids.js";
import { CarveOut } from "../money/split.js";
import { type Changed, Committed, Net, type Versioned } from "../shared.js";
import { Instant } from "../time.js";

/** A weight, or one that is measured: how many deliveries under a grant (on a parent, say) the period saw. */
const Weight = z.union([z.int().min(1).max(1_000_000), z.strictObject({ grant: Uuid })]);
export type Weight = z.infer<typeof Weight>;

export interface PayeeShare {
  readonly weight: Weight;
  readonly to: string | Payees;
}
/** As signed; {@link ../money/split.ts} divides by it once its weights are known. */
export interface Payees {
  readonly carveOuts?: readonly CarveOut[] | undefined;
  readonly shares: readonly PayeeShare[];
}
export const Payees: z.ZodType<Payees> = z.lazy(() =>
  z.strictObject({
    carveOuts: z.array(CarveOut).min(1).max(16).optional(),
    shares: z
      .array(z.strictObject({ weight: Weight, to: z.union([PartyId, Payees]) }))
      .min(1)
      .max(64),
  }),
);

export const ContractTerms = z.strictObject({
  offer: Uuid,
  seller: PartyId,
  buyer: PartyId,
  /** The exchange of the offer: it closes statements and issues documents; without one the seller does. */
  exchange: PartyId.optional(),
  /** Deliveries under it are what is billed. */
  grant: Uuid,
  until: Instant,
  payees: Payees,
  /** Days after a statement's closing in which it can be disputed. */
  disputeDays: z.int().min(1).max(90),
  /** Sides whose word a delivery needs before it is billed: the user's acceptance, the source's tally. */
  counterparts: z.array(z.enum(["acceptance", "tally"])).max(2),
  /** Who signs the figures of a tariff that pays by performance. */
  measurer: PartyId.optional(),
});
export type ContractTerms = z.infer<typeof ContractTerms>;

/** Each party signs the whole terms. Version 1 is the contract; a next one changes it from the first month after all have signed. */
export const ContractSign = z.strictObject({
  ...Net,
  contract: Uuid,
  version: z.int().min(1),
  terms: ContractTerms,
});
export const ContractTerminate = z.strictObject({ ...Net, contract: Uuid, ground: Committed.optional() });

export interface ContractVersion {
  readonly version: number;
  readonly terms: ContractTerms;
  readonly signatures: readonly { readonly party: string; readonly request: string; readonly time: string }[];
  /** Set once all have signed: from when it applies. */
  readonly from?: string;
}

export interface Contract extends Versioned {
  readonly v: "quanji.contract.v1";
  readonly id: string;
  readonly state: "draft" | "active" | "terminated";
  /** Rising; the last one may still want signatures. */
  readonly versions: readonly ContractVersion[];
  readonly ended?: Changed;
}
