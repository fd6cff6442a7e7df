/**
 * The embedded `World`: records what a contract reads and writes at one height, and applies nothing. Fabric's semantics: no
 * reading of own writes, every read with its version, the last write to a key wins, private data only as hashes in public.
 * @see fabric core/ledger/kvledger/txmgmt/rwsetutil/rwset_builder.go
 */
import { hash } from "node:crypto";
import type { World } from "@quanji/chaincode/world";
import { sha256 } from "./block.js";
import { allOf, encodePolicy, type NetworkPolicies } from "./policy.js";
import {
  encodePrivateWrites,
  type KeyHash,
  keyHashOf,
  type PrivateWrites,
  type ReadWriteSet,
  type StateWrite,
  type Version,
} from "./rwset.js";
import type { StateView } from "./store.js";
import type { ChaincodeEvent } from "./transaction.js";
import { compareUtf8 } from "./wire.js";

/** One simulation: at whose peers, for whom, on which state. */
export interface SimulationContext {
  readonly txId: string;
  readonly timestampMs: number;
  readonly submitterMsp: string;
  /** Organisations for whose peers this simulation stands; the first is the one that the contract sees. */
  readonly endorsers: readonly [string, ...string[]];
  readonly clock: () => number;
  readonly transient: Readonly<Record<string, string>>;
  readonly policies: NetworkPolicies;
  readonly state: StateView;
}

export interface Simulated {
  readonly event: ChaincodeEvent | undefined;
  readonly rwset: ReadWriteSet;
  readonly privateWrites: readonly PrivateWrites[];
}

/** A contract's mistake, or an access that a collection forbids: never travels further than the log. */
export class SimulationError extends Error {
  override readonly name: string = "SimulationError";
}

/** At one of these peers a private value is not there of which it knows the hash. Contracts let it through as it is. */
export class PrivateDataMissing extends SimulationError {
  override readonly name = "LedgerError";
}

class CollectionRecorder {
  readonly reads = new Map<string, { readonly keyHash: KeyHash; readonly version: Version | undefined }>();
  /** Undefined: purged. */
  readonly writes = new Map<string, Uint8Array | undefined>();
}

export class Simulator implements World {
  readonly txId: string;
  readonly timestampMs: number;
  readonly submitterMsp: string;
  readonly endorserMsp: string;
  readonly #context: SimulationContext;
  readonly #reads = new Map<string, Version | undefined>();
  readonly #writes = new Map<string, Uint8Array>();
  readonly #policies = new Map<string, Uint8Array>();
  readonly #collections = new Map<string, CollectionRecorder>();
  #event: ChaincodeEvent | undefined;
  #ended = false;
  /** The first refusal of this world. A contract cannot swallow it and go on. */
  #fault: SimulationError | undefined;

  constructor(context: SimulationContext) {
    this.#context = context;
    this.txId = context.txId;
    this.timestampMs = context.timestampMs;
    this.submitterMsp = context.submitterMsp;
    this.endorserMsp = context.endorsers[0];
  }

  clock(): number {
    return this.#context.clock();
  }

  transient(name: string): string | undefined {
    const { transient } = this.#context;
    return Object.hasOwn(transient, name) ? transient[name] : undefined;
  }

  get(key: string): Promise<string | undefined> {
    return this.#step(() => {
      this.#checkKey(key);
      const entry = this.#context.state.getPublic(key);
      this.#reads.set(key, entry?.version);
      return entry && Buffer.from(entry.value).toString("utf8");
    });
  }

  put(key: string, value: string): Promise<void> {
    return this.#step(() => {
      this.#checkKey(key);
      this.#writes.set(key, this.#bytesOf(value));
    });
  }

  getPrivate(collection: string, key: string): Promise<string | undefined> {
    return this.#step(() => {
      this.#checkKey(key);
      const keyHash = keyHashOf(key);
      const recorder = this.#collection(collection);
      const entry = this.#context.state.getHashed(collection, keyHash);
      recorder.reads.set(key, { keyHash, version: entry?.version });
      if (entry === undefined) return undefined;
      const value = this.#isHeld(collection)
        ? this.#context.state.getPrivate(collection, key, entry.version)
        : undefined;
      return value?.toString("utf8") ?? this.#fail(new PrivateDataMissing("a peer has a private value's hash alone"));
    });
  }

  putPrivate(collection: string, key: string, value: string): Promise<void> {
    return this.#step(() => {
      this.#checkKey(key);
      this.#collection(collection).writes.set(key, this.#bytesOf(value));
    });
  }

  purgePrivate(collection: string, key: string): Promise<void> {
    return this.#step(() => {
      this.#checkKey(key);
      this.#collection(collection).writes.set(key, undefined);
    });
  }

  setKeyPolicy(key: string, msps: readonly string[]): Promise<void> {
    return this.#step(() => {
      this.#checkKey(key);
      if (msps.length === 0) this.#refuse("a key policy names at least one organisation");
      this.#policies.set(key, encodePolicy(allOf(msps)));
    });
  }

  emit(name: string, payload: string): void {
    this.#assertOpen();
    if (name === "") this.#refuse("an event has a name");
    this.#event = { name, payload };
  }

  /** Ends the simulation: later calls of the contract are refused. Throws the first refusal, if there was one. */
  finish(): Simulated {
    this.end();
    if (this.#fault !== undefined) throw this.#fault;
    const names = [...this.#collections.keys()].sort(compareUtf8);
    const privateWrites = names.flatMap((collection) => {
      const writes = sortedEntries(this.#collections.get(collection)?.writes ?? new Map<string, undefined>()).map(
        ([key, value]) => ({ key, value }),
      );
      return writes.length === 0 ? [] : [{ collection, writes }];
    });
    return { event: this.#event, rwset: this.#publicSet(names, privateWrites), privateWrites };
  }

  end(): void {
    this.#ended = true;
  }

  #publicSet(names: readonly string[], privateWrites: readonly PrivateWrites[]): ReadWriteSet {
    return {
      reads: sortedEntries(this.#reads).map(([key, version]) => ({ key, version })),
      writes: sortedWrites(this.#writes),
      policies: sortedEntries(this.#policies).map(([key, policy]) => ({ key, policy })),
      collections: names.map((name) => {
        const { reads } = this.#collections.get(name) ?? new CollectionRecorder();
        const writes = privateWrites.find(({ collection }) => collection === name)?.writes ?? [];
        return {
          name,
          reads: sortedEntries(reads).map(([, read]) => read),
          writes: writes.map(({ key, value }) => ({
            keyHash: reads.get(key)?.keyHash ?? keyHashOf(key),
            valueHash: value && hash("sha256", value, "buffer"),
          })),
          privateHash: writes.length === 0 ? undefined : sha256(encodePrivateWrites(writes)),
        };
      }),
    };
  }

  /** Runs one call of the contract; a throw rejects, so that these synchronous reads look like Fabric's. */
  #step<T>(action: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#assertOpen();
      resolve(action());
    });
  }

  #assertOpen(): void {
    if (this.#ended) throw new SimulationError("the simulation is over");
  }

  #refuse(message: string): never {
    return this.#fail(new SimulationError(message));
  }

  #fail(fault: SimulationError): never {
    this.#fault ??= fault;
    throw this.#fault;
  }

  /** As in Fabric's shim; U+0000 begins composite keys, which no contract here uses. */
  #checkKey(key: string): void {
    if (key === "" || key.startsWith("\0") || !key.isWellFormed()) this.#refuse("a key is non-empty, well-formed text");
  }

  #bytesOf(value: string): Buffer {
    if (value === "" || !value.isWellFormed()) this.#refuse("a value is non-empty, well-formed text");
    return Buffer.from(value, "utf8");
  }

  /** Whether all endorsers are members. Others simulate as well: they see what is absent, and write what they do not keep. */
  #isHeld(collection: string): boolean {
    const { policies, endorsers } = this.#context;
    const members = policies.members.get(collection);
    return members !== undefined && endorsers.every((msp) => members.has(msp));
  }

  #collection(name: string): CollectionRecorder {
    const { policies, submitterMsp } = this.#context;
    const members = policies.members.get(name);
    if (members === undefined) this.#refuse(`there is no collection ${name}`);
    if (!members.has(submitterMsp)) this.#refuse(`the submitter must be a member of ${name}`);
    const recorder = this.#collections.get(name) ?? new CollectionRecorder();
    this.#collections.set(name, recorder);
    return recorder;
  }
}

const sortedEntries = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].sort(([a], [b]) => compareUtf8(a, b));

const sortedWrites = (map: ReadonlyMap<string, Uint8Array>): StateWrite[] =>
  sortedEntries(map).map(([key, value]) => ({ key, value }));
