/** The port on a Hyperledger Fabric network: this organisation's client, its own peers, and what they deliver. */
import path from "node:path";
import { collectionOf } from "@quanji/chaincode/world";
import { CODE } from "../embedded/validator.js";
import { networkPolicies } from "../embedded/policy.js";
import type { Version } from "../embedded/rwset.js";
import {
  type BlockStream,
  type Committed,
  type HashedKey,
  type Ledger,
  LedgerError,
  type TransactionRequest,
  type WitnessView,
} from "../ledger.js";
import { Blocks, LedgerBlocks } from "./blocks.js";
import type { ClientName } from "./clients.js";
import type { Connector } from "./connector.js";
import { type Deliverer, PeerDeliverer } from "./delivery.js";
import { Endpoints } from "./endpoint.js";
import { GatewayConnector } from "./gateway-connector.js";
import { Mirror, type Roots } from "./mirror.js";
import { NetworkConnector } from "./network-connector.js";
import type { FabricProfile } from "./profile.js";
import { SUBMIT, submitEndorsed, type SubmitStep } from "./submitting.js";
import { Tail } from "./tail.js";

export interface FabricLedgerOptions {
  readonly profile: FabricProfile;
  /** Data folder; the ledger keeps `fabric/` in it. One process at a time. */
  readonly folder: string;
  readonly client: ClientName;
  /** Told what goes wrong outside of calls: a peer that is lost, private values that are late. */
  readonly report: (what: string, error: unknown) => void;
  /** For tests: told of every transaction's moments as they come. What it does then happens at that moment. */
  readonly atStep?: (step: SubmitStep) => void;
}

export interface FabricLedger extends Ledger {
  /** Root certificates of the channel's organisations, from its configuration. */
  roots(): Promise<Roots>;
  /** Header hashes of the blocks that hold a configuration, base64url, in order. */
  configs(): Promise<readonly string[]>;
}

/** How long a look at the ledger waits for this gateway to have read what its peer has. */
const CATCH_UP_MS = 5_000;
/** For the first answer of a peer: it may be starting just now. */
const OPEN_MS = 60_000;
const OPEN_PAUSE_MS = 250;

/**
 * Connects and waits for one of the organisation's peers to answer. Errors: CONFIG_INVALID · LOCKED; LedgerError UNAVAILABLE
 * if no peer answers, naming them.
 */
export async function openFabricLedger(options: FabricLedgerOptions): Promise<FabricLedger> {
  const { profile, client, folder, report, atStep } = options;
  const { msp, topology, chaincode } = profile;
  const { regulator } = topology;
  const endpoints = new Endpoints(profile);
  const opened: { close(): Promise<void> }[] = [
    {
      close: () => {
        endpoints.close();
        return Promise.resolve();
      },
    },
  ];
  try {
    const connector: Connector =
      client === "fabric-gateway"
        ? new GatewayConnector({
            endpoints,
            channel: topology.channel,
            chaincode,
            msp,
            regulator,
            orderers: profile.orderers.length,
          })
        : await NetworkConnector.open(profile);
    opened.push(connector);
    const { members } = networkPolicies(topology);
    const isMember = (collection: string): boolean =>
      members.get(collection)?.has(msp) ?? (msp === regulator || collection === collectionOf(msp));
    const deliverer = new PeerDeliverer(endpoints, { chaincode, isMember });
    const tail = new Tail({
      deliverer,
      height: await firstHeight(connector, profile),
      report: (error) => report("blocks do not come", error),
    });
    opened.push(tail);
    const mirror = await openMirror(path.join(folder, "fabric"), deliverer, tail, report);
    opened.push(mirror);
    return new ConnectedLedger({ connector, deliverer, tail, mirror, report, atStep, close: () => closeAll(opened) });
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

async function closeAll(opened: { close(): Promise<void> }[]): Promise<void> {
  for (const part of opened.splice(0).reverse()) await part.close();
}

async function firstHeight(connector: Connector, { ownPeers }: FabricProfile): Promise<number> {
  const until = Date.now() + OPEN_MS;
  for (;;) {
    try {
      return await connector.height();
    } catch (cause) {
      if (Date.now() > until) {
        const names = ownPeers.map(({ name, endpoint }) => `${name} at ${endpoint}`).join(", ");
        const message = `no peer of this organisation answers (${names}): is the network up? see its peers' logs`;
        throw new LedgerError("UNAVAILABLE", message, { cause });
      }
      await new Promise((resolve) => setTimeout(resolve, OPEN_PAUSE_MS));
    }
  }
}

function openMirror(
  folder: string,
  deliverer: Deliverer,
  tail: Tail,
  report: FabricLedgerOptions["report"],
): Promise<Mirror> {
  const blocks = (from: number): Blocks =>
    new Blocks({ deliverer, tail, from, complete: false, report: () => undefined });
  return Mirror.open({
    folder,
    blocks,
    async hashOf(number) {
      if (number < 0 || number >= tail.height) return undefined;
      const one = blocks(number);
      try {
        return (await one.next())?.hash;
      } finally {
        one.close();
      }
    },
    onError: (error) => report("the mirror has stopped", error),
  });
}

interface Parts {
  readonly connector: Connector;
  readonly deliverer: Deliverer;
  readonly tail: Tail;
  readonly mirror: Mirror;
  readonly report: FabricLedgerOptions["report"];
  readonly atStep: FabricLedgerOptions["atStep"];
  readonly close: () => Promise<void>;
}

class ConnectedLedger implements FabricLedger {
  readonly #parts: Parts;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async submit(transaction: TransactionRequest): Promise<Committed> {
    this.#assertOpen();
    const { connector, tail, atStep } = this.#parts;
    return submitEndorsed(await connector.endorse(transaction), tail, SUBMIT, atStep);
  }

  async evaluate(transaction: TransactionRequest): Promise<string> {
    this.#assertOpen();
    return this.#parts.connector.evaluate(transaction);
  }

  blocks(from: number): BlockStream {
    const { deliverer, tail, mirror, report } = this.#parts;
    const held = (message: string): void => report(message, undefined);
    const isPurged = async (key: HashedKey, at: Version): Promise<boolean> => {
      await mirror.reached(tail.height, CATCH_UP_MS);
      return mirror.isPurged(key, at);
    };
    return new LedgerBlocks(new Blocks({ deliverer, tail, from, complete: true, isPurged, report: held }));
  }

  height(): Promise<number> {
    return Promise.resolve(this.#parts.tail.height);
  }

  async blockBytes(number: number): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    const { connector, tail } = this.#parts;
    return number < tail.height ? connector.block(number) : undefined;
  }

  /** Knows every block that anybody has seen through this ledger: what is not found is in none of those. */
  async find(txId: string): ReturnType<Ledger["find"]> {
    this.#assertOpen();
    const { tail, mirror } = this.#parts;
    await mirror.reached(tail.height, CATCH_UP_MS);
    const place = mirror.find(txId);
    return place && { block: place.block, index: place.index, valid: place.code === CODE.VALID, result: place.result };
  }

  async view(): Promise<WitnessView> {
    this.#assertOpen();
    const { connector, mirror } = this.#parts;
    await mirror.reached(await connector.height(), CATCH_UP_MS);
    return mirror.view();
  }

  async roots(): Promise<Roots> {
    const { tail, mirror } = this.#parts;
    await mirror.reached(tail.height, OPEN_MS);
    return mirror.roots();
  }

  async configs(): Promise<readonly string[]> {
    const { tail, mirror } = this.#parts;
    await mirror.reached(tail.height, OPEN_MS);
    return mirror.configs();
  }

  close(): Promise<void> {
    this.#closing ??= this.#parts.close();
    return this.#closing;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new LedgerError("UNAVAILABLE", "the ledger is closed");
  }
}
