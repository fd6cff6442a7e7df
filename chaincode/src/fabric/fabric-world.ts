/**
 * The `World` over Fabric's ChaincodeStub: one transaction at one peer. The peer keeps reads and writes apart, so a contract
 * never sees its own writes; what it forbids, and what the port forbids beyond that, is refused here as on the embedded
 * ledger. A refusal sticks: a contract that swallows it gets no endorsement either.
 */
import type { ChaincodeStub } from "fabric-shim";
import type { World } from "../world/world.js";
import { peersOfAll } from "./key-policy.js";

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
  | "setStateValidationParameter"
  | "setEvent"
>;

const textOf = (bytes: Uint8Array): string | undefined =>
  bytes.length === 0 ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");

export class FabricWorld implements World {
  readonly txId: string;
  readonly timestampMs: number;
  readonly submitterMsp: string;
  readonly endorserMsp: string;
  readonly clock: () => number;
  readonly #stub: Stub;
  #fault: unknown;
  #ended = false;

  /** @param clock this endorser's own, ms since 1970. */
  constructor(stub: Stub, clock: () => number) {
    const { seconds, nanos } = stub.getTxTimestamp();
    this.#stub = stub;
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
      return textOf(await this.#stub.getState(key));
    });
  }

  put(key: string, value: string): Promise<void> {
    return this.#step(() => {
      checkKey(key);
      return this.#stub.putState(key, bytesOf(value));
    });
  }

  getPrivate(collection: string, key: string): Promise<string | undefined> {
    return this.#step(async () => {
      checkKey(key);
      return textOf(await this.#stub.getPrivateData(collection, key));
    });
  }

  putPrivate(collection: string, key: string, value: string): Promise<void> {
    return this.#step(() => {
      checkKey(key);
      return this.#stub.putPrivateData(collection, key, bytesOf(value));
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

  /** Ends the transaction: later calls of the contract are refused. Throws the first refusal, if there was one. */
  finish(): void {
    this.#ended = true;
    if (this.#fault !== undefined) throw this.#fault as Error;
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
