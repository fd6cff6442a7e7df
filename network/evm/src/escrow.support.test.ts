/** What the escrow's tests share: a node, the contract and tokens on it, and calls by anybody at any time. */
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { json } from "node:stream/consumers";
import {
  type Interface,
  Interface as Abi,
  isHexString,
  JsonRpcProvider,
  keccak256,
  toBeHex,
  toUtf8Bytes,
  Wallet,
} from "ethers";
import { compileFile, readArtifact, readSources } from "./compile.js";
import { deploy } from "./deploy.js";
import {
  type Claim,
  claimDigest,
  contractTopic,
  dealOf,
  type EscrowPlace,
  periodBytes,
  type Portion,
  type Resolution,
  type Terms,
} from "./escrow.js";
import { type LocalNode, startNode } from "./node.js";

export const hash = (text: string): string => keccak256(toUtf8Bytes(text));
/** The wallet of that name: the same in every run. */
export const walletOf = (name: string): Wallet => new Wallet(hash(`key of ${name}`));
export const addressOf = (name: string): string => walletOf(name).address.toLowerCase();

/** Wallets in ascending order of address, as the signers of a deal stand. */
export const SIGNERS = ["first", "second", "third", "fourth"].map(walletOf).sort(byAddress);
function byAddress(a: Wallet, b: Wallet): number {
  return a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1;
}

export interface Outcome {
  /** `taken`, or the name of the error that it reverted with. */
  readonly result: string;
  readonly args: readonly unknown[];
  readonly gas: number;
  /** The escrow's events. */
  readonly events: readonly { readonly name: string; readonly args: Readonly<Record<string, unknown>> }[];
}

const TOKENS = ["GoodToken", "SilentToken", "FalseToken", "FeeToken", "HookToken"] as const;
export type TokenName = (typeof TOKENS)[number];
const GAS = 6_000_000;

export class Stage {
  readonly node: LocalNode;
  readonly provider: JsonRpcProvider;
  readonly deployer: Wallet;
  readonly escrow: Interface;
  readonly tokens: Readonly<Record<TokenName, { readonly address: string; readonly abi: Interface }>>;
  readonly place: EscrowPlace;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #auditor: { readonly address: string; readonly abi: Interface } | undefined;

  private constructor(parts: Pick<Stage, "node" | "provider" | "deployer" | "escrow" | "tokens" | "place">) {
    this.node = parts.node;
    this.provider = parts.provider;
    this.deployer = parts.deployer;
    this.escrow = parts.escrow;
    this.tokens = parts.tokens;
    this.place = parts.place;
  }

  /** One request over a connection that is kept: a fifth of what the provider takes. */
  async send(method: string, params: readonly unknown[]): Promise<unknown> {
    const { hostname, port } = new URL(this.node.endpoint);
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const headers = { "content-type": "application/json" };
    const asked = request({ hostname, port, method: "POST", agent: this.#agent, headers });
    const [answer] = (await once(asked.end(body), "response")) as [IncomingMessage];
    const { result, error } = (await json(answer)) as { result?: unknown; error?: { message: string } };
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  static async open(): Promise<Stage> {
    const node = await startNode();
    const provider = new JsonRpcProvider(node.endpoint, node.chain, {
      staticNetwork: true,
      cacheTimeout: -1,
      batchMaxCount: 1,
    });
    provider.pollingInterval = 20;
    await provider.send("anvil_autoImpersonateAccount", [true]);
    const deployer = new Wallet(node.keys[0]!, provider);
    const place = await deploy("Escrow", deployer);
    const compiled = compileFile("testing/Tokens.sol", await readSources(), false);
    const tokens: Partial<Record<TokenName, { address: string; abi: Interface }>> = {};
    const stage = new Stage({
      node,
      provider,
      deployer,
      escrow: new Abi((await readArtifact("Escrow")).abi),
      tokens: tokens as Record<TokenName, { address: string; abi: Interface }>,
      place,
    });
    for (const name of TOKENS) {
      const { abi, bytecode } = compiled.find(({ contract }) => contract === name)!;
      tokens[name] = { address: await stage.create(bytecode), abi: new Abi(abi) };
    }
    return stage;
  }

  async close(): Promise<void> {
    this.provider.destroy();
    this.#agent.destroy();
    await this.node.close();
  }

  /** Deploys code; returns its address. */
  async create(bytecode: string): Promise<string> {
    const from = this.deployer.address;
    const receipt = (await this.send("eth_sendTransactionSync", [{ from, data: bytecode, gas: toBeHex(GAS) }])) as {
      contractAddress: string;
    };
    return receipt.contractAddress.toLowerCase();
  }

  async fund(accounts: readonly string[]): Promise<void> {
    for (const account of accounts) await this.send("anvil_setBalance", [account, "0x3635c9adc5dea00000"]);
  }

  async now(): Promise<number> {
    return Number(((await this.send("eth_getBlockByNumber", ["latest", false])) as { timestamp: string }).timestamp);
  }

  /** A transaction by anybody, mined at once. `at`: time of its block; later than the last. */
  async act(from: string, to: string, data: string, at?: number): Promise<Outcome> {
    if (at !== undefined) await this.send("evm_setNextBlockTimestamp", [at]);
    const receipt = (await this.send("eth_sendTransactionSync", [{ from, to, data, gas: toBeHex(GAS) }])) as {
      transactionHash: string;
      status: string;
      gasUsed: string;
      logs: { address: string; topics: string[]; data: string }[];
    };
    const common = { gas: Number(receipt.gasUsed) };
    if (receipt.status === "0x1") {
      // The tokens have no events.
      const events = receipt.logs
        .map((log) => this.escrow.parseLog(log)!)
        .map(({ name, args }) => ({ name, args: args.toObject() as Record<string, unknown> }));
      return { ...common, result: "taken", args: [], events };
    }
    const trace = (await this.send("debug_traceTransaction", [receipt.transactionHash, { tracer: "callTracer" }])) as {
      output?: string;
      error?: string;
    };
    const output = trace.output ?? "0x";
    const error = isHexString(output) && output.length >= 10 ? this.escrow.parseError(output) : null;
    return { ...common, result: error?.name ?? trace.error ?? "?", args: error?.args.toArray() ?? [], events: [] };
  }

  /** A transaction by anybody; the token that calls back is an account of its own, and acts through itself. */
  async by(from: string, to: string, data: string, at?: number): Promise<Outcome> {
    const { address, abi } = this.tokens.HookToken;
    if (from !== address) return this.act(from, to, data, at);
    return this.act(this.deployer.address, address, abi.encodeFunctionData("act", [to, data]), at);
  }

  /** A call of the escrow. */
  async call(
    from: string,
    method: string,
    args: readonly unknown[],
    at?: number,
    to = this.place.address,
  ): Promise<Outcome> {
    return this.by(from, to, this.escrow.encodeFunctionData(method, args), at);
  }

  async token(name: TokenName, from: string, method: string, args: readonly unknown[]): Promise<Outcome> {
    const { address, abi } = this.tokens[name];
    return this.act(from, address, abi.encodeFunctionData(method, args));
  }

  /** A read, decoded: the one value that it answers. */
  async read(method: string, args: readonly unknown[], to = this.place.address, abi = this.escrow): Promise<unknown> {
    const data = abi.encodeFunctionData(method, args);
    const answer = (await this.send("eth_call", [{ to, data }, "latest"])) as string;
    return abi.decodeFunctionResult(method, answer)[0] as unknown;
  }

  /** All that an escrow says of tokens, accounts, deals and claims, as words: see Auditor.sol. */
  async audit(args: readonly unknown[]): Promise<bigint[]> {
    if (this.#auditor === undefined) {
      const { abi, bytecode } = compileFile("testing/Auditor.sol", await readSources(), false)[0]!;
      this.#auditor = { address: await this.create(bytecode), abi: new Abi(abi) };
    }
    const { address: to, abi } = this.#auditor;
    const data = abi.encodeFunctionData("look", args);
    const answer = (await this.send("eth_call", [{ to, data }, "latest"])) as string;
    const words = answer.slice(2 + 2 * 64).match(/.{64}/g) ?? [];
    return words.map((word) => BigInt(`0x${word}`));
  }

  /** Mints and approves, so that a payer can lock. */
  async provide(name: TokenName, account: string, amount: bigint): Promise<void> {
    await this.token(name, this.deployer.address, "mint", [account, amount]);
    await this.token(name, account, "approve", [this.place.address, amount]);
  }
}

/** Terms that differ from all others by their contract. Two of three must sign. */
export function termsOf(stage: Stage, name: string, now: number, more: Partial<Terms> = {}): Terms {
  return {
    contractId: contractTopic(name),
    payer: addressOf("payer"),
    token: stage.tokens.GoodToken.address,
    limit: 1_000_000n,
    unit: 10n,
    signers: SIGNERS.slice(0, 3).map(({ address }) => address.toLowerCase()),
    threshold: 2,
    disputeSeconds: 100,
    expires: now + 10_000,
    ...more,
  };
}

export function claimFor(terms: Terms, name: string, portions: readonly Portion[], more: Partial<Claim> = {}): Claim {
  return { deal: dealOf(terms), root: hash(name), period: "2026-10", revision: 0, portions, ...more };
}

/** Signatures by key, without asking the node: ascending by signer. */
export function signaturesOf(place: EscrowPlace, what: Claim | Resolution, signers: readonly Wallet[]): string[] {
  const digest = claimDigest(place, what);
  return [...signers].sort(byAddress).map((signer) => signer.signingKey.sign(digest).serialized);
}

export const claimArgs = (claim: Claim, signatures: readonly string[]): readonly unknown[] => [
  { deal: claim.deal, root: claim.root, period: periodBytes(claim.period), revision: claim.revision },
  claim.portions,
  signatures,
];
export const resolveArgs = (what: Resolution, signatures: readonly string[]): readonly unknown[] => [
  what.deal,
  what.root,
  what.portions,
  signatures,
];
