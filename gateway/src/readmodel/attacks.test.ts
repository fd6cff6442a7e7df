import {
  emptyFrontier,
  appendLeaves,
  frontierToJson,
  hashText,
  type JsonObject,
  parseHash,
  rootOf,
  sha256Text,
} from "@quanji/chaincode/log";
import type { LogState } from "@quanji/chaincode/domain";
import {
  decodeBatch,
  encodeBatch,
  type LeavesEvent,
  type StoredBatch,
  type StoredCommand,
  type StoredRecord,
} from "@quanji/chaincode/world";
import { expect } from "chai";
import { keyHashOf } from "../ledger/embedded/rwset.js";
import type { BlockTransaction, LedgerBlock, Write } from "../ledger/ledger.js";
import type { Mismatch } from "./faults.js";
import { frozen } from "./ledger.test.js";
import { COLLECTION, LOG, Story } from "./story.test.js";
import { Bench, expectCode } from "./support.test.js";

type Edit = (tx: BlockTransaction) => BlockTransaction;

const editWrites =
  (edit: (write: Write) => Write | undefined): Edit =>
  (tx) => ({ ...tx, writes: tx.writes.map(edit).filter((write) => write !== undefined) });

const editWrite = <T>(prefix: string, edit: (value: T) => T): Edit =>
  editWrites((write) =>
    write.key.startsWith(prefix) ? { ...write, value: JSON.stringify(edit(JSON.parse(write.value) as T)) } : write,
  );

const editBatch = (edit: (batch: StoredBatch) => StoredBatch): Edit =>
  editWrites((write) =>
    write.key.startsWith("batch/") ? { ...write, value: encodeBatch(edit(decodeBatch(write.value))) } : write,
  );

const drop = (prefix: string): Edit => editWrites((write) => (write.key.startsWith(prefix) ? undefined : write));

const editEvent =
  (edit: (event: LeavesEvent) => LeavesEvent): Edit =>
  (tx) => ({
    ...tx,
    event: { name: tx.event!.name, payload: JSON.stringify(edit(JSON.parse(tx.event!.payload) as LeavesEvent)) },
  });

/** As a reader is shown a batch that a later transaction has purged. */
const saidPurged: Edit = (tx) => ({
  ...drop("batch/")(tx),
  purged: tx.writes
    .filter(({ key }) => key.startsWith("batch/"))
    .map(({ key }) => ({ collection: COLLECTION, keyHash: keyHashOf(key) })),
});

const withoutEvent: Edit = ({ event: _event, ...tx }) => tx;

const editRecord = (edit: (record: StoredRecord) => StoredRecord): Edit =>
  editBatch((batch) => ({
    ...batch,
    records: batch.records.map((one, i) => (i === 1 ? edit(one) : one)),
  }));

/** Another leaf, with a head that fits it: only the record gives it away. */
const otherLeaf: Edit = (tx) => {
  const event = JSON.parse(tx.event!.payload) as LeavesEvent;
  const leaves = [event.leaves[0]!, sha256Text("another record")];
  const frontier = appendLeaves(emptyFrontier(), leaves.map(parseHash));
  const head = { root: hashText(rootOf(frontier)), frontier: frontierToJson(frontier) };
  return editWrite<LogState>("log/", (state) => ({ ...state, ...head }))(editEvent(() => ({ ...event, leaves }))(tx));
};

const ATTACKS: readonly (readonly [string, Mismatch, Edit])[] = [
  ["a batch whose leaf is another record's, under a head that fits the leaf", "LEAF_MISMATCH", otherLeaf],
  [
    "a batch with one byte of a body changed",
    "LEAF_MISMATCH",
    editRecord((one) => ({ ...one, body: one.body.replace("permit", "denied") })),
  ],
  ["a batch with one byte of a face changed", "LEAF_MISMATCH", editRecord((one) => ({ ...one, face: `${one.face} ` }))],
  ["leaves whose records are withheld", "RECORD_MISSING", drop("batch/")],
  ["leaves whose records are said to be purged, though no command asks for that", "RECORD_MISSING", saidPurged],
  ["a record withheld", "RECORD_MISSING", editBatch((batch) => ({ ...batch, records: batch.records.slice(1) }))],
  ["records without leaves", "FORK", withoutEvent],
  ["records without leaves and without a new head", "RECORD_MISSING", (tx) => drop("log/")(withoutEvent(tx))],
  ["leaves without a new head", "FORK", drop("log/")],
  [
    "a head with another root",
    "FORK",
    editWrite<LogState>("log/", (state) => ({ ...state, root: sha256Text("root") })),
  ],
  ["a head with another size", "FORK", editWrite<LogState>("log/", (state) => ({ ...state, size: state.size + 1 }))],
  ["a leaf that is not in the tree", "FORK", editEvent((event) => ({ ...event, leaves: [...event.leaves].reverse() }))],
  ["leaves that leave a gap", "INDEX_MISMATCH", editEvent((event) => ({ ...event, first: event.first + 1 }))],
  ["a chain's head withheld", "STATE_OPENING", drop("head/")],
  [
    "a chain's head that skips an entry",
    "STATE_OPENING",
    editWrite<{ n: number }>("head/", (head) => ({ ...head, n: head.n + 1 })),
  ],
  [
    "a chain's head over other entries",
    "STATE_OPENING",
    editWrite("head/", (head: { h: string }) => ({ ...head, h: sha256Text("h") })),
  ],
  ["a record without the opening of a link", "CHAIN_FORK", editRecord((one) => ({ ...one, links: {} }))],
  [
    "a link that does not continue its chain",
    "CHAIN_FORK",
    editRecord((one) => {
      const link = one.links["links.party"]!;
      return {
        ...one,
        links: { ...one.links, "links.party": { ...link, value: { ...(link.value as JsonObject), n: 0 } } },
      };
    }),
  ],
];

describe("a block that contradicts itself ends the index", () => {
  const bench = new Bench();
  let blocks: readonly LedgerBlock[];
  let target: number;

  before(async () => {
    const story = new Story();
    const grant = await story.prepare();
    ({ block: target } = await story.record([await story.access({ grant }), await story.access({ grant })]));
    await story.record([await story.access({ grant })]);
    blocks = story.ledger.made;
  });
  after(() => bench.clean());

  const attacked = (number: number, edit: Edit): readonly LedgerBlock[] =>
    blocks.map((block) => (block.number === number ? { ...block, transactions: block.transactions.map(edit) } : block));

  it("but the block as it is does not", async () => {
    const index = await bench.upToDate(frozen(attacked(target, (tx) => tx)));
    expect((await index.log(LOG))?.size).to.equal(3);
  });

  for (const [name, detail, edit] of ATTACKS) {
    it(`${name}: ${detail}`, async () => {
      const { index, faults } = await bench.open(frozen(attacked(target, edit)));
      await expectCode(index.reached(target), "PROOF_INVALID", detail);
      expect(faults.map((fault) => fault.detail)).to.deep.equal([detail]);
      expect(index.height()).to.equal(target);
      expect(await index.record(LOG, 0)).to.equal(undefined);
      expect((await index.log(LOG))?.size).to.equal(0);
    });
  }

  it("a command without the head of its chain: STATE_OPENING", async () => {
    const isCommand = ({ key }: Write): boolean => key.startsWith("command/");
    const number = blocks.findIndex(({ transactions }) => transactions.some(({ writes }) => writes.some(isCommand)));
    const edit = editWrite<StoredCommand>("command/", (stored) => ({
      ...stored,
      chains: stored.chains.map((chain) => ({ ...chain, n: chain.n + 1 })),
    }));
    const { index } = await bench.open(frozen(attacked(number, edit)));
    await expectCode(index.reached(number), "PROOF_INVALID", "STATE_OPENING");
  });

  it("a batch in another organisation's collection is not taken for this one's", async () => {
    const edit = editWrites((write) =>
      write.collection === COLLECTION ? { ...write, collection: "org-ExchangeMSP" } : write,
    );
    const { index } = await bench.open(frozen(attacked(target, edit)));
    await expectCode(index.reached(target), "PROOF_INVALID", "RECORD_MISSING");
  });
});
