/**
 * The `World` over Fabric's ChaincodeStub: one transaction at one peer. The peer keeps reads and writes apart, so a contract
 * never sees its own writes; what it forbids, and what the port forbids beyond that, is refused here as on the embedded
 * ledger. A refusal sticks: a contract that swallows it gets no endorsement either.
 */
import type { ChaincodeStub } from "fabric-shim";
import type { World } from "../world/world.js";
import { peersOfAll } from "./key-policy.js";
import type { KeyWrite, PeerBatches } from "./peer-batches.js";

/** A contract's mistake, or an access that a collection forbids: leaves the chaincode as INTERNAL, without its words. */
export class WorldError extends Error {
  override readonly name: string = "WorldError";
}

/**
 * This peer lacks a private value of which it knows the hash: it missed the value when it committed, and gets it from other
 * members within seconds. No fault of contract or caller, so contracts let it through as it is (see contracts/context.ts).
 */
export class PrivateDataMissing extends WorldError {
  override readonly name = "LedgerError";
}

/** Text that leaves the chaincode for {@link PrivateDataMissing}; the gateway's adapter knows it again. */
export const PRIVATE_DATA_MISSING = "quanji-world:PRIVATE_DATA_MISSING";

/** What a peer answers then. @see fabric core/ledger/kvledger/txmgmt/txmgr/query_executor.go */
const MISSING = "private data matching public hash version is not available";

/** What of a stub the world uses. */
export type Stub = Pick<
  ChaincodeStub,
  | "getTxID"
  | "getTxTimestamp"
  | "getCreator"
  | "getMspID"
  | "getTransient"
  | "getState"
  | "putState"
  | "getPrivateData"
  | "putPrivateData"
  | "purgePrivateData"
  | "setStateValidationParameter"
  | "setEvent"
>;

const textOf = (bytes: Uint8Array): string | undefined =>
  bytes.length === 0 ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");

interface Wanted {
  readonly key: string;
  readonly resolve: (value: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

export class FabricWorld implements World {
  readonly txId: string;
  readonly timestampMs: number;
  readonly submitterMsp: string;
  readonly endorserMsp: string;
  readonly clock: () => number;
  readonly #stub: Stub;
  readonly #batches: PeerBatches | undefined;
  /** By collection, empty for public state: reads that leave together when the contract waits. */
  #wanted = new Map<string, Wanted[]>();
  readonly #writes: KeyWrite[] = [];
  #fault: unknown;
  #ended = false;

  /**
   * @param clock this endorser's own, ms since 1970. @param batches if the peer takes them: reads then leave in groups, and
   * writes when the contract has ended.
   */
  constructor(stub: Stub, clock: () => number, batches?: PeerBatches) {
    const { seconds, nanos } = stub.getTxTimestamp();
    this.#stub = stub;
    this.#batches = batches;
    this.txId = stub.getTxID();
    this.timestampMs = seconds.toNumber() * 1000 + Math.floor(nanos / 1_000_000);
    this.submitterMsp = stub.getCreator().mspid;
    this.endorserMsp = stub.getMspID();
    this.clock = clock;
  }

  transient(name: string): string | undefined {
    const value = this.#stub.getTransient().get(name);
    return value && Buffer.from(value).toString("utf8");
  }

  get(key: string): Promise<string | undefined> {
    return this.#step(async () => {
      checkKey(key);
      return textOf(await this.#read("", key));
    });
  }

  put(key: string, value: string): Promise<void> {
    return this.#step(() => {
      checkKey(key);
      return this.#write({ collection: "", key, value: bytesOf(value) });
    });
  }

  getPrivate(collection: string, key: string): Promise<string | undefined> {
    return this.#step(async () => {
      checkKey(key);
      assertNamed(collection);
      return textOf(await this.#read(collection, key));
    });
  }

  putPrivate(collection: string, key: string, value: string): Promise<void> {
    return this.#step(() => {
      checkKey(key);
      assertNamed(collection);
      return this.#write({ collection, key, value: bytesOf(value) });
    });
  }

  purgePrivate(collection: string, key: string): Promise<void> {
    return this.#step(() => {
      checkKey(key);
      assertNamed(collection);
      return this.#write({ collection, key, value: undefined });
    });
  }

  setKeyPolicy(key: string, allOf: readonly string[]): Promise<void> {
    return this.#step(() => {
      checkKey(key);
      if (allOf.length === 0) throw new WorldError("a key policy names at least one organisation");
      return this.#stub.setStateValidationParameter(key, peersOfAll(allOf));
    });
  }

  emit(name: string, payload: string): void {
    this.#assertOpen();
    try {
      this.#stub.setEvent(name, Buffer.from(payload, "utf8"));
    } catch (error) {
      throw this.#refuse(error);
    }
  }

  /**
   * Ends the transaction: later calls of the contract are refused. Throws the first refusal, if there was one, and what the
   * peer says of the writes.
   */
  async finish(): Promise<void> {
    this.#ended = true;
    if (this.#fault !== undefined) throw this.#fault as Error;
    await this.#batches?.write(this.#writes);
  }

  #read(collection: string, key: string): Promise<Uint8Array> {
    if (this.#batches === undefined) {
      return collection === "" ? this.#stub.getState(key) : this.#stub.getPrivateData(collection, key);
    }
    if (this.#wanted.size === 0) queueMicrotask(() => this.#fetch());
    return new Promise((resolve, reject) => {
      const wanted = this.#wanted.get(collection) ?? [];
      wanted.push({ key, resolve, reject });
      this.#wanted.set(collection, wanted);
    });
  }

  /**
   * A peer that is asked for many private keys at once does not compare them with their hashes, so that what it misses looks
   * as if it had never been there. What came empty is asked for alone: then it does.
   */
  #fetch(): void {
    const groups = this.#wanted;
    this.#wanted = new Map();
    for (const [collection, wanted] of groups) {
      const keys = [...new Set(wanted.map(({ key }) => key))];
      this.#batches?.read(collection, keys).then(
        (values) => {
          const found = new Map(keys.map((key, index) => [key, values[index] ?? new Uint8Array()]));
          for (const { key, resolve, reject } of wanted) {
            const value = found.get(key) ?? new Uint8Array();
            if (value.length > 0 || collection === "") resolve(value);
            else this.#stub.getPrivateData(collection, key).then(resolve, reject);
          }
        },
        (error: unknown) => {
          for (const { reject } of wanted) reject(error);
        },
      );
    }
  }

  #write(write: KeyWrite): Promise<void> {
    const { collection, key, value } = write;
    if (this.#batches === undefined) {
      if (value === undefined) return this.#stub.purgePrivateData(collection, key);
      return collection === "" ? this.#stub.putState(key, value) : this.#stub.putPrivateData(collection, key, value);
    }
    this.#writes.push(write);
    return Promise.resolve();
  }

  async #step<T>(action: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    try {
      return await action();
    } catch (error) {
      throw this.#refuse(error);
    }
  }

  #assertOpen(): void {
    if (this.#ended) throw new WorldError("the transaction is over");
  }

  #refuse(error: unknown): Error {
    const fault =
      error instanceof Error && error.message.includes(MISSING)
        ? new PrivateDataMissing(PRIVATE_DATA_MISSING, { cause: error })
        : error;
    this.#fault ??= fault;
    return fault as Error;
  }
}

/** The empty name stands for public state. */
function assertNamed(collection: string): void {
  if (collection === "") throw new WorldError("a collection has a name");
}

/** As the shim and peers have it; U+0000 begins composite keys, which no contract here uses. */
function checkKey(key: string): void {
  if (key === "" || key.startsWith("\0") || !key.isWellFormed()) {
    throw new WorldError("a key is non-empty, well-formed text");
  }
}

function bytesOf(value: string): Buffer {
  if (value === "" || !value.isWellFormed()) throw new WorldError("a value is non-empty, well-formed text");
  return Buffer.from(value, "utf8");
}
