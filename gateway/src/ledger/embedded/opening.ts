/** From a data folder to a chain that can go on: keys, block 0, and the proof that the newest block and the tip agree. */
import { QuanjiError } from "@quanji/chaincode/domain";
import { equalBytes } from "@quanji/chaincode/log";
import { ORDERER_MSP, type Topology } from "../topology.js";
import { type BlockParts, dataHashOf, decodeBlock, encodeBlock, headerHash } from "./block.js";
import { assertTopology, type Genesis, newGenesis, readGenesis } from "./genesis.js";
import { Membership } from "./identity.js";
import { type LocalOrganisations, openOrganisations } from "./organisations.js";
import { networkPolicies } from "./policy.js";
import { encodeTip, KEYS, type Store, type Tip, WRITE_BUFFER_BYTES } from "./store.js";
import type { Rules } from "./validator.js";

export interface Chain {
  readonly organisations: LocalOrganisations;
  readonly tip: Tip;
  readonly rules: Rules;
}

interface Origin {
  readonly folder: string;
  readonly topology: Topology;
  readonly clock: () => number;
  readonly random: (size: number) => Uint8Array;
}

/** Errors: CONFIG_INVALID · KEYS_MISSING, KEYS_FOREIGN, or a member of the topology; INTERNAL · LEDGER_CORRUPT. */
export async function openChain(store: Store, origin: Origin): Promise<Chain> {
  const { folder, topology } = origin;
  const stored = readTip(store);
  if (stored !== undefined) assertTopology(readGenesis(readBlock(store, 0)), topology);
  const organisations = await openOrganisations(folder, topology, stored === undefined ? origin : undefined);
  const tip = stored ?? (await begin(store, newGenesis(topology, organisations, origin.clock())));
  const genesis = readGenesis(readBlock(store, 0));
  assertOwnKeys(genesis, organisations);
  await assertTip(store, tip);
  const rules: Rules = {
    channel: topology.channel,
    policies: networkPolicies(topology),
    membership: new Membership(genesis.roots),
    isKnown: (txId) => store.getPlace(txId) !== undefined,
  };
  return { organisations, tip, rules };
}

const corrupt = (what: string, cause?: unknown): QuanjiError =>
  new QuanjiError("INTERNAL", `the ledger on disk is damaged (${what}): restore the data folder from a copy`, {
    detail: "LEDGER_CORRUPT",
    cause,
  });

function readTip(store: Store): Tip | undefined {
  const tip = store.getTip();
  if (tip === undefined && store.getBlock(0) !== undefined) throw corrupt("it has blocks but no tip");
  return tip;
}

function readBlock(store: Store, number: number): BlockParts {
  const bytes = store.getBlock(number);
  if (bytes === undefined) throw corrupt(`block ${number} is missing`);
  try {
    return decodeBlock(bytes);
  } catch (cause) {
    throw corrupt(`block ${number} cannot be read`, cause);
  }
}

async function begin(store: Store, genesis: BlockParts): Promise<Tip> {
  const tip: Tip = { number: 0, hash: headerHash(genesis.header), commitHash: genesis.commitHash };
  await store.write(0, [
    { key: KEYS.block(0), value: Buffer.from(encodeBlock(genesis)) },
    { key: KEYS.tip, value: encodeTip(tip) },
  ]);
  return tip;
}

function assertOwnKeys(genesis: Genesis, { members, orderer }: LocalOrganisations): void {
  const roots = new Map([...members].map(([msp, { rootPem }]) => [msp, rootPem])).set(ORDERER_MSP, orderer.rootPem);
  for (const [msp, pem] of roots) {
    if (genesis.roots.get(msp) !== pem) {
      throw new QuanjiError("CONFIG_INVALID", `the keys of ${msp} in the data folder are not those of this ledger`, {
        field: "folder",
        detail: "KEYS_FOREIGN",
      });
    }
  }
}

/**
 * LevelDB skips a damaged record of its log and applies those after it. A block is one record, so a hole in the chain is how
 * that shows; the log holds no more than two write buffers.
 */
const LOG_BYTES = 2 * WRITE_BUFFER_BYTES;

/** The newest blocks are whole, follow one another, and the last is the one that the state was written with. */
async function assertTip(store: Store, tip: Tip): Promise<void> {
  if (await store.hasBlocksAfter(tip.number)) throw corrupt(`there are blocks after ${tip.number}, the newest`);
  let expected = tip.hash;
  let bytes = 0;
  for (let number = tip.number; number >= 0 && bytes < LOG_BYTES; number--) {
    const { header, envelopes, commitHash } = readBlock(store, number);
    const agrees =
      header.number === number &&
      equalBytes(headerHash(header), expected) &&
      equalBytes(dataHashOf(envelopes), header.dataHash) &&
      (number < tip.number || equalBytes(commitHash, tip.commitHash));
    if (!agrees) throw corrupt(`block ${number} is not the one that was written`);
    expected = header.previousHash;
    bytes += envelopes.reduce((sum, envelope) => sum + envelope.length, 0);
  }
}
