import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { cosignNote, formatNote, NOTE_TYPES, type NoteSignature, parseNote } from "@quanji/chaincode/log";
import { expect } from "chai";
import { History, ORIGIN, seededSigner } from "../witness/testing/trees.js";
import { Cosigning } from "./cosigning.js";
import { CosignedStore } from "./store.js";

const honest = History.honest();
const WITNESSES = ["a", "b", "c", "d"].map((name) => seededSigner(`${name}.test/w`, NOTE_TYPES.cosignature));

describe("G6 cosigned checkpoints", () => {
  let folder: string;
  let store: CosignedStore;
  const open = () =>
    CosignedStore.open({
      folder,
      // Three of four, distinct ones.
      levelOf: ({ signatures }) => {
        const names = new Set(signatures.map(({ name }) => name).filter((name) => name !== ORIGIN));
        return Promise.resolve(names.size >= 3 ? "cosigned" : "committed");
      },
    });
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-cosigned-"));
    store = await open();
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const signatureOf = async (size: number, witness: number, time = 1000): Promise<NoteSignature> => {
    const { text } = await honest.note(size);
    const { key, sign } = WITNESSES[witness]!;
    return cosignNote(text, key, time, sign);
  };
  const add = async (size: number, witness: number, time?: number): Promise<boolean> =>
    store.add(await honest.checkpoint(size), await signatureOf(size, witness, time));
  const namesOf = (note: string | undefined): string[] =>
    note === undefined ? [] : parseNote(note).signatures.map(({ name }) => name);

  it("are there once as many organisations have signed as the policy asks for, and not before", async () => {
    expect([await add(3, 0), await add(3, 1)]).to.deep.equal([false, false]);
    expect(await store.covering(ORIGIN, 2)).to.equal(undefined);
    expect(await add(3, 2)).to.equal(true);
    expect(await store.covering(ORIGIN, 2)).to.include({ size: 3 });
    expect(await store.covering(ORIGIN, 3)).to.equal(undefined);
  });

  it("the same witness twice is one witness", async () => {
    for (const time of [1000, 1060, 1120]) expect(await add(3, 0, time)).to.equal(false);
    expect(await add(3, 1)).to.equal(false);
    expect(await store.covering(ORIGIN, 0)).to.equal(undefined);
  });

  it("of different sizes do not add up", async () => {
    expect([await add(3, 0), await add(5, 1), await add(7, 2)]).to.deep.equal([false, false, false]);
    expect(await store.covering(ORIGIN, 0)).to.equal(undefined);
  });

  it("take signatures that come at once without losing one", async () => {
    await Promise.all([0, 1, 2, 3].map((witness) => add(3, witness)));
    const found = await store.covering(ORIGIN, 0);
    expect(namesOf(found?.note)).to.have.members([ORIGIN, "a.test/w", "b.test/w", "c.test/w", "d.test/w"]);
  });

  it("of a record are the first that holds it, whatever follows, also after a restart", async () => {
    for (const size of [3, 5]) for (const witness of [0, 1, 2]) await add(size, witness);
    expect((await store.covering(ORIGIN, 2))?.size).to.equal(3);
    expect((await store.covering(ORIGIN, 3))?.size).to.equal(5);
    await store.close();
    store = await open();
    expect((await store.covering(ORIGIN, 2))?.size).to.equal(3);
    expect((await store.newest(ORIGIN))?.size).to.equal(5);
  });

  it("keep each witness's first word for records, and the newest for who asks whether anything followed", async () => {
    for (const witness of [0, 1, 2]) await add(3, witness, 1000);
    const before = (await store.covering(ORIGIN, 0))?.note;
    expect(await add(3, 1, 1060)).to.equal(true);
    expect((await store.covering(ORIGIN, 0))?.note).to.equal(before);
    const fresh = parseNote((await store.newest(ORIGIN))?.note ?? "");
    expect(fresh.signatures.find(({ name }) => name === "b.test/w")).to.deep.equal(await signatureOf(3, 1, 1060));
    expect(fresh.signatures).to.have.length(4);
    expect(formatNote(fresh)).to.not.equal(before);
  });

  it("are other logs' only by their own origin", async () => {
    for (const witness of [0, 1, 2]) await add(3, witness);
    expect(await store.covering(`${ORIGIN}0`, 0)).to.equal(undefined);
    expect(await store.covering("quanji.test/town/gw", 0)).to.equal(undefined);
  });

  describe("awaited", () => {
    it("come as soon as the quorum is there, to everybody who waits", async () => {
      const cosigning = new Cosigning(store);
      const waiting = [cosigning.awaited(ORIGIN, 2, 600_000), cosigning.awaited(ORIGIN, 0, 600_000)];
      for (const witness of [0, 1, 2]) if (await add(3, witness)) cosigning.reached();
      expect(await Promise.all(waiting)).to.deep.equal([true, true]);
      expect(await cosigning.awaited(ORIGIN, 1, 0)).to.equal(true);
    });

    it("do not come without a quorum: no open failure", async () => {
      const cosigning = new Cosigning(store);
      await add(3, 0);
      expect(await cosigning.awaited(ORIGIN, 0, 1)).to.equal(false);
      const leaving = new AbortController();
      const waiting = cosigning.awaited(ORIGIN, 0, 600_000, leaving.signal);
      leaving.abort();
      expect(await waiting).to.equal(false);
    });
  });
});
