/** The anchor contract behind a JSON-RPC endpoint, as much of it as anchoring needs. */
import { bigEndian, encodeRlp, fromHex, type Rlp, typed } from "@quanji/client/verify";
import { QuanjiError } from "@quanji/chaincode/domain";
import { Contract, FetchRequest, Interface, JsonRpcProvider, Network, Wallet } from "ethers";

/** What the contract of `network/evm` offers, as far as it is used here; a test there compares the two. */
export const ANCHOR_ABI = [
  "function anchor(bytes32 log, uint64 size, bytes32 root, bytes32[] proof)",
  "function head(bytes32 log) view returns (uint64 size, bytes32 root, uint64 number)",
  "event Anchored(bytes32 indexed log, uint64 indexed size, bytes32 root, uint256 chain)",
];

export interface ContractHead {
  readonly size: number;
  readonly root: string;
}

export interface AnchoredEvent {
  readonly size: number;
  readonly root: string;
  readonly block: string;
  readonly number: number;
  readonly transaction: number;
  /** Position of the transaction in the chain's own name for it. */
  readonly hash: string;
}

/** A block and the receipts of all its transactions, each as its trie holds it. */
export interface BlockContent {
  readonly header: Uint8Array;
  readonly receipts: readonly Uint8Array[];
  /** Hashes of the contract's events, by transaction: the positions of those with the topic asked for. */
  readonly logs: readonly (readonly RpcLog[])[];
}

export interface ChainOptions {
  readonly endpoint: string;
  readonly chain: number;
  readonly contract: string;
  /** Of who pays and publishes: 0x and 64 hex digits. */
  readonly key: string;
  /** For one question, ms. */
  readonly timeoutMs: number;
}

export interface RpcLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}
interface RpcReceipt {
  readonly type?: string;
  readonly status: string;
  readonly cumulativeGasUsed: string;
  readonly logsBloom: string;
  readonly logs: readonly RpcLog[];
}
type RpcBlock = Readonly<Record<string, unknown>> & { readonly hash: string; readonly transactions: readonly string[] };

/** Endpoints refuse questions about too many blocks at once. */
const BLOCKS_AT_ONCE = 1_000;

export class Chain {
  readonly #provider: JsonRpcProvider;
  readonly #contract: Contract;
  readonly #wallet: Wallet;
  readonly #options: ChainOptions;

  constructor(options: ChainOptions) {
    const request = new FetchRequest(options.endpoint);
    request.timeout = options.timeoutMs;
    // Retrying is the anchorer's business: it comes again.
    request.setThrottleParams({ maxAttempts: 1 });
    const network = Network.from(options.chain);
    this.#provider = new JsonRpcProvider(request, network, { staticNetwork: network, cacheTimeout: -1 });
    this.#wallet = new Wallet(options.key, this.#provider);
    this.#contract = new Contract(options.contract, new Interface(ANCHOR_ABI), this.#wallet);
    this.#options = options;
  }

  /** That the endpoint is of the chain that is configured. Errors: CONFIG_INVALID; the endpoint's. */
  async assertChain(): Promise<void> {
    const id = Number(await this.#send<string>("eth_chainId", []));
    if (id === this.#options.chain) return;
    throw new QuanjiError("CONFIG_INVALID", `anchor.endpoint is of chain ${id}, not ${this.#options.chain}`, {
      field: "anchor.chain",
    });
  }

  async newest(): Promise<number> {
    return Number(await this.#send<string>("eth_blockNumber", []));
  }

  /** Of the newest block. */
  async head(log: string): Promise<ContractHead> {
    const [size, root] = (await this.#contract.getFunction("head").staticCall(log)) as [bigint, string];
    return { size: Number(size), root };
  }

  /** Whether something that this key sent has not come into a block yet. */
  async isWaiting(): Promise<boolean> {
    const { address } = this.#wallet;
    const [latest, pending] = await Promise.all(
      ["latest", "pending"].map((tag) => this.#provider.getTransactionCount(address, tag)),
    );
    return (pending ?? 0) > (latest ?? 0);
  }

  /** Hash of the transaction; what comes of it, blocks tell. Errors: as the contract reverts; the endpoint's. */
  async publish(log: string, size: number, root: string, proof: readonly string[]): Promise<string> {
    const { hash } = await this.#contract.getFunction("anchor").send(log, size, root, proof);
    return hash;
  }

  /** The events of a log in blocks `from`…`to`, oldest first. */
  async *events(log: string, from: number, to: number): AsyncGenerator<AnchoredEvent> {
    const { topicHash } = this.#contract.getEvent("Anchored").fragment;
    for (let start = from; start <= to; start += BLOCKS_AT_ONCE) {
      const found = await this.#provider.getLogs({
        address: this.#options.contract,
        topics: [topicHash, log],
        fromBlock: start,
        toBlock: Math.min(to, start + BLOCKS_AT_ONCE - 1),
      });
      for (const one of found) {
        const said = this.#contract.interface.parseLog(one);
        if (said === null || one.removed) continue;
        const { size, root } = said.args as unknown as { readonly size: bigint; readonly root: string };
        const { blockHash: block, blockNumber: number, transactionIndex, transactionHash: hash } = one;
        yield { size: Number(size), root, block, number, transaction: transactionIndex, hash };
      }
    }
  }

  /** Undefined: the chain has no such block any more. */
  async hashAt(number: number): Promise<string | undefined> {
    const block = await this.#send<RpcBlock | null>("eth_getBlockByNumber", [quantity(number), false]);
    return block?.hash;
  }

  /** Errors: NOT_FOUND where the block is gone; the endpoint's. */
  async content(hash: string): Promise<BlockContent> {
    const block = await this.#send<RpcBlock | null>("eth_getBlockByHash", [hash, false]);
    if (block === null) throw new QuanjiError("NOT_FOUND", `the chain has no block ${hash} any more`);
    const receipts = await this.#receipts(hash, block.transactions);
    return {
      header: encodeRlp(headerOf(block)),
      receipts: receipts.map(receiptOf),
      logs: receipts.map(({ logs }) => logs),
    };
  }

  /** In one question, or where an endpoint does not know it, in one a transaction. */
  async #receipts(hash: string, transactions: readonly string[]): Promise<readonly RpcReceipt[]> {
    try {
      const all = await this.#send<readonly RpcReceipt[] | null>("eth_getBlockReceipts", [hash]);
      if (all?.length === transactions.length) return all;
    } catch {
      // Not every endpoint has this question; the other one they all have, and its fault is told.
    }
    const receipts: RpcReceipt[] = [];
    for (const transaction of transactions) {
      const receipt = await this.#send<RpcReceipt | null>("eth_getTransactionReceipt", [transaction]);
      if (receipt === null) throw new QuanjiError("NOT_FOUND", `the chain has no transaction ${transaction} any more`);
      receipts.push(receipt);
    }
    return receipts;
  }

  async #send<T>(method: string, params: readonly unknown[]): Promise<T> {
    return (await this.#provider.send(method, [...params])) as T;
  }

  close(): void {
    this.#provider.destroy();
  }
}

const quantity = (value: number): string => `0x${value.toString(16)}`;

const NUMBERS = ["difficulty", "number", "gasLimit", "gasUsed", "timestamp"];

/** In the header's order. Those behind the first fifteen came with forks, one after the other; a block has them up to its fork's. */
const HEADER_FIELDS = [
  "parentHash",
  "sha3Uncles",
  "miner",
  "stateRoot",
  "transactionsRoot",
  "receiptsRoot",
  "logsBloom",
  ...NUMBERS,
  "extraData",
  "mixHash",
  "nonce",
  "baseFeePerGas",
  "withdrawalsRoot",
  "blobGasUsed",
  "excessBlobGas",
  "parentBeaconBlockRoot",
  "requestsHash",
];
const QUANTITIES = new Set([...NUMBERS, "baseFeePerGas", "blobGasUsed", "excessBlobGas"]);

/** Whether it is right, its hash tells. */
function headerOf(block: RpcBlock): Rlp {
  return HEADER_FIELDS.flatMap((name) => {
    const value = block[name];
    if (typeof value !== "string") return [];
    return [QUANTITIES.has(name) ? bigEndian(BigInt(value)) : fromHex(value)];
  });
}

function receiptOf({ type = "0x0", status, cumulativeGasUsed, logsBloom, logs }: RpcReceipt): Uint8Array {
  return typed(
    Number(type),
    encodeRlp([
      bigEndian(BigInt(status)),
      bigEndian(BigInt(cumulativeGasUsed)),
      fromHex(logsBloom),
      logs.map(({ address, topics, data }): Rlp => [fromHex(address), topics.map(fromHex), fromHex(data)]),
    ]),
  );
}
