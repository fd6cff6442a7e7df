import { once } from "node:events";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { verifyLedgerFork } from "@quanji/client/audit";
import {
  type BlockNote,
  formatBlockNote,
  formatNote,
  formatVkey,
  hashText,
  NOTE_TYPES,
  parseBlockNote,
  parseNote,
  sha256,
  signNote,
  utf8,
} from "@quanji/chaincode/log";
import { expect } from "chai";
import { pino } from "pino";
import { call } from "../../ledger/embedded/testing/probe.js";
import { Folders, open } from "../../ledger/embedded/testing/open.js";
import type { EmbeddedLedger } from "../../ledger/embedded/index.js";
import type { BlockStream, Ledger, LedgerBlock } from "../../ledger/ledger.js";
import { witnessConfigOf } from "../process/config.js";
import { openWitness, type Witness } from "../process/open.js";
import { History, logSigner, ORIGIN, seededSigner } from "../testing/trees.js";
import { formatExchanged, parseExchanged } from "./message.js";

const honest = History.honest();
const forked = History.forked();
const quiet = pino({ level: "silent" });

/** A log's state as the contracts write it, as far as witnesses read it. */
const logState = (history: History, size: number) =>
  call([
    [
      "put",
      `log/${ORIGIN}`,
      JSON.stringify({
        origin: ORIGIN,
        size,
        root: hashText(history.root(size)),
        vkey: formatVkey(logSigner.key),
        msp: "HolderMSP",
      }),
    ],
  ]);

/** What a peer shows; `change` is what a faulty one makes of its blocks. */
function peerOf(ledger: EmbeddedLedger, change: (block: LedgerBlock) => LedgerBlock = (block) => block): Ledger {
  const blocks = (from: number): BlockStream => {
    const stream = ledger.blocks(from);
    return {
      async *[Symbol.asyncIterator]() {
        for await (const block of stream) yield change(block);
      },
      close: () => stream.close(),
      [Symbol.asyncDispose]: () => stream.close(),
    };
  };
  return {
    submit: (transaction) => ledger.submit(transaction),
    evaluate: (transaction) => ledger.evaluate(transaction),
    blocks,
    height: () => ledger.height(),
    find: (txId) => ledger.find(txId),
    blockBytes: (number) => ledger.blockBytes?.(number) ?? Promise.resolve(undefined),
    view: () => ledger.view(),
    // It outlives a witness that is started again.
    close: () => Promise.resolve(),
  };
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("G6 witnesses compare their peers' blocks", () => {
  const folders = new Folders();
  const ledgers: EmbeddedLedger[] = [];
  const running = new Set<Witness>();
  const servers: Server[] = [];
  let work: string;

  beforeEach(async () => void (work = await mkdtemp(path.join(tmpdir(), "quanji-exchange-"))));
  afterEach(async () => {
    for (const witness of running) await witness.close();
    running.clear();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
    for (const ledger of ledgers.splice(0)) await ledger.close();
    await rm(work, { recursive: true });
    await folders.clear();
  });

  const openLedger = async (folder: string): Promise<EmbeddedLedger> => {
    const ledger = await open(folder);
    ledgers.push(ledger);
    return ledger;
  };

  async function oneLedger(): Promise<EmbeddedLedger> {
    const ledger = await openLedger(await folders.make());
    await ledger.submit(logState(honest, 3));
    await ledger.submit(logState(honest, 5));
    return ledger;
  }

  /** One orderer that tells a victim's peer another ledger from block 2 on, and signs both. */
  async function fork(): Promise<readonly [truth: EmbeddedLedger, other: EmbeddedLedger]> {
    const [folder, victims] = [await folders.make(), await folders.make()];
    const before = await open(folder);
    await before.submit(logState(honest, 1));
    await before.close();
    await cp(folder, victims, { recursive: true });
    const [truth, other] = [await openLedger(folder), await openLedger(victims)];
    for (const size of [3, 5]) {
      await truth.submit(logState(honest, size));
      await other.submit(logState(forked, size));
    }
    return [truth, other];
  }

  interface Seat {
    readonly name: string;
    readonly url: string;
    readonly port: number;
    readonly blocksKey: string;
    readonly ledger: Ledger;
    readonly folder: string;
  }

  async function run(seat: Omit<Seat, "url" | "blocksKey">, more: object = {}): Promise<Witness> {
    const input = {
      name: `witness.${seat.name}/w`,
      port: seat.port,
      fabric: { profile: "not-read.json" },
      // Rounds are asked for; the one at the start is over before long.
      exchangeMs: 600_000,
      ...more,
    };
    const witness = await openWitness(witnessConfigOf(seat.folder, input, {}), {
      clock: () => 1_700_000_000_000,
      logger: quiet,
      ledger: seat.ledger,
    });
    running.add(witness);
    return witness;
  }
  const end = async (witness: Witness): Promise<void> => {
    running.delete(witness);
    await witness.close();
  };

  /** Its keys are made at its first start. */
  async function seat(name: string, ledger: Ledger): Promise<Seat> {
    const place = { name, ledger, port: await freePort(), folder: path.join(work, name) };
    const witness = await run(place);
    await end(witness);
    return { ...place, url: `http://127.0.0.1:${place.port}`, blocksKey: witness.blocksKey };
  }
  const othersOf = (seats: readonly Pick<Seat, "name" | "url" | "blocksKey">[], own: string): object => ({
    others: seats.filter(({ name }) => name !== own).map(({ url, blocksKey }) => ({ url, blocksKey })),
  });

  interface Health {
    readonly ok: boolean;
    readonly peer: string;
  }
  const health = async ({ address }: Witness): Promise<Health> =>
    (await (await fetch(`${address}/healthz`)).json()) as Health;
  const metric = async ({ address }: Witness, name: string): Promise<number> => {
    const text = await (await fetch(`${address}/metrics`)).text();
    return Number(new RegExp(`^${name.replaceAll(/[{}]/g, "\\$&")} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  };
  /** Until it has read all that its peer has. */
  async function caughtUp(witness: Witness, ledger: Pick<Ledger, "height">): Promise<void> {
    const height = await ledger.height();
    while ((await metric(witness, "quanji_witness_peer_blocks")) < height);
  }
  async function city(...peers: readonly (readonly [name: string, ledger: Ledger])[]): Promise<{
    readonly seats: readonly Seat[];
    readonly witnesses: readonly Witness[];
  }> {
    const seats: Seat[] = [];
    for (const [name, ledger] of peers) seats.push(await seat(name, ledger));
    const witnesses: Witness[] = [];
    for (const one of seats) {
      const witness = await run(one, othersOf(seats, one.name));
      await caughtUp(witness, one.ledger);
      witnesses.push(witness);
    }
    return { seats, witnesses };
  }
  const cosign = async ({ address }: Witness, history: History, from: number, to: number): Promise<number> => {
    const answer = await fetch(`${address}/add-checkpoint`, { method: "POST", body: await history.request(from, to) });
    await answer.arrayBuffer();
    return answer.status;
  };
  interface Proof {
    readonly kind: string;
    readonly one: string;
    readonly other: string;
  }
  async function evidence({ address }: Witness): Promise<readonly (Proof & { readonly file: string })[]> {
    const names = (await (await fetch(`${address}/evidence`)).json()) as string[];
    return Promise.all(
      names.map(async (file) => ({
        file,
        ...((await (await fetch(`${address}/evidence/${file}`)).json()) as Proof),
      })),
    );
  }
  const kinds = async (witness: Witness): Promise<readonly string[]> =>
    (await evidence(witness)).map(({ kind }) => kind).sort();
  const noteOf = (text: string): BlockNote => parseBlockNote(parseNote(text).text);

  it("of one ledger: all agree, and go on signing", async () => {
    const ledger = await oneLedger();
    const { witnesses } = await city(["a", peerOf(ledger)], ["b", peerOf(ledger)]);
    for (const witness of witnesses) await witness.compare();
    for (const [i, witness] of witnesses.entries()) {
      expect(await cosign(witness, honest, 0, 5)).to.equal(200);
      expect((await health(witness)).ok).to.equal(true);
      expect(await evidence(witness)).to.deep.equal([]);
      const name = `quanji_witness_exchanges_total{witness="witness.${i === 0 ? "b" : "a"}/w/blocks",outcome="agrees"}`;
      expect(await metric(witness, name)).to.be.at.least(1);
    }
  });

  it("a peer that an orderer told another ledger is found out: both refuse, and publish what orderers signed", async () => {
    const [truth, other] = await fork();
    const { seats, witnesses } = await city(["a", peerOf(truth)], ["victim", peerOf(other)]);
    const [a, victim] = witnesses as [Witness, Witness];
    // Before they have compared, the victim's witness would have signed what its peer says. Now nobody's does.
    await victim.compare();
    await a.compare();
    const account = (await evidence(a)).find(({ kind }) => kind === "block-fork");
    const genesis = hashText(noteOf(account?.one ?? "").ledger);
    for (const [witness, history] of [
      [a, honest],
      [victim, forked],
    ] as const) {
      expect(await cosign(witness, history, 0, 5)).to.equal(422);
      expect((await health(witness)).ok).to.equal(false);
      expect(await kinds(witness)).to.deep.equal(["block-fork", "ledger-fork"]);
      expect(await metric(witness, "quanji_witness_halted")).to.equal(1);
      const proof = (await evidence(witness)).find(({ kind }) => kind === "ledger-fork");
      const text = await readFile(
        path.join(witness === a ? seats[0]!.folder : seats[1]!.folder, "evidence", proof?.file ?? ""),
        "utf8",
      );
      const verdict = await verifyLedgerFork(text.trimEnd(), { genesis, configs: [genesis] });
      expect(verdict).to.include({ ok: true, block: 2 });
      expect(verdict.accused[0]).to.include({ msp: "OrdererMSP", both: true });
    }
  });

  it("what one has found, it remembers through a restart, until its organisation says that it is settled", async () => {
    const [truth, other] = await fork();
    const { seats, witnesses } = await city(["a", peerOf(truth)], ["victim", peerOf(other)]);
    const [a, victim] = witnesses as [Witness, Witness];
    await a.compare();
    await end(victim);
    await end(a);
    const own = seats[0]!;
    const again = await run(own, othersOf(seats, "a"));
    await caughtUp(again, truth);
    expect(await cosign(again, honest, 0, 5)).to.equal(422);
    const files = (await evidence(again)).map(({ file }) => file);
    await end(again);
    const settled = await run(own, { ...othersOf(seats, "a"), settled: files });
    await caughtUp(settled, truth);
    expect(await cosign(settled, honest, 0, 5)).to.equal(200);
    expect((await health(settled)).ok).to.equal(true);
  });

  it("one that is down costs nothing, and is heard when it is back", async () => {
    const [truth, other] = await fork();
    const seats = [await seat("a", peerOf(truth)), await seat("victim", peerOf(other))];
    const alone = await run(seats[0]!, othersOf(seats, "a"));
    await caughtUp(alone, truth);
    await alone.compare();
    const failed = 'quanji_witness_exchanges_total{witness="witness.victim/w/blocks",outcome="failed"}';
    expect(await metric(alone, failed)).to.be.at.least(1);
    expect(await cosign(alone, honest, 0, 5)).to.equal(200);
    await caughtUp(await run(seats[1]!, othersOf(seats, "victim")), other);
    await alone.compare();
    expect(await cosign(alone, honest, 5, 5)).to.equal(422);
  });

  it("one that is some blocks behind is compared where both are", async () => {
    const [truth, other] = await fork();
    const { witnesses } = await city(["a", peerOf(truth)], ["victim", peerOf(other)]);
    await truth.submit(logState(honest, 7));
    await truth.submit(logState(honest, 8));
    await caughtUp(witnesses[0]!, truth);
    await witnesses[0]!.compare();
    expect(await kinds(witnesses[0]!)).to.deep.equal(["block-fork", "ledger-fork"]);
  });

  it("two peers that came to different states after one block: an account of both, and no orderer is accused", async () => {
    const ledger = await oneLedger();
    const wrong = (block: LedgerBlock): LedgerBlock =>
      block.number < 2 ? block : { ...block, commitHash: hashText(sha256(utf8(`another state ${block.number}`))) };
    const { witnesses } = await city(["a", peerOf(ledger)], ["b", peerOf(ledger, wrong)]);
    await witnesses[0]!.compare();
    const [proof] = await evidence(witnesses[0]!);
    expect(proof?.kind).to.equal("block-fork");
    const [one, two] = [noteOf(proof?.one ?? ""), noteOf(proof?.other ?? "")];
    expect(one.block).to.deep.equal(two.block);
    expect(one.commit).not.to.deep.equal(two.commit);
    expect(await kinds(witnesses[0]!)).to.deep.equal(["block-fork"]);
    expect(await cosign(witnesses[0]!, honest, 0, 5)).to.equal(422);
  });

  describe("a witness that lies", () => {
    const key = seededSigner("witness.liar/w/blocks", NOTE_TYPES.ed25519);

    /** What it says of a block; `story` tells to whom it speaks. It shows no block. */
    async function liar(
      say: (note: BlockNote, by: string) => BlockNote,
    ): Promise<Pick<Seat, "name" | "url" | "blocksKey">> {
      const server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          void (async () => {
            if (request.url !== "/block-notes") return response.writeHead(404).end();
            const asked = parseNote(parseExchanged(Buffer.concat(chunks).toString()).note);
            const text = formatBlockNote(say(parseBlockNote(asked.text), asked.signatures[0]?.name ?? ""));
            const note = formatNote({ text, signatures: [await signNote(text, key.key, key.sign)] });
            return response.end(formatExchanged(note, []));
          })();
        });
      }).listen(0, "127.0.0.1");
      servers.push(server);
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      return { name: "liar", url: `http://127.0.0.1:${port}`, blocksKey: formatVkey(key.key) };
    }
    const lie = (note: BlockNote): BlockNote => ({
      ...note,
      block: { ...note.block, hash: sha256(utf8("no such block")) },
    });

    async function trio(say: (note: BlockNote, by: string) => BlockNote): Promise<readonly [Witness, Witness]> {
      const ledger = await oneLedger();
      const [a, b] = [await seat("a", peerOf(ledger)), await seat("b", peerOf(ledger))];
      const seats = [a, b, await liar(say)];
      const [one, two] = [await run(a, othersOf(seats, "a")), await run(b, othersOf(seats, "b"))];
      await caughtUp(one, ledger);
      await caughtUp(two, ledger);
      return [one, two];
    }

    it("stops nobody whom another agrees with, and its word is kept as evidence", async () => {
      const [a, b] = await trio(lie);
      await a.compare();
      await b.compare();
      for (const witness of [a, b]) {
        expect(await kinds(witness)).to.deep.equal(["block-fork"]);
        expect(await metric(witness, "quanji_witness_contradicting")).to.equal(1);
        expect(await metric(witness, "quanji_witness_halted")).to.equal(0);
        expect(await cosign(witness, honest, 0, 5)).to.equal(200);
      }
    });

    it("one that tells two stories convicts itself, though it told each of them to one only", async () => {
      const [a, b] = await trio((note, by) => (by.startsWith("witness.a/") ? lie(note) : note));
      await b.compare();
      expect((await evidence(b)).filter(({ other }) => noteOf(other).block.number > 0)).to.deep.equal([]);
      // A hears the lie and passes it on; B asks for the same block itself.
      await a.compare();
      await b.compare();
      await b.compare();
      const stories = (await evidence(b)).filter(({ one, other }) =>
        [one, other].every((text) => parseNote(text).signatures[0]?.name === key.key.name),
      );
      expect(stories).to.have.length(1);
      expect(noteOf(stories[0]!.one).block.number).to.equal(noteOf(stories[0]!.other).block.number);
      expect(await cosign(b, honest, 0, 5)).to.equal(200);
    });

    it("follows another ledger altogether: that is told, and proves nothing", async () => {
      const [a] = await trio((note) => ({ ...note, ledger: sha256(utf8("elsewhere")) }));
      await a.compare();
      expect(await evidence(a)).to.deep.equal([]);
      const name = 'quanji_witness_exchanges_total{witness="witness.liar/w/blocks",outcome="foreign"}';
      expect(await metric(a, name)).to.be.at.least(1);
    });
  });

  it("a witness whose peer comes back with another ledger contradicts nobody but itself, and signs nothing", async () => {
    const [truth, other] = await fork();
    const { seats, witnesses } = await city(["a", peerOf(truth)], ["b", peerOf(truth)]);
    await witnesses[0]!.compare();
    await end(witnesses[0]!);
    await rm(path.join(seats[0]!.folder, "peer"), { recursive: true });
    const again = await run({ ...seats[0]!, ledger: peerOf(other) }, othersOf(seats, "a"));
    await caughtUp(again, other);
    await again.compare();
    expect(await cosign(again, forked, 0, 5)).to.equal(422);
    expect((await health(again)).peer).to.match(/another ledger than this witness has told/);
    expect(await evidence(witnesses[1]!)).to.deep.equal([]);
  });

  it("answers strangers, nonsense and whoever asks one without a peer as they should be", async () => {
    const ledger = await oneLedger();
    const { witnesses } = await city(["a", peerOf(ledger)], ["b", peerOf(ledger)]);
    const post = async (body: string): Promise<number> =>
      (await fetch(`${witnesses[0]!.address}/block-notes`, { method: "POST", body })).status;
    const stranger = seededSigner("witness.b/w/blocks", NOTE_TYPES.ed25519, "a stranger's");
    const text = formatBlockNote({
      ledger: sha256(utf8("ledger")),
      block: { number: 1, hash: sha256(utf8("block")) },
      commit: "none",
    });
    const note = formatNote({ text, signatures: [await signNote(text, stranger.key, stranger.sign)] });
    expect(await post(formatExchanged(note, []))).to.equal(403);
    expect(await post("nonsense")).to.equal(400);
    expect(await post(formatExchanged("no note", []))).to.equal(400);
    expect(await post("a".repeat(80_000))).to.equal(413);
    const without = await openWitness(
      witnessConfigOf(path.join(work, "c"), { name: "c", port: 0, logs: [formatVkey(logSigner.key)] }, {}),
      { clock: () => 0, logger: quiet },
    );
    running.add(without);
    const refused = await fetch(`${without.address}/block-notes`, { method: "POST", body: "{}" });
    expect([refused.status, (await fetch(`${without.address}/blocks/0`)).status]).to.deep.equal([404, 404]);
  });

  it("shows a block's header and signatures, and nothing of its transactions", async () => {
    const ledger = await oneLedger();
    const { witnesses } = await city(["a", peerOf(ledger)]);
    const at = async (number: number | string): Promise<Response> => fetch(`${witnesses[0]!.address}/blocks/${number}`);
    const shown = Buffer.from(await (await at(1)).arrayBuffer());
    const whole = Buffer.from((await ledger.blockBytes?.(1)) ?? new Uint8Array());
    expect([whole.includes(ORIGIN), shown.includes(ORIGIN), shown.length > 100]).to.deep.equal([true, false, true]);
    expect((await at(await ledger.height())).status).to.equal(404);
    expect((await at("01")).status).to.equal(404);
  });

  it("its configuration names others only where there is something to compare, each once, and never itself", async () => {
    const others = [{ url: "http://b.test", blocksKey: formatVkey(seededSigner("b", NOTE_TYPES.ed25519).key) }];
    const of = (input: object): unknown => {
      try {
        return witnessConfigOf(work, { name: "a", ...input }, {}).others.length;
      } catch (error) {
        return (error as { readonly field?: string }).field;
      }
    };
    expect(of({ fabric: { profile: "p" }, others })).to.equal(1);
    expect(of({ logs: [formatVkey(logSigner.key)], others })).to.equal("others");
    expect(of({ fabric: { profile: "p" }, others: [...others, ...others] })).to.equal("others.1.blocksKey");
    expect(of({ fabric: { profile: "p" }, others: [{ ...others[0], blocksKey: "x" }] })).to.equal("others.0.blocksKey");
    expect(of({ fabric: { profile: "p" }, settled: ["../x"] })).to.equal("settled.0");
    const ledger = await oneLedger();
    const own = await seat("a", peerOf(ledger));
    const thrown: unknown = await run(own, othersOf([own], "nobody")).catch((error: unknown) => error);
    expect(thrown).to.include({ code: "CONFIG_INVALID", field: "others.0.blocksKey" });
  });
});
