/** Contract 合同: who pays whom for the use of one grant, by which offer's tariff, and how the money is divided. */
import { z } from "zod";
import { canonical, type Limits, LIMITS } from "../../log/canonical.js";
import { QuanjiError } from "../errors.js";
import { PartyId, Uuid } from "../ids.js";
import { CarveOut, MAX_SPLIT_DEPTH } from "../money/split.js";
import {
  type Changed,
  changed,
  type CommandFacts,
  Committed,
  existing,
  Net,
  setOf,
  type Transition,
  transitionFor,
  type Versioned,
} from "../shared.js";
import { Instant, instant, msOf } from "../time.js";
import { nextMonthMs } from "./period.js";

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
export const Payees: z.ZodType<Payees> = z
  .lazy(() =>
    z.strictObject({
      carveOuts: z.array(CarveOut).min(1).max(16).optional(),
      shares: z
        .array(z.strictObject({ weight: Weight, to: z.union([PartyId, Payees]) }))
        .min(1)
        .max(64),
    }),
  )
  .meta({ id: "Payees" });

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
  counterparts: setOf(z.enum(["acceptance", "tally"]), 2, 0),
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
  /** Set once all have signed: from when it applies. Of a version after the first: the first instant of a month. */
  readonly from?: string;
}

export type ContractState = "draft" | "active" | "terminated";

/** `version`: the newest that all have signed, 0 before. `n` counts signatures and the termination, not what settles it. */
export interface Contract extends Versioned {
  readonly v: "quanji.contract.v1";
  readonly id: string;
  /** Its end by `until` is decided, never scheduled. */
  readonly state: ContractState;
  /** Rising; the last one may still want signatures. */
  readonly versions: readonly ContractVersion[];
  readonly ended?: Changed;
}

export type ContractVerb = "contract.sign" | "contract.terminate";

export const CONTRACT_MACHINE: readonly Transition<ContractState, ContractVerb>[] = [
  // Active once all have signed.
  { verb: "contract.sign", from: [undefined, "draft", "active"], to: undefined, who: "seller, buyer and exchange" },
  { verb: "contract.terminate", from: ["draft", "active"], to: "terminated", who: "a party of it" },
];

export type ContractCommand =
  | { readonly verb: "contract.sign"; readonly payload: z.infer<typeof ContractSign> }
  | { readonly verb: "contract.terminate"; readonly payload: z.infer<typeof ContractTerminate> };

/** Who signs: seller, buyer, and the exchange if there is one. */
export const signatoriesOf = ({ seller, buyer, exchange }: ContractTerms): readonly string[] =>
  exchange === undefined ? [seller, buyer] : [seller, buyer, exchange];

/** What is the same in all versions: with another of these it is another contract. */
export const ESSENTIALS = ["offer", "seller", "buyer", "exchange", "grant"] as const;

/** Payload, terms and payees, three levels for each split within, and a weight that is measured. */
export const CONTRACT_LIMITS: Limits = { ...LIMITS, maxDepth: 3 + 3 * MAX_SPLIT_DEPTH };

const MAX_VERSIONS = 64;
/** Grants whose deliveries a statement counts for the split. */
const MAX_MEASURED = 64;

/**
 * The contract after a command, from the contract alone, so that a trail's reader replays it. The contract of the chaincode has
 * checked the offer, the grant and the parties. Errors: STATE_CONFLICT, ROLE_REQUIRED, CONFLICT_OF_INTEREST, BACKDATED,
 * MALFORMED.
 */
export function applyContract(
  contract: Contract | undefined,
  command: ContractCommand,
  facts: CommandFacts,
  timeZone: string,
): Contract {
  transitionFor(CONTRACT_MACHINE, command.verb, contract?.state);
  if (command.verb === "contract.terminate") return terminate(existing(contract, command.verb), facts);
  return sign(contract, command.payload, facts, timeZone);
}

function terminate(contract: Contract, facts: CommandFacts): Contract {
  if (!signatoriesOf(lastTerms(contract)).includes(facts.signer)) {
    throw new QuanjiError("ROLE_REQUIRED", "a contract is terminated by one of its parties");
  }
  assertNotOver(contract, facts.timeMs);
  const ended = changed(facts);
  return { ...contract, state: "terminated", ended, n: contract.n + 1, at: ended };
}

function sign(
  before: Contract | undefined,
  payload: z.infer<typeof ContractSign>,
  facts: CommandFacts,
  timeZone: string,
): Contract {
  const { terms } = payload;
  if (!signatoriesOf(terms).includes(facts.signer)) {
    throw new QuanjiError("ROLE_REQUIRED", "a contract is signed by its seller, its buyer and its exchange");
  }
  checkTerms(terms, facts);
  if (before !== undefined) assertNotOver(before, facts.timeMs);
  const signature = { party: facts.signer, request: facts.request, time: facts.time };
  const open = openVersion(before, payload);
  if (open.signatures.some(({ party }) => party === facts.signer)) {
    throw new QuanjiError("STATE_CONFLICT", "you have signed this version: the others have not all done so", {
      detail: "signed",
    });
  }
  const signed = { ...open, signatures: [...open.signatures, signature] };
  const complete = signatoriesOf(terms).every((party) => signed.signatures.some((one) => one.party === party));
  const version = complete ? { ...signed, from: beginning(before, terms, facts, timeZone) } : signed;
  // A proposal that nobody completed gives way to the next one.
  const earlier = (before?.versions ?? []).filter(({ from }) => from !== undefined);
  return {
    v: "quanji.contract.v1",
    id: payload.contract,
    state: complete ? "active" : (before?.state ?? "draft"),
    versions: [...earlier, version],
    version: complete ? version.version : (before?.version ?? 0),
    n: (before?.n ?? 0) + 1,
    at: changed(facts),
  };
}

/** The version that is being signed, without this signature. Errors: STATE_CONFLICT for another number or other terms. */
function openVersion(before: Contract | undefined, { version, terms }: z.infer<typeof ContractSign>): ContractVersion {
  const last = before?.versions.at(-1);
  if (last?.from === undefined && last?.version === version) {
    if (canonical(last.terms, CONTRACT_LIMITS) === canonical(terms, CONTRACT_LIMITS)) return last;
    throw new QuanjiError("STATE_CONFLICT", "the terms are not those that were signed: all sign the same ones", {
      field: "terms",
      detail: "TERMS_DIFFER",
    });
  }
  const expected = (last?.version ?? 0) + 1;
  if (version !== expected || version > MAX_VERSIONS) {
    throw new QuanjiError("STATE_CONFLICT", `the next version of the contract is ${expected}`, { field: "version" });
  }
  if (last !== undefined) assertSameEssentials(last.terms, terms);
  return { version, terms, signatures: [] };
}

function assertSameEssentials(before: ContractTerms, after: ContractTerms): void {
  const other = ESSENTIALS.find((field) => before[field] !== after[field]);
  if (other === undefined) return;
  throw new QuanjiError("MALFORMED", `with another ${other} it is another contract`, { field: `terms.${other}` });
}

/** The first version applies at once, a change from the next month: no month is divided between two. */
function beginning(before: Contract | undefined, terms: ContractTerms, facts: CommandFacts, timeZone: string): string {
  if (before === undefined || before.state === "draft") return facts.time;
  const from = nextMonthMs(facts.timeMs, timeZone);
  const end = endOf(before);
  if (end !== undefined && end <= from) {
    throw new QuanjiError("STATE_CONFLICT", "the contract ends before the change would apply: sign another contract", {
      detail: "completed",
    });
  }
  if (msOf(terms.until) <= from) {
    throw new QuanjiError(
      "STATE_CONFLICT",
      "the change would be over before it applies: terminate the contract instead",
      {
        field: "terms.until",
      },
    );
  }
  return instant(from);
}

/** What can be judged of terms without any other object. */
function checkTerms(terms: ContractTerms, facts: CommandFacts): void {
  const parties = signatoriesOf(terms);
  if (new Set(parties).size !== parties.length) {
    throw new QuanjiError("CONFLICT_OF_INTEREST", "seller, buyer and exchange are three parties", { field: "terms" });
  }
  if (msOf(terms.until) <= facts.timeMs) {
    throw new QuanjiError("BACKDATED", "the contract would be over already", { field: "terms.until" });
  }
  const { grants, depth } = namedIn(terms.payees);
  if (depth > MAX_SPLIT_DEPTH) {
    throw new QuanjiError("MALFORMED", `splits lie at most ${MAX_SPLIT_DEPTH} deep`, { field: "terms.payees" });
  }
  if (grants.length > MAX_MEASURED) {
    throw new QuanjiError("MALFORMED", `a split is measured by at most ${MAX_MEASURED} grants`, {
      field: "terms.payees",
    });
  }
}

export interface NamedIn {
  /** Who may be paid: each once, in the order in which they appear. */
  readonly parties: readonly string[];
  /** Grants whose deliveries are a weight. */
  readonly grants: readonly string[];
  readonly depth: number;
}

export function namedIn(payees: Payees): NamedIn {
  const below = payees.shares.flatMap(({ to }) => (typeof to === "string" ? [] : [namedIn(to)]));
  const direct = payees.shares.flatMap(({ to }) => (typeof to === "string" ? [to] : []));
  const weights = payees.shares.flatMap(({ weight }) => (typeof weight === "number" ? [] : [weight.grant]));
  const carved = (payees.carveOuts ?? []).map(({ party }) => party);
  return {
    parties: [...new Set([...carved, ...direct, ...below.flatMap(({ parties }) => parties)])],
    grants: [...new Set([...weights, ...below.flatMap(({ grants }) => grants)])],
    depth: 1 + Math.max(0, ...below.map(({ depth }) => depth)),
  };
}

const lastTerms = (contract: Contract): ContractTerms => existing(contract.versions.at(-1), "contract.sign").terms;

/** When the first version began to apply; undefined of a draft. */
export const activation = (contract: Contract): string | undefined => contract.versions[0]?.from;

/** The newest version that applies at a time. */
export const versionAt = (contract: Contract, timeMs: number): ContractVersion | undefined =>
  contract.versions.findLast(({ from }) => from !== undefined && msOf(from) <= timeMs);

/** When it ends, or has ended, as far as is known; undefined of a draft. Deliveries from then on are not billed by it. */
export function endOf(contract: Contract): number | undefined {
  if (contract.ended !== undefined) return msOf(contract.ended.time);
  let end: number | undefined;
  for (const { from, terms } of contract.versions) {
    if (from !== undefined && (end === undefined || msOf(from) < end)) end = msOf(terms.until);
  }
  return end;
}

/** Errors: STATE_CONFLICT once a signed contract's `until` is past. */
function assertNotOver(contract: Contract, timeMs: number): void {
  const end = endOf(contract);
  if (contract.state !== "active" || end === undefined || timeMs < end) return;
  throw new QuanjiError("STATE_CONFLICT", "the contract is over", { detail: "completed" });
}
