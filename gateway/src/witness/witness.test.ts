import {
  EMPTY_ROOT,
  type HashText,
  openCheckpoint,
  openHeadNote,
  parseHash,
  PUBLIC_SALT,
  sealedDigest,
} from "@quanji/chaincode/log";
import { expect } from "chai";
import { verify } from "../evidence/support.test.js";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import { COLLECTION, LOG, NET, noteSigner, Story } from "../readmodel/story.test.js";
import { Bench, expectCode } from "../readmodel/support.test.js";
import { HeadWitness } from "./heads.js";
import { LogSigner } from "./log-signer.js";
import { grantChain, look, publicChain } from "./sighting.js";

describe("the log's signer", () => {
  const root = parseHash("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");

  it("signs a checkpoint that opens under the log's key", async () => {
    const signer = noteSigner(LOG);
    const note = await new LogSigner(signer).checkpoint({ size: 3, root });
    const { checkpoint } = await openCheckpoint(note, [signer.key], [], verify);
    expect(checkpoint).to.deep.equal({ origin: LOG, size: 3, root });
  });

  it("signs each size once", async () => {
    let signatures = 0;
    const { key, sign } = noteSigner(LOG);
    const counting = (data: Uint8Array) => {
      signatures++;
      return sign(data);
    };
    const log = new LogSigner({ key, sign: counting });
    const notes = await Promise.all([1, 1, 2, 1, 2].map((size) => log.checkpoint({ size, root })));
    expect(signatures).to.equal(2);
    expect(new Set(notes).size).to.equal(2);
  });

  it("signs no second root for a size: that would be a fork by its own hand", async () => {
    const log = new LogSigner(noteSigner(LOG));
    await log.checkpoint({ size: 3, root });
    await expectCode(log.checkpoint({ size: 3, root: EMPTY_ROOT }), "PROOF_INVALID", "FORK");
  });
});

describe("the heads key", () => {
  const bench = new Bench();
  let story: Story;
  let index: LedgerIndex;
  let witness: HeadWitness;
  let grant: string;

  beforeEach(async () => {
    story = new Story();
    grant = await story.prepare();
    index = await bench.upToDate(story.ledger);
    witness = new HeadWitness({ index, net: NET, signer: story.heads });
  });
  afterEach(() => bench.clean());

  async function state(key: Parameters<HeadWitness["state"]>[1]) {
    const sighting = await look(story.ledger, () => story.ledger.now);
    await index.reached(sighting.view.block);
    const { note, head } = await witness.state(sighting, key);
    return { note: await openHeadNote(note, story.heads.key, verify), head, view: sighting.view };
  }
  const digest = (head: { h: HashText; n: number; salt: string }) => parseHash(sealedDigest(head, head.salt));

  it("states a log's position and the stored digest of a record chain", async () => {
    await story.record([await story.access({ grant })]);
    const key = { scope: LOG, kind: "party" as const, id: story.bank.party };
    const { note, head, view } = await state(key);
    const log = (await index.log(LOG))!;
    expect(note.at).to.deep.equal({ scope: LOG, number: 1, hash: parseHash(log.root) });
    expect(note.state).to.deep.equal(parseHash((await view.getPrivateHash(COLLECTION, (await index.headName(key))!))!));
    expect(note.state).to.deep.equal(digest(head!));
    expect(note.block).to.deep.equal({ number: view.block, hash: parseHash(view.blockHash) });
  });

  it("states none for a chain that was never touched", async () => {
    const { note, head } = await state({ scope: LOG, kind: "party", id: "urn:test:nobody" });
    expect([note.state, head]).to.deep.equal(["none", undefined]);
    expect(note.at.number).to.equal(0);
  });

  it("states block and public digest of a command chain", async () => {
    const { note, head, view } = await state(publicChain(NET, "party", story.bank.party));
    expect(note.at).to.deep.equal({ scope: NET, number: view.block, hash: parseHash(view.blockHash) });
    expect(head).to.include({ n: 2, salt: PUBLIC_SALT });
    expect(note.state).to.deep.equal(digest(head!));
  });

  it("states the head inside the orders, before and after the first one", async () => {
    const key = publicChain(NET, "orders", NET);
    const before = await state(key);
    expect(before.head?.n).to.equal(0);
    expect(before.note.state).to.deep.equal(digest(before.head!));
    await story.freeze({ kind: "resource", id: "res/other" });
    const after = await state(key);
    expect(after.head?.n).to.equal(1);
    expect(after.note.state).to.deep.equal(digest(after.head!));
  });

  it("states a time at which the position was the newest, on a test network that of the ledger", async () => {
    const shifted = new Story();
    await shifted.begin(true);
    await shifted.send("network:submit", shifted.regulator, "clock.set", { offsetMs: 60_000 });
    const clock = [10_999, 99_000];
    const { timeMs } = await look(
      {
        view: () => {
          clock.shift();
          return shifted.ledger.view();
        },
      },
      () => clock[0]!,
    );
    expect(timeMs).to.equal(70_999);
  });

  it("opens the state of an older look, though the chain has grown since", async () => {
    const key = { scope: LOG, kind: "grant" as const, id: grant };
    await story.record([await story.access({ grant })]);
    const sighting = await look(story.ledger, () => story.ledger.now);
    await story.record([await story.access({ grant }), await story.access({ grant })]);
    await index.reached(story.ledger.made.length - 1);
    const { note, head } = await witness.state(sighting, key);
    expect(head?.n).to.equal(1);
    expect((await openHeadNote(note, story.heads.key, verify)).state).to.deep.equal(digest(head!));
  });

  it("refuses to state what the index cannot open", async () => {
    const sighting = await look(story.ledger, () => story.ledger.now);
    const view = { ...sighting.view, getPrivateHash: () => Promise.resolve(PUBLIC_SALT) };
    const key = grantChain(NET, COLLECTION, grant);
    await expectCode(witness.state({ ...sighting, view }, key), "PROOF_INVALID", "STATE_OPENING");
  });

  describe("G3 on a grant's command chain", () => {
    const key = () => grantChain(NET, COLLECTION, grant);

    it("states no head while a stop waits to be folded, and the stop in it afterwards", async () => {
      const { head: before } = await state(key());
      await story.stop(story.bureau, "grant.suspend", grant);
      await expectCode(state(key()), "STOP_PENDING");
      await story.fold(grant);
      expect((await state(key())).head?.n).to.equal(before!.n + 1);
    });

    it("states none for an older look in which the stop waits, though it is folded by now", async () => {
      await story.stop(story.bureau, "grant.revoke", grant);
      const sighting = await look(story.ledger, () => story.ledger.now);
      await story.fold(grant);
      await index.reached(story.ledger.made.length - 1);
      await expectCode(witness.state(sighting, key()), "STOP_PENDING");
    });

    it("a stop that the regulator overtook is folded as well, and keeps the head back until then", async () => {
      await story.stop(story.bureau, "grant.suspend", grant);
      await story.regulatorStop("grant.revoke", grant);
      const sighting = await look(story.ledger, () => story.ledger.now);
      await expectCode(state(key()), "STOP_PENDING");
      await story.fold(grant);
      expect((await state(key())).head?.n).to.equal(4);
      await expectCode(witness.state(sighting, key()), "STOP_PENDING");
    });

    it("keeps back the uses' chain of no grant: a stop does not touch it", async () => {
      await story.stop(story.bureau, "grant.suspend", grant);
      const { note } = await state({ scope: LOG, kind: "grant", id: grant });
      expect(note.state).to.equal("none");
    });
  });
});
