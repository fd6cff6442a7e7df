import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  type ChainKey,
  formatNote,
  NOTE_TYPES,
  parseHeadNote,
  parseNote,
  signNote,
  verifySignatures,
} from "@quanji/chaincode/log";
import { nodeVerifier } from "@quanji/chaincode/world";
import { expect } from "chai";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import { COLLECTION, LOG, NET, Story } from "../readmodel/story.test.js";
import { Bench } from "../readmodel/support.test.js";
import { WitnessMemory } from "../witness/cosigner/memory.js";
import { HeadWitness, type StatedHead } from "../witness/heads.js";
import { Notary, type Stated } from "../witness/notary/notary.js";
import { LedgerPeer } from "../witness/process/ledger-peer.js";
import { grantChain, look, publicChain } from "../witness/sighting.js";
import { seededSigner } from "../witness/testing/trees.js";
import { HeadGatherer, type HeadsWitness } from "./heads.js";
import type { WitnessReply } from "./witness-client.js";

const verify = nodeVerifier();
const NAMES = ["a", "b", "c", "d"] as const;
const signers = NAMES.map((name) => seededSigner(`${name}.test/w/heads`, NOTE_TYPES.ed25519));

const answer = (status: number, body: object): WitnessReply => ({
  status,
  body: JSON.stringify(body),
  retryAfterMs: undefined,
});

describe("G4 head notes of several organisations", () => {
  const bench = new Bench();
  let folder: string;
  let story: Story;
  let index: LedgerIndex;
  let grant: string;
  let reports: string[];
  let asked: string[];
  /** The witnesses' clock, where it is not the ledger's. */
  let peersMs: number | undefined;
  const opened: { close(): Promise<void> }[] = [];
  /** What a test puts in a witness's place. */
  let instead: Map<string, (body: string, honest: () => Promise<WitnessReply>) => Promise<WitnessReply>>;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-heads-"));
    story = new Story();
    grant = await story.prepare();
    await story.record([await story.access({ grant })]);
    index = await bench.upToDate(story.ledger);
    [reports, asked, peersMs] = [[], [], undefined];
    instead = new Map();
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
    await bench.clean();
    await rm(folder, { recursive: true });
  });

  async function witnesses(absence = true): Promise<readonly (HeadsWitness & { readonly peer: LedgerPeer })[]> {
    return Promise.all(
      NAMES.map(async (organisation, i) => {
        const memory = await WitnessMemory.open(path.join(folder, organisation, "memory"));
        const peer = await LedgerPeer.open({
          folder: path.join(folder, organisation, "peer"),
          ledger: { blocks: (from) => story.ledger.blocks(from), newest: () => story.ledger.height() },
          clock: () => peersMs ?? story.ledger.now,
          onError: (error) => {
            throw error;
          },
        });
        opened.push(peer, memory);
        const notary = new Notary({ signer: signers[i]!, memory, peer, patienceMs: 60_000 });
        const honest = async (body: string): Promise<WitnessReply> => replyOf(await notary.state(body));
        return {
          organisation,
          absence,
          headsKey: signers[i]!.key,
          peer,
          witness: {
            addCheckpoint: () => Promise.reject(new Error("not here")),
            published: () => Promise.reject(new Error("not here")),
            headNotes: (body: string) => instead.get(organisation)?.(body, () => honest(body)) ?? honest(body),
          },
        };
      }),
    );
  }
  function replyOf(stated: Stated): WitnessReply {
    if (stated.outcome === "stated") return answer(200, { notes: stated.notes });
    if (stated.outcome === "early") return answer(409, { code: "TIME_FUTURE", time: stated.time });
    return answer(400, { code: stated.outcome.toUpperCase() });
  }

  const gathererOf = (members: readonly HeadsWitness[]): HeadGatherer =>
    new HeadGatherer({
      witnesses: members,
      quorum: 3,
      signer: story.heads,
      verify,
      secret: () => index.blindingSecret(),
      asked: (organisation, outcome) => void asked.push(`${organisation} ${outcome}`),
      report: (organisation) => void reports.push(organisation),
    });

  async function heads(keys: readonly ChainKey[]): Promise<readonly StatedHead[]> {
    const sighting = await look(story.ledger, () => story.ledger.now);
    await index.reached(sighting.view.block);
    const own = new HeadWitness({ index, net: NET, signer: story.heads });
    return Promise.all(keys.map((key) => own.state(sighting, key)));
  }
  const signedBy = async (note: string | undefined): Promise<string[]> => {
    const keys = [story.heads.key, ...signers.map(({ key }) => key)];
    return (await verifySignatures(parseNote(note), keys, verify)).map(({ key }) => key.name.split(".")[0] ?? "");
  };
  const OWN = "quanji";
  const KEYS = (): readonly ChainKey[] => [
    { scope: LOG, kind: "party", id: story.bank.party },
    publicChain(NET, "directory", NET),
    grantChain(NET, COLLECTION, grant),
  ];

  it("are one text with the signature of each, the gateway's own first", async () => {
    const stated = await heads(KEYS());
    const notes = await gathererOf(await witnesses()).gather(stated);
    for (const [i, note] of notes.entries()) {
      expect(parseNote(note).text).to.equal(parseNote(stated[i]?.note).text);
      expect(await signedBy(note)).to.deep.equal([OWN, ...NAMES]);
    }
    expect(reports).to.deep.equal([]);
  });

  it("lack the signatures of those who are down, slow, behind or say nothing, and keep the others'", async () => {
    instead.set("a", () => Promise.reject(new Error("down")));
    instead.set("b", () => Promise.resolve(answer(503, { code: "BEHIND" })));
    instead.set("c", () => Promise.resolve({ status: 200, body: "[", retryAfterMs: undefined }));
    const [note] = await gathererOf(await witnesses()).gather(await heads(KEYS()));
    expect(await signedBy(note)).to.deep.equal([OWN, "d"]);
    expect(reports).to.have.members(["a", "c"]);
    expect(asked).to.include("b BEHIND");
  });

  it("take no signature under another text than the gateway's own, nor one that does not verify", async () => {
    const lie = async (honest: () => Promise<WitnessReply>, by: number): Promise<WitnessReply> => {
      const { notes } = JSON.parse((await honest()).body) as { readonly notes: readonly string[] };
      const text = parseNote(notes[0]).text.replace(/^state .*$/m, "state none");
      const { key, sign } = signers[by]!;
      const note = formatNote({ text, signatures: [await signNote(text, key, sign)] });
      return answer(200, { notes: [note, ...notes.slice(1)] });
    };
    instead.set("a", (_body, honest) => lie(honest, 0));
    // The text of the gateway with the signature of another text.
    instead.set("b", async (_body, honest) => {
      const { notes } = JSON.parse((await honest()).body) as { readonly notes: readonly string[] };
      const [first, second] = notes.map((note) => parseNote(note));
      return answer(200, { notes: [formatNote({ text: first!.text, signatures: second!.signatures })] });
    });
    const [note] = await gathererOf(await witnesses()).gather(await heads(KEYS()));
    expect(await signedBy(note)).to.deep.equal([OWN, "c", "d"]);
    expect(reports).to.have.members(["a", "b"]);
  });

  it("are of an earlier time where the block is not the newest any more, as late as enough of them vouch for", async () => {
    const members = await witnesses();
    const stated = await heads(KEYS());
    const { time } = parseHeadNote(parseNote(stated[0]?.note).text);
    // Each was asked at another time whether that block was the newest.
    for (const [i, { peer }] of members.entries()) {
      await peer.reached(story.ledger.made.length - 1, 60_000);
      peersMs = (time - 40 + 10 * i) * 1000;
      await peer.confirm();
    }
    await story.record([await story.access({ grant })]);
    peersMs = undefined;
    const notes = await gathererOf(members).gather(stated);
    for (const note of notes) {
      expect(parseHeadNote(parseNote(note).text).time).to.equal(time - 30);
      expect(await signedBy(note)).to.deep.equal([OWN, "b", "c", "d"]);
    }
  });

  it("are not dragged back by one who vouches for nothing", async () => {
    instead.set("a", () => Promise.resolve(answer(409, { code: "TIME_FUTURE", time: 0 })));
    const stated = await heads(KEYS());
    const [note] = await gathererOf(await witnesses()).gather(stated);
    expect(parseNote(note).text).to.equal(parseNote(stated[0]?.note).text);
    expect(await signedBy(note)).to.deep.equal([OWN, "b", "c", "d"]);
  });

  it("show the collection's secret only to witnesses that may have it, and to no other say that a chain is empty", async () => {
    const bodies: string[] = [];
    instead.set("a", (body, honest) => {
      bodies.push(body);
      return honest();
    });
    const empty: ChainKey = { scope: LOG, kind: "party", id: "urn:test:nobody" };
    const stated = await heads([...KEYS(), empty]);
    const without = await gathererOf(await witnesses(false)).gather(stated);
    expect(await signedBy(without[0])).to.have.length(5);
    expect(await signedBy(without[3])).to.deep.equal([OWN]);
    expect(bodies.join("")).to.not.contain("secret");
  });

  it("say that a chain was never touched where the witnesses may know", async () => {
    const empty: ChainKey = { scope: LOG, kind: "party", id: "urn:test:nobody" };
    const [note] = await gathererOf(await witnesses()).gather(await heads([empty]));
    expect(parseHeadNote(parseNote(note).text).state).to.equal("none");
    expect(await signedBy(note)).to.have.length(5);
  });
});
