/** Offers, contracts and statements of a file's chains, replayed by the domain's own functions, so that nobody's word is taken for them. */
import {
  applyContract,
  applyOffer,
  applyStatement,
  type Contract,
  CONTRACT_MACHINE,
  contractMonth,
  type Grant,
  monthAfter,
  type Offer,
  OFFER_MACHINE,
  type SettlementCommand,
  signedIndicator,
  type SignedIndicator,
  type Statement,
  STATEMENT_VERBS,
  type CommandFacts,
} from "@quanji/chaincode/domain";
import type { CommandChain } from "./chains.js";
import type { AnyCommand, ChainCommand } from "./commands.js";
import { factsOf } from "./signers.js";
import type { Timeline } from "./timeline.js";
import { refuse } from "./verdict.js";

/** States at the ends of their chains. Empty for a trail that has no such chains. */
export interface Market {
  readonly offers: ReadonlyMap<string, Offer>;
  readonly contracts: ReadonlyMap<string, Contract>;
  /** By {@link statementName}. */
  readonly statements: ReadonlyMap<string, Statement>;
  /** Figures that the contracts' measurers have signed, by the same name. */
  readonly indicators: ReadonlyMap<string, SignedIndicator>;
}

export const statementName = (contract: string, period: string): string => `${contract} ${period}`;

export const NO_MARKET: Market = {
  offers: new Map(),
  contracts: new Map(),
  statements: new Map(),
  indicators: new Map(),
};

export interface MarketContext {
  /** Facts of a command whose signature and signer were checked. */
  readonly verified: (item: ChainCommand) => Promise<CommandFacts>;
  readonly grants: ReadonlyMap<string, Timeline<Grant>>;
  readonly timeZone: string;
  /** Runs a transition of the domain. Errors: COMMAND_REFUSED for what it refuses. */
  readonly applied: <T>(transition: () => T) => T;
}

type CommandOf<V extends AnyCommand["verb"]> = Extract<AnyCommand, { readonly verb: V }>;

function isOneOf<V extends AnyCommand["verb"]>(command: AnyCommand, verbs: readonly V[]): command is CommandOf<V> {
  return verbs.some((verb) => verb === command.verb);
}

const OFFER_VERBS = OFFER_MACHINE.map(({ verb }) => verb);
const CONTRACT_VERBS = CONTRACT_MACHINE.map(({ verb }) => verb);

/** What a replay reads of a chain. */
export type SoldChain = Pick<CommandChain, "key" | "commands" | "withheld">;

const foreign = (): never => refuse("CHAIN_KEY", "the command is not one of this chain's object");

/**
 * Errors: CHAIN_MISSING (a contract's offer is not in the file), CHAIN_KEY (it lives elsewhere), COMMAND_REFUSED, and those of
 * `verified`.
 */
export async function replayMarket(chains: readonly SoldChain[], context: MarketContext): Promise<Market> {
  const offers = new Map<string, Offer>();
  const scopes = new Map(chains.map(({ key }) => [`${key.kind} ${key.id}`, key.scope]));
  for (const chain of chains.filter(({ key }) => key.kind === "offer")) {
    offers.set(chain.key.id, await offerOf(chain, context));
  }
  const contracts = new Map<string, Contract>();
  const statements = new Map<string, Statement>();
  const indicators = new Map<string, SignedIndicator>();
  for (const chain of chains.filter(({ key }) => key.kind === "contract")) {
    const replay = new ContractReplay(offers, context, chain.withheld.length > 0);
    for (const item of chain.commands) replay.add(item, await context.verified(item));
    const contract = replay.contract;
    assertPlace(chain, contract, scopes, context.grants);
    contracts.set(chain.key.id, contract);
    for (const [period, signed] of replay.indicators) indicators.set(statementName(contract.id, period), signed);
    for (const statement of replay.statements) {
      statements.set(statementName(statement.contract, statement.period), statement);
    }
  }
  return { offers, contracts, statements, indicators };
}

async function offerOf(
  { commands }: Pick<CommandChain, "commands">,
  { verified, timeZone, applied }: MarketContext,
): Promise<Offer> {
  let offer: Offer | undefined;
  for (const item of commands) {
    const facts = await verified(item);
    const { command } = item;
    if (!isOneOf(command, OFFER_VERBS)) return foreign();
    offer = applied(() => applyOffer(offer, command, facts, timeZone));
  }
  return offer ?? refuse("CHAIN_MISSING", "the chain of an offer has no command");
}

/** Offer, contract and grant live with one organisation, and the grant is between the contract's two sides. */
function assertPlace(
  { key }: Pick<CommandChain, "key">,
  { versions }: Contract,
  scopes: ReadonlyMap<string, string>,
  grants: MarketContext["grants"],
): void {
  for (const { terms } of versions) {
    const offer = scopes.get(`offer ${terms.offer}`);
    if (offer === undefined) refuse("CHAIN_MISSING", "the chain of a contract's offer is not in the file");
    const grant = grants.get(terms.grant)?.last;
    const elsewhere = offer !== key.scope || (grant !== undefined && scopes.get(`grant ${terms.grant}`) !== key.scope);
    if (elsewhere) refuse("CHAIN_KEY", "a contract is of another organisation than its offer, or than its grant");
    if (grant !== undefined && (grant.grantor !== terms.seller || grant.grantee !== terms.buyer)) {
      refuse("COMMAND_REFUSED", "a contract bills a grant between other parties");
    }
  }
}

/** One contract's chain: its versions, and what happened to each month's money. */
class ContractReplay {
  readonly #offers: ReadonlyMap<string, Offer>;
  readonly #context: MarketContext;
  readonly #isPartial: boolean;
  readonly #statements = new Map<string, Statement>();
  readonly #indicators = new Map<string, SignedIndicator>();
  #contract: Contract | undefined;

  /** @param isPartial whether commands on other months are withheld: then months need not follow on each other here */
  constructor(offers: ReadonlyMap<string, Offer>, context: MarketContext, isPartial: boolean) {
    this.#offers = offers;
    this.#context = context;
    this.#isPartial = isPartial;
  }

  get contract(): Contract {
    return this.#contract ?? refuse("CHAIN_MISSING", "the chain of a contract has no signature");
  }

  get statements(): Iterable<Statement> {
    return this.#statements.values();
  }

  get indicators(): ReadonlyMap<string, SignedIndicator> {
    return this.#indicators;
  }

  add({ command }: ChainCommand, facts: CommandFacts): void {
    const { timeZone, applied } = this.#context;
    if (isOneOf(command, CONTRACT_VERBS)) {
      this.#contract = applied(() => applyContract(this.#contract, command, facts, timeZone));
    } else if (command.verb === "indicator.sign") {
      const { period } = command.payload;
      const [before, statement] = [this.#indicators.get(period), this.#statements.get(period)];
      const parts = { ...this.#month(period), statement };
      this.#indicators.set(
        period,
        applied(() => signedIndicator(before, command.payload, facts, parts)),
      );
    } else if (isOneOf(command, STATEMENT_VERBS)) {
      this.#settle(command, facts);
    } else foreign();
  }

  #settle(command: SettlementCommand, facts: CommandFacts): void {
    const { period } = command.payload;
    // It takes weights from other months, which such a file does not show: amounts hold without it, its portions are not claimed.
    if (this.#isPartial && command.verb === "statement.adjust" && command.payload.kind === "assign") return;
    const last = monthAfter(period, -1);
    const parts = {
      ...this.#month(period),
      before: this.#statements.get(last) ?? (this.#isPartial ? { period: last } : undefined),
      indicator: this.#indicators.get(period),
      others: [...this.#statements.values()].filter((each) => each.period !== period),
    };
    const statement = this.#statements.get(period);
    this.#statements.set(
      period,
      this.#context.applied(() => applyStatement(statement, command, facts, parts)),
    );
  }

  #month(period: string): { readonly contract: Contract; readonly offer: Offer; readonly timeZone: string } {
    const { timeZone, applied } = this.#context;
    const { contract } = this;
    const { terms } = applied(() => contractMonth(contract, period, timeZone)).version;
    const offer = this.#offers.get(terms.offer);
    if (offer === undefined) return refuse("CHAIN_MISSING", "the chain of a contract's offer is not in the file");
    return { contract, offer, timeZone };
  }
}

/** What chains would lead to, were all that they say true: for who has no trust file, or has not read the file whole. */
export const replayUnverified = (chains: readonly SoldChain[], timeZone: string): Promise<Market> =>
  replayMarket(chains, {
    verified: (item) => Promise.resolve(factsOf(item, ["regulator"])),
    grants: new Map(),
    timeZone,
    applied: (transition) => transition(),
  });
