/** The escrow contract through any JSON-RPC endpoint: what a payer, signers, payees and anybody do with it. */
import { Contract, type ContractRunner, type ContractTransactionReceipt, type Wallet } from "ethers";
import { contractAt, deploy, type Place, sent } from "./deploy.js";
import {
  type Claim,
  claimDigest,
  type EscrowPlace,
  orderSignatures,
  periodBytes,
  type Portion,
  type Resolution,
  type Terms,
} from "./escrow.js";
import { type ClaimState, refusalOf, STATES } from "./escrow-refusals.js";

/** A deal as it stands in the contract. */
export interface Deal {
  readonly payer: string;
  readonly token: string;
  readonly limit: bigint;
  /** All that was ever locked. */
  readonly arrived: bigint;
  /** Locked, and neither claimed nor gone back. */
  readonly free: bigint;
  readonly unit: bigint;
  readonly signers: readonly string[];
  readonly threshold: number;
  readonly disputeSeconds: number;
  readonly expires: number;
  readonly cancelled: boolean;
}

export interface ClaimRow {
  readonly state: ClaimState;
  readonly total: bigint;
  /** Pending: end of the payer's window. Disputed: end of the signers'. Seconds since 1970. */
  readonly end: number;
  /** Block of the claim. */
  readonly number: number;
  readonly reason: string;
}

type Receipt = ContractTransactionReceipt;
/** As ethers decodes it. */
type DealRow = {
  readonly [K in keyof Deal]: Deal[K] extends number ? bigint : Deal[K];
};

const TOKEN_ABI = [
  "function allowance(address owner, address spender) view returns (uint256)",
  "function approve(address spender, uint256 amount)",
];

/** Deploys one: it has no owner and no parameters. Errors: the endpoint's, and the chain's. */
export const deployEscrow = (payer: Wallet, confirmations = 1): Promise<Place> =>
  deploy("Escrow", payer, [], confirmations);

/** Errors of every method: the endpoint's, and QuanjiErrors where the contract refuses (`detail` is its own name for it). */
export class Escrow {
  readonly place: EscrowPlace;
  readonly #contract: Contract;

  private constructor(contract: Contract, place: EscrowPlace) {
    this.#contract = contract;
    this.place = place;
  }

  /** `runner`: a wallet for whoever acts, a provider for whoever looks. */
  static async at(place: EscrowPlace, runner: ContractRunner): Promise<Escrow> {
    return new Escrow(await contractAt("Escrow", place.address, runner), place);
  }

  /** By the payer. */
  async open(terms: Terms): Promise<Receipt> {
    return this.#send("open", terms);
  }

  /** Lets the escrow take `amount` of the deal's token from this wallet, and locks it. By the payer. */
  async lock(deal: string, amount: bigint): Promise<Receipt> {
    const { token } = await this.deal(deal);
    await this.#told(() => this.#allow(token, amount));
    return this.#send("lock", deal, amount);
  }

  /** With signatures in any order, by anybody. */
  async claim(claim: Claim, signatures: readonly string[]): Promise<Receipt> {
    const { deal, root, period, revision, portions } = claim;
    const ordered = orderSignatures(claimDigest(this.place, claim), signatures);
    return this.#send("claim", { deal, root, period: periodBytes(period), revision }, portions, ordered);
  }

  /** By the payer. `reason`: hash of what it says on the ledger. */
  async dispute(deal: string, root: string, reason: string): Promise<Receipt> {
    return this.#send("dispute", deal, root, reason);
  }

  /** With signatures in any order, by anybody. */
  async resolve(resolution: Resolution, signatures: readonly string[]): Promise<Receipt> {
    const { deal, root, portions } = resolution;
    return this.#send(
      "resolve",
      deal,
      root,
      portions,
      orderSignatures(claimDigest(this.place, resolution), signatures),
    );
  }

  async lapse(deal: string, root: string): Promise<Receipt> {
    return this.#send("lapse", deal, root);
  }

  /** The portions are those of the claim: they are read from its event where they are not given. */
  async settle(deal: string, root: string, portions?: readonly Portion[]): Promise<Receipt> {
    return this.#send("settle", deal, root, portions ?? (await this.portions(deal, root)));
  }

  async cancel(deal: string): Promise<Receipt> {
    return this.#send("cancel", deal);
  }

  /** By whose balance it is. */
  async withdraw(token: string, to: string, amount: bigint): Promise<Receipt> {
    return this.#send("withdraw", token, to, amount);
  }

  async deal(deal: string): Promise<Deal> {
    const row = (await this.#call("dealOf", deal)) as DealRow;
    return {
      payer: row.payer.toLowerCase(),
      token: row.token.toLowerCase(),
      limit: row.limit,
      arrived: row.arrived,
      free: row.free,
      unit: row.unit,
      signers: [...row.signers].map((signer) => signer.toLowerCase()),
      threshold: Number(row.threshold),
      disputeSeconds: Number(row.disputeSeconds),
      expires: Number(row.expires),
      cancelled: row.cancelled,
    };
  }

  /** State `none` where there is no such claim. */
  async claimRow(deal: string, root: string): Promise<ClaimRow> {
    const { state, total, end, number, reason } = (await this.#call("claimOf", deal, root)) as Record<
      "state" | "total" | "end" | "number",
      bigint
    > & { readonly reason: string };
    return { state: STATES[Number(state)] ?? "none", total, end: Number(end), number: Number(number), reason };
  }

  /** Portions of a claim, as its event has them. None where there is no such claim. */
  async portions(deal: string, root: string): Promise<readonly Portion[]> {
    const { state, number } = await this.claimRow(deal, root);
    if (state === "none") return [];
    const filter = this.#contract.filters["Claimed"]?.(deal, root);
    const events = filter === undefined ? [] : await this.#contract.queryFilter(filter, number, number);
    const found = events.map((event) => ("args" in event ? (event.args["portions"] as Portion[]) : []))[0] ?? [];
    return found.map(({ payee, amount }) => ({ payee: payee.toLowerCase(), amount }));
  }

  /** What an account may take out. */
  async balance(token: string, account: string): Promise<bigint> {
    return (await this.#call("balances", token, account)) as bigint;
  }

  /** All of a token that is in the contract by its own books: no less than this must be the contract's at the token. */
  async held(token: string): Promise<bigint> {
    return (await this.#call("held", token)) as bigint;
  }

  /** First to 0, since some tokens refuse to change an allowance that is left (USDT). */
  async #allow(token: string, amount: bigint): Promise<void> {
    const payer = (this.#contract.runner as Wallet).address;
    const erc20 = new Contract(token, TOKEN_ABI, this.#contract.runner);
    const left = (await erc20.getFunction("allowance").staticCall(payer, this.place.address)) as bigint;
    if (left >= amount) return;
    if (left > 0n) await sent(erc20, "approve", this.place.address, 0n);
    await sent(erc20, "approve", this.place.address, amount);
  }

  async #send(method: string, ...args: readonly unknown[]): Promise<Receipt> {
    return this.#told(() => sent(this.#contract, method, ...args));
  }

  async #call(method: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#told(() => this.#contract.getFunction(method).staticCall(...args) as Promise<unknown>);
  }

  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw refusalOf(error, this.#contract.interface);
    }
  }
}
