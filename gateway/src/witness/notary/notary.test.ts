import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  type ChainKey,
  chainStart,
  hashText,
  NOTE_TYPES,
  openHeadNote,
  parseNote,
  sha256Text,
} from "@quanji/chaincode/log";
import { nodeVerifier, privateKeys } from "@quanji/chaincode/world";
import { expect } from "chai";
import type { LedgerIndex } from "../../readmodel/ledger-index.js";
import { COLLECTION, LOG, NET, OTHER_LOG, RESOURCE, Story } from "../../readmodel/story.test.js";
import { Bench } from "../../readmodel/support.test.js";
import { WitnessMemory } from "../cosigner/memory.js";
import { HeadWitness } from "../heads.js";
import { LedgerPeer } from "../process/ledger-peer.js";
import { grantChain, look, publicChain } from "../sighting.js";
import { seededSigner } from "../testing/trees.js";
import { Notary, NOTARY_STEPS, type NotaryOptions } from "./notary.js";
import type { AskedChain, HeadsRequest } from "./request.js";

const signer = seededSigner("witness.test/w/heads", NOTE_TYPES.ed25519);
const verify = nodeVerifier();

describe("G4 a witness's head notes", () => {
  const bench = new Bench();
  let folder: string;
  let memory: WitnessMemory;
  let story: Story;
  let index: LedgerIndex;
  let peer: LedgerPeer;
  let grant: string;
  let faults: unknown[];

  const openPeer = (of: Story, name: string): Promise<LedgerPeer> =>
    LedgerPeer.open({
      folder: path.join(folder, name),
      ledger: { blocks: (from) => of.ledger.blocks(from), newest: () => of.ledger.height() },
      clock: () => of.ledger.now,
      onError: (error) => void faults.push(error),
    });

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-notary-"));
    memory = await WitnessMemory.open(path.join(folder, "memory"));
    faults = [];
    story = new Story();
    grant = await story.prepare();
    await story.record([await story.access({ grant })]);
    index = await bench.upToDate(story.ledger);
    peer = await openPeer(story, "peer");
  });
  afterEach(async () => {
    await peer.close();
    await memory.close();
    await bench.clean();
    await rm(folder, { recursive: true });
    expect(faults).to.deep.equal([]);
  });

  const make = (options: Partial<NotaryOptions> = {}): Notary =>
    new Notary({ signer, memory, peer, patienceMs: 60_000, ...options });

  async function chainOf(key: ChainKey): Promise<AskedChain> {
    const name = key.scope === NET ? undefined : await index.headName(key);
    const isGrant = key.scope === `${NET}/${COLLECTION}`;
    const start = hashText(chainStart(key));
    return { scope: key.scope, start, ...(name !== undefined && { name }), ...(isGrant && { grant: key.id }) };
  }

  /** What a gateway asks that looks at its own ledger now. */
  async function request(keys: readonly ChainKey[], change: Partial<HeadsRequest> = {}): Promise<HeadsRequest> {
    const view = await story.ledger.view();
    await index.reached(view.block);
    return {
      v: "quanji.heads.v1",
      block: { number: view.block, hash: view.blockHash },
      time: Math.floor(story.ledger.now / 1000),
      chains: await Promise.all(keys.map(chainOf)),
      ...change,
    };
  }
  const ask = (notary: Notary, asked: HeadsRequest) => notary.state(JSON.stringify(asked));

  const bank = (): ChainKey => ({ scope: LOG, kind: "party", id: story.bank.party });
  const secretText = (): string => {
    const writes = story.ledger.made.flatMap(({ transactions }) => transactions.flatMap((one) => one.writes));
    return writes.find(({ key, collection }) => collection === COLLECTION && key === privateKeys.secret)?.value ?? "";
  };

  it("say word for word what the gateway's own key says of the same block: one text, several signatures", async () => {
    const keys: readonly ChainKey[] = [
      bank(),
      { scope: LOG, kind: "resource", id: RESOURCE },
      { scope: LOG, kind: "grant", id: grant },
      publicChain(NET, "directory", NET),
      publicChain(NET, "boundary", NET),
      publicChain(NET, "orders", NET),
      publicChain(NET, "party", story.bank.party),
      publicChain(NET, "party", "urn:test:nobody"),
      grantChain(NET, COLLECTION, grant),
    ];
    const sighting = await look(story.ledger, () => story.ledger.now);
    await index.reached(sighting.view.block);
    const own = new HeadWitness({ index, net: NET, signer: story.heads });
    const stated = await ask(make(), await request(keys));
    if (stated.outcome !== "stated") throw new Error(JSON.stringify(stated));
    for (const [i, key] of keys.entries()) {
      const { note } = await own.state(sighting, key);
      expect(parseNote(stated.notes[i]).text).to.equal(parseNote(note).text);
      await openHeadNote(stated.notes[i], signer.key, verify);
    }
  });

  it("speak of a block that is not the newest any more as it was, and of no later time", async () => {
    const notary = make();
    const before = await request([bank()]);
    story.pass(5_000);
    await peer.confirm();
    story.pass(5_000);
    await story.record([await story.access({ grant })]);
    story.pass(60_000);
    await peer.confirm();
    const late = { ...before, time: before.time + 70 };
    expect(await ask(notary, late)).to.deep.equal({ outcome: "early", time: before.time + 5 });
    const stated = await ask(notary, { ...before, time: before.time + 5 });
    if (stated.outcome !== "stated") throw new Error(stated.outcome);
    const note = await openHeadNote(stated.notes[0], signer.key, verify);
    expect([note.at.number, note.time]).to.deep.equal([1, before.time + 5]);
  });

  it("8 never give an old head a new time, whoever asks for it and however often", async () => {
    const notary = make();
    const before = await request([bank()]);
    await peer.confirm();
    await story.record([await story.access({ grant })]);
    story.pass(120_000);
    for (const seconds of [1, 60, 120, 1_000_000]) {
      const stated = await ask(notary, { ...before, time: before.time + seconds });
      expect(stated).to.deep.equal({ outcome: "early", time: before.time });
    }
  });

  it("vouch for nothing as long as the peer has not said its height", async () => {
    const silent = await LedgerPeer.open({
      folder: path.join(folder, "silent"),
      // More blocks than were ever read: what was read is not known to have been the newest at any time.
      ledger: { blocks: (from) => story.ledger.blocks(from), newest: async () => (await story.ledger.height()) + 1 },
      clock: () => story.ledger.now,
      onError: (error) => void faults.push(error),
    });
    expect(await ask(make({ peer: silent }), await request([bank()]))).to.deep.equal({ outcome: "early", time: 0 });
    await silent.close();
  });

  it("wait for the peer to have read the block, and ask for patience if it does not", async () => {
    const asked = await request([bank()]);
    const future = { ...asked, block: { ...asked.block, number: asked.block.number + 1 } };
    expect(await ask(make({ patienceMs: 1 }), future)).to.deep.equal({ outcome: "behind" });
    const notary = make();
    const next = ask(notary, { ...future, time: 0 });
    await story.record([await story.access({ grant })]);
    expect((await next).outcome).to.equal("contradiction"); // it waited, and that block has another hash
  });

  it("refuse another block of the same number, whoever shows it first", async () => {
    const asked = await request([bank()]);
    const other = { ...asked, block: { ...asked.block, hash: sha256Text("another") } };
    expect((await ask(make(), other)).outcome).to.equal("contradiction");
    expect(await memory.spoken()).to.equal(undefined);
  });

  it("refuse a log and a network that the peer does not have", async () => {
    const asked = await request([bank()]);
    const [chain] = asked.chains;
    const foreign = { ...asked, chains: [{ ...chain!, scope: "quanji.example/test/gw/9" }] };
    expect((await ask(make(), foreign)).outcome).to.equal("unknown");
  });

  for (const [what, body] of [
    ["no JSON", "nonsense"],
    [
      "no chains",
      JSON.stringify({ v: "quanji.heads.v1", block: { number: 0, hash: "A".repeat(43) }, time: 0, chains: [] }),
    ],
    ["another version", JSON.stringify({ v: "quanji.heads.v2" })],
    ["a member more", JSON.stringify({ v: "quanji.heads.v1", also: 1 })],
  ] as const) {
    it(`refuse ${what}`, async () => {
      expect((await make().state(body)).outcome).to.equal("malformed");
    });
  }

  describe("of a chain that was never touched", () => {
    const nobody: ChainKey = { scope: LOG, kind: "party", id: "urn:test:nobody" };

    it("say none where the name is proven to be the chain's", async () => {
      const asked = await request([nobody, { scope: OTHER_LOG, kind: "grant", id: grant }]);
      const chains = asked.chains.map((chain) => ({ ...chain, secret: secretText() }));
      const stated = await ask(make(), { ...asked, chains });
      if (stated.outcome !== "stated") throw new Error(JSON.stringify(stated));
      for (const note of stated.notes) expect(note).to.contain("\nstate none\n");
    });

    it("say nothing on the word of the gateway: another name would hide a trail", async () => {
      const asked = await request([bank()]);
      const [chain] = asked.chains;
      const empty = `head/${LOG}/${sha256Text("nothing was ever stored here")}`;
      const without = { ...asked, chains: [{ ...chain!, name: empty }] };
      expect((await ask(make(), without)).outcome).to.equal("malformed");
      const lying = { ...asked, chains: [{ ...chain!, name: empty, secret: secretText() }] };
      expect((await ask(make(), lying)).outcome).to.equal("contradiction");
      const invented = JSON.stringify({ salt: "A".repeat(43), value: "B".repeat(43) });
      const name = privateKeys.headAt("B".repeat(43), LOG, hashText(chainStart(bank())));
      const other = { ...asked, chains: [{ ...chain!, name, secret: invented }] };
      expect((await ask(make(), other)).outcome).to.equal("contradiction");
    });

    it("do not take another scope's name, nor one outside the heads", async () => {
      const asked = await request([bank()]);
      const [chain] = asked.chains;
      for (const name of [`grant/${grant}`, `head/${OTHER_LOG}/${"A".repeat(43)}`, undefined]) {
        const { name: _own, ...rest } = chain!;
        const chains = [{ ...rest, ...(name !== undefined && { name }) }];
        expect((await ask(make(), { ...asked, chains })).outcome).to.equal("malformed");
      }
    });
  });

  describe("of a grant that was stopped", () => {
    it("wait until the stop is in its chain", async () => {
      const notary = make();
      const key = grantChain(NET, COLLECTION, grant);
      expect((await ask(notary, await request([key]))).outcome).to.equal("stated");
      await story.stop(story.bureau, "grant.revoke", grant);
      expect(await ask(notary, await request([key]))).to.deep.equal({ outcome: "pending" });
      // Other chains are not held up by it.
      expect((await ask(notary, await request([bank()]))).outcome).to.equal("stated");
      await story.fold(grant);
      expect((await ask(notary, await request([key]))).outcome).to.equal("stated");
    });

    it("wait for one that the regulator overtook, and no longer than it takes to fold it", async () => {
      const notary = make();
      const key = grantChain(NET, COLLECTION, grant);
      await story.stop(story.bureau, "grant.revoke", grant);
      await story.regulatorStop("grant.revoke", grant);
      expect(await ask(notary, await request([key]))).to.deep.equal({ outcome: "pending" });
      await story.fold(grant);
      expect((await ask(notary, await request([key]))).outcome).to.equal("stated");
    });

    it("take no other grant's id for it: its stop would be looked for in the wrong place", async () => {
      await story.stop(story.bureau, "grant.revoke", grant);
      const asked = await request([grantChain(NET, COLLECTION, grant)]);
      const [chain] = asked.chains;
      for (const id of [story.uuid(), undefined]) {
        const { grant: _own, ...rest } = chain!;
        const chains = [{ ...rest, ...(id !== undefined && { grant: id }) }];
        expect((await ask(make(), { ...asked, chains })).outcome).to.equal("malformed");
      }
    });
  });

  describe("after it died", () => {
    for (const step of NOTARY_STEPS) {
      it(`at "${step}" contradict nothing that it may have said`, async () => {
        const dying = make({
          atStep: (at) => {
            if (at === step) throw new Error("died");
          },
        });
        const asked = await request([bank()]);
        await ask(dying, asked).then(
          () => expect.fail("it lives"),
          (error: unknown) => expect(error).to.have.property("message", "died"),
        );
        await memory.close();
        memory = await WitnessMemory.open(path.join(folder, "memory"));
        // It lost what it read, and its peer shows another history of the same length.
        const other = new Story();
        other.pass(1_000);
        const theirs = await other.prepare();
        await other.record([await other.access({ grant: theirs })]);
        const forked = await openPeer(other, "forked");
        const hash = other.ledger.made.at(-1)?.hash ?? "";
        expect(hash).to.not.equal(asked.block.hash);
        const lie = { ...asked, block: { number: asked.block.number, hash } };
        const after = await ask(make({ peer: forked }), lie);
        expect(after.outcome).to.equal(step === "read" ? "stated" : "contradiction");
        await forked.close();
      });
    }

    it("say nothing while the peer is read again from its start: a younger block could be another ledger's", async () => {
      const notary = make();
      const early = await request([bank()]);
      await story.record([await story.access({ grant })]);
      expect((await ask(notary, await request([bank()]))).outcome).to.equal("stated");
      const cut = {
        ...peerView(),
        hashOf: (block: number) => (block > early.block.number ? Promise.resolve(undefined) : peer.hashOf(block)),
      };
      expect(await ask(make({ peer: cut }), { ...early, time: 0 })).to.deep.equal({ outcome: "behind" });
    });
  });

  it("know no more of old blocks than they may: beyond the horizon they say so", async () => {
    const asked = await request([bank()]);
    const far = { ...peerView(), oldest: asked.block.number + 1 };
    expect(await ask(make({ peer: far }), asked)).to.deep.equal({ outcome: "gone" });
  });

  const peerView = () => ({
    height: peer.height,
    oldest: peer.oldest,
    net: peer.net,
    hashOf: peer.hashOf,
    log: peer.log.bind(peer),
    publicDigest: peer.publicDigest,
    privateHash: peer.privateHash,
    pendingStop: peer.pendingStop.bind(peer),
    reached: peer.reached.bind(peer),
    confirm: peer.confirm.bind(peer),
    lastInstant: peer.lastInstant,
  });
});
