import { mkdir } from "node:fs/promises";
import { QuanjiError } from "@quanji/chaincode/domain";
import { type ChainKey, parseHash } from "@quanji/chaincode/log";
import type { Ledger } from "../ledger/ledger.js";
import { type Applied, Applier } from "./apply.js";
import { Chains } from "./chains.js";
import { Commands } from "./commands.js";
import { Follower } from "./follow.js";
import { FORMAT, KEYS, type Meta } from "./layout.js";
import type { LedgerIndex } from "./ledger-index.js";
import { Objects } from "./objects.js";
import { Records } from "./records.js";
import { readErased, readSaid, saidIn } from "./said.js";
import { readSealed, sealedIn } from "./sealed.js";
import { Store } from "./store.js";
import { Trees } from "./tree.js";

export interface ReadModelOptions {
  /** The index's own folder, made if absent. Deleting it loses nothing: it is made anew from the blocks. */
  readonly folder: string;
  readonly ledger: Pick<Ledger, "blocks" | "height">;
  /** This organisation's private collection, `org-<MSP>`. */
  readonly collection: string;
  /** Called once, if at all: the index has found the ledger in contradiction with itself, or cannot be written, and stops. */
  readonly onError: (error: QuanjiError) => void;
}

/**
 * Opens the index and follows the ledger from where it stopped. An index of another format, or of another ledger, is begun
 * anew. Resolves at once; `reached` says when a block is in. Errors: CONFIG_INVALID · LOCKED, INTERNAL · INDEX_CORRUPT.
 */
export async function openReadModel(options: ReadModelOptions): Promise<LedgerIndex> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const store = await Store.open(options.folder);
  try {
    return newIndex(options, store, await heightOf(store, options.ledger));
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Blocks that may stay indexed: all, or none if the ledger has another block where the index ends. */
async function heightOf(store: Store, ledger: ReadModelOptions["ledger"]): Promise<number> {
  const text = store.get(KEYS.meta);
  if (text === undefined) return 0;
  const { format, height, tip } = JSON.parse(text) as Meta;
  const same = format === FORMAT && height <= (await ledger.height()) && (await hashOf(ledger, height - 1)) === tip;
  if (same) return height;
  await store.clear();
  return 0;
}

async function hashOf(ledger: Pick<Ledger, "blocks">, number: number): Promise<string | undefined> {
  for await (const block of ledger.blocks(number)) return block.hash;
  return undefined;
}

function newIndex(options: ReadModelOptions, store: Store, height: number): LedgerIndex {
  const { ledger, collection, onError } = options;
  const objects = new Objects(store);
  const chains = new Chains(store);
  const records = new Records(store, chains);
  const commands = new Commands(store, chains);
  const trees = new Trees(store);
  const applier = new Applier({ store, chains, records, trees, collection });

  const commit = async ({ changes, filed }: Applied): Promise<void> => {
    await store.write(changes);
    // From here on readers find the block on disk; nothing may run between that and the renewal of what is in memory.
    objects.renew(changes);
    trees.settle();
    for (const { known, facts } of filed) records.renew(known, facts);
  };
  const follower = new Follower({ ledger, height, plan: (block) => applier.plan(block), commit, onError });
  const now =
    <A extends readonly unknown[], T>(read: (...args: A) => T) =>
    (...args: A): Promise<T> =>
      new Promise((resolve) => resolve(read(...args)));

  return {
    collection,
    height: () => follower.height,
    reached: (block, signal) => follower.reached(block, signal),
    network: now(objects.network),
    clockOffsetMs: now(objects.clockOffsetMs),
    gateway: now(objects.gateway),
    gateways: objects.gateways,
    log: now(objects.log),
    logs: objects.logs,
    party: now(objects.party),
    resource: now(objects.resource),
    grant: now(objects.grant),
    grantByDigest: now((digest: string) => objects.grantByDigest(digest)),
    attestation: now(objects.attestation),
    caps: now(objects.caps),
    offer: now(objects.offer),
    contract: now(objects.contract),
    listAttestations: (subject, limit, after) => objects.listAttestations(subject, limit, after),
    listOffers: (resource, limit, after) => objects.listOffers(resource, limit, after),
    listContracts: (party, limit, after) => objects.listContracts(party, limit, after),
    derivedFrom: (resource) => objects.derivedFrom(resource),
    grantsOn: (resource) => objects.grantsOn(resource),
    stop: now(objects.stop),
    orders: now(objects.orders),
    boundaries: now(objects.boundaries),
    cells: now(objects.cells),
    counter: now(objects.counter),
    seen: now((log: string, kid: string) => objects.seen(log, kid)),
    statement: now(objects.statement),
    posted: now(objects.posted),
    books: (period, currency) => objects.books(period, currency),
    revenues: now(objects.revenues),
    document: now(objects.document),
    statuses: now(objects.statuses),
    listStatements: (contract, limit, after) => objects.listStatements(contract, limit, after),
    listParties: objects.listParties,
    listResources: objects.listResources,
    listGrants: (party, limit, after) => objects.listGrants(party, limit, after),
    command: now((request: string) => commands.command(request)),
    indexTip: now((log: string) => objects.indexTip(log)),
    tagged: (log, from, to) => records.tagged(log, from, to),
    indexes: (log) => records.indexes(log),
    openings: now((request: string) => objects.openings(request)),
    recordOf: now(records.recordOf),
    deliveryOf: now(records.deliveryOf),
    acceptanceOf: now((log: string, access: number) => records.acceptanceOf(log, access)),
    record: now((log: string, index: number) => records.record(log, index)),
    undelivered: (log, from) => records.undelivered(log, from),
    commands: (key) => commands.chain(key),
    chainRecords: (key, n) => records.chain(key, n),
    chainPositionAt: (key, timeMs) => chains.positionAt(key, timeMs),
    head: async (key) => (await chains.newest(key))?.head,
    headAt: (key, block) => chains.headAt(key, block),
    blindingSecret: now(() => objects.secretText()),
    headName: now((key: ChainKey) => chains.names(key, objects.secret()).head),
    said: now((log: string, index: number) => readSaid(store, log, index)),
    erased: now((log: string, index: number) => readErased(store, log, index)),
    saidIn: (log, from) => saidIn(store, log, from),
    sealed: now((log: string, index: number) => readSealed(store, log, index)),
    sealedIn: (log) => sealedIn(store, log),
    batchHead: now((log: string, first: number) => batchHead(store, log, first)),
    node: now((log: string, level: number, index: number) => trees.node(log, level, index)),
    close: async () => {
      await follower.close();
      await store.close();
    },
  };
}

function batchHead(store: Store, log: string, first: number) {
  const text = store.get(KEYS.batch(log, first));
  if (text === undefined)
    throw new QuanjiError("NOT_FOUND", "the log has no batch that begins there", { field: "first" });
  const [size, root] = JSON.parse(text) as [number, string];
  return { size, root: parseHash(root) };
}
