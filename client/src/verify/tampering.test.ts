/** PROTOCOL §4.1, trails: each case that exists now is refused with the code that owns it. */
import { instant, stopDigest, type TrailLine, type TrailLineOf } from "@quanji/chaincode/domain";
import {
  canonical,
  type FlattenedJws,
  possessionInput,
  toBase64url,
  sha256,
  utf8,
  hashText,
  signJws,
} from "@quanji/chaincode/log";
import { privateScope } from "@quanji/chaincode/world";
import { expect } from "chai";
import { type OpenedTrust, verifyTrail } from "./index.js";
import {
  collideChain,
  collude,
  type Forged,
  type ForgedCommand,
  LOG,
  MSP,
  NET,
  noteSigner,
  OTHER_LOG,
  PARTIES,
  RESOURCE,
  sealed,
  sealedText,
  signer,
  SmallWorld,
  START,
  URLS,
} from "./support.test.js";

type Lines = TrailLine[];
/** A change that takes a member away. */
const without = (_line: object, name: string): object => ({ [name]: undefined });
const recordsOf = (lines: Lines): TrailLineOf<"record">[] => lines.filter((line) => line.t === "record");

describe("a trail that was tampered with", () => {
  let world: SmallWorld;
  let trust: OpenedTrust;
  let grant: string;
  let child: string;
  let lines: Lines;
  const DAY = 86_400_000;

  before(async () => {
    world = await new SmallWorld().begin();
    await world.resource({ logs: [LOG] });
    grant = await world.grant({ quota: { unit: "call", n: 50, per: "P1D" } }, { depth: 1 });
    child = await world.derive(grant);
    await world.deliver(await world.access(grant));
    await world.access(grant, { purpose: "marketing" });
    await world.access(grant);
    await world.access(child, {}, "operator");
    await world.access(grant);
    world.tick(DAY);
    await world.command("grant.suspend", { target: stopDigest(grant), epoch: 1 }, "bureau", { grant, stop: true });
    world.tick(3_600_000);
    await world.access(grant);
    await world.fold(grant);
    world.tick(DAY);
    await world.access(grant);
    trust = await world.trust();
    lines = await world.trailLines("grant", grant);
  });

  async function verdictOf(changed: readonly unknown[], under = trust) {
    const { ok, code, detail } = await verifyTrail(sealed(changed), under);
    return ok ? "ok" : `${code ?? ""} · ${detail ?? ""}`;
  }
  const at = (t: TrailLine["t"], n = 0): number => {
    const found = lines.flatMap((line, i) => (line.t === t ? [i] : []));
    return found.at(n) ?? -1;
  };
  const chainAt = (kind: string, id: string): number =>
    lines.findIndex((line) => line.t === "chain" && line.kind === kind && line.id === id);
  const endAt = (kind: string, id: string): number => {
    const start = chainAt(kind, id);
    return start + lines.slice(start).findIndex((line) => line.t === "chainEnd");
  };
  const drop = (i: number): Lines => lines.toSpliced(i, 1);
  const edit = (i: number, change: (line: never) => object): unknown[] =>
    lines.map((line, j) => {
      if (i !== j) return line;
      const changed = Object.entries({ ...line, ...change(line as never) });
      return Object.fromEntries(changed.filter(([, value]) => value !== undefined));
    });
  const swap = (i: number, j: number): Lines => lines.with(i, lines[j]!).with(j, lines[i]!);

  it("untouched it verifies", async () => expect(await verdictOf(lines)).to.equal("ok"));

  type Row = readonly [name: string, refusal: string, make: () => unknown[] | Promise<unknown[]>];
  const table = (rows: readonly Row[]): void => {
    for (const [name, refusal, make] of rows) {
      it(`refuses ${name}: ${refusal}`, async () => expect(await verdictOf(await make())).to.equal(refusal));
    }
  };

  describe("line by line", () => {
    table([
      [
        "1 a record with a byte changed",
        "PROOF_INVALID · LEAF_MISMATCH",
        () => edit(at("record", 1), (l: TrailLineOf<"record">) => ({ r: l.r.replace('"rows":1', '"rows":2') })),
      ],
      [
        "1 the last record with a byte changed",
        "PROOF_INVALID · LEAF_MISMATCH",
        () => edit(at("record", -1), (l: TrailLineOf<"record">) => ({ r: l.r.replace(/"used":\d/, '"used":9') })),
      ],
      [
        "2 an opening of a head, and no record",
        "TRAIL_INCOMPLETE · ABSENCE_UNPROVEN",
        () => lines.filter((line) => line.t !== "record"),
      ],
      [
        "3 a space in a line",
        "PROOF_INVALID · NOT_CANONICAL",
        () => [...lines.slice(0, -1), canonical(lines.at(-1), { maxBytes: 1 << 16, maxDepth: 12 }).replace(":", ": ")],
      ],
      ["6 an unknown field", "PROOF_INVALID · FIELD_UNKNOWN", () => edit(at("record"), () => ({ x: 1 }))],
      ["8 another version", "PROOF_INVALID · VERSION_UNKNOWN", () => edit(0, () => ({ v: "quanji.trail.v2" }))],
      ["9 a line of another type", "PROOF_INVALID · TYPE_UNKNOWN", () => edit(at("record"), () => ({ t: "tally" }))],
      [
        "14 a record of another log",
        "PROOF_INVALID · LOG_MISMATCH",
        async () => {
          const face = (l: TrailLineOf<"record">) => ({ r: l.r.replaceAll(LOG, OTHER_LOG) });
          return Promise.resolve(edit(at("record"), face));
        },
      ],
      [
        "14 a log that ends under another name",
        "PROOF_INVALID · LOG_MISMATCH",
        () => edit(at("logEnd"), () => ({ log: OTHER_LOG })),
      ],
      [
        "22 a log that nobody knows",
        "PROOF_INVALID · LOG_UNKNOWN",
        () => edit(at("log"), () => ({ log: `${NET}/gx/9` })),
      ],
      [
        "23 a head note that another key signed",
        "PROOF_INVALID · LOG_SIGNATURE_INVALID",
        async () => {
          const end = lines[at("logEnd")] as TrailLineOf<"logEnd">;
          const [text = ""] = end.note!.split("\n\n");
          const stranger = noteSigner("stranger.test/h");
          const made = await stranger.note(`${text}\n`);
          const id = Buffer.alloc(4);
          id.writeUInt32BE(made.id);
          const note = `${text}\n\n— stranger.test/h ${Buffer.concat([id, made.bytes]).toString("base64")}\n`;
          return edit(at("logEnd"), () => ({ note }));
        },
      ],
      [
        "27 a head note that the log's key signed",
        "PROOF_INVALID · KEY_PURPOSE",
        async () => {
          const { headSigners } = world;
          world.headSigners = [noteSigner(LOG)];
          const changed = [...lines.slice(0, at("log")), ...(await world.logLines(LOG, "grant", grant))];
          world.headSigners = headSigners;
          return changed;
        },
      ],
      ["30 a record removed", "TRAIL_INCOMPLETE · TRAIL_GAP", () => drop(at("record", 2))],
      ["31 the last record removed", "TRAIL_INCOMPLETE · TRAIL_TRUNCATED", () => drop(at("record", -1))],
      ["32 the first record removed", "TRAIL_INCOMPLETE · TRAIL_START", () => drop(at("record"))],
      ["33 two records swapped", "TRAIL_INCOMPLETE · TRAIL_ORDER", () => swap(at("record", 1), at("record", 2))],
      ["33 the first two records swapped", "TRAIL_INCOMPLETE · TRAIL_ORDER", () => swap(at("record"), at("record", 1))],
      [
        "33 a record moved to the end",
        "TRAIL_INCOMPLETE · TRAIL_ORDER",
        () => drop(at("record", 1)).toSpliced(at("record", -1), 0, lines[at("record", 1)]!),
      ],
      [
        "34 a foreign record added",
        "TRAIL_INCOMPLETE · TRAIL_FOREIGN",
        async () => {
          const other = recordsOf(await world.trailLines("grant", child))[0]!;
          return lines.toSpliced(at("record", 2), 0, other);
        },
      ],
      [
        "35 a record twice",
        "TRAIL_INCOMPLETE · TRAIL_DUPLICATE",
        () => lines.toSpliced(at("record", 1), 0, lines[at("record", 1)]!),
      ],
      [
        "35 a record twice, far apart",
        "TRAIL_INCOMPLETE · TRAIL_DUPLICATE",
        () => lines.toSpliced(at("record", 4), 0, lines[at("record", 1)]!),
      ],
      [
        "36 another key's chain under this key",
        "TRAIL_INCOMPLETE · CHAIN_KEY",
        async () => {
          const { note, opening } = await world.headNote({ scope: LOG, kind: "grant", id: child });
          return edit(at("logEnd"), () => ({ note, opening }));
        },
      ],
      [
        "36 another log's head note",
        "TRAIL_INCOMPLETE · CHAIN_KEY",
        async () => {
          const { note } = await world.headNote({ scope: OTHER_LOG, kind: "grant", id: grant });
          return edit(at("logEnd"), () => ({ note }));
        },
      ],
      ["37 a log left out", "TRAIL_INCOMPLETE · LOG_SET_INCOMPLETE", () => lines.slice(0, at("log"))],
      [
        "37 no directory",
        "TRAIL_INCOMPLETE · LOG_SET_INCOMPLETE",
        () => world.trailLines("grant", grant, { without: [`directory ${NET}`] }),
      ],
      ["38 the directory cut short", "TRAIL_INCOMPLETE · DIRECTORY_STALE", () => drop(endAt("directory", NET) - 1)],
      [
        "a party's chain cut short",
        "TRAIL_INCOMPLETE · TRAIL_TRUNCATED",
        () => drop(endAt("party", PARTIES.insurer.id) - 1),
      ],
      [
        "two commands swapped",
        "PROOF_INVALID · LEAF_MISMATCH",
        () => swap(endAt("grant", grant) - 1, endAt("grant", grant) - 2),
      ],
      [
        "one command twice",
        "TRAIL_INCOMPLETE · REQUEST_REPLAYED",
        () => lines.toSpliced(endAt("grant", grant), 0, lines[endAt("grant", grant) - 1]!),
      ],
      [
        "a command of another object",
        "TRAIL_INCOMPLETE · CHAIN_KEY",
        () => lines.toSpliced(endAt("grant", grant), 0, lines[endAt("grant", child) - 1]!),
      ],
      [
        "a command of another kind",
        "TRAIL_INCOMPLETE · CHAIN_KEY",
        () => lines.toSpliced(endAt("grant", grant), 0, lines[endAt("resource", RESOURCE) - 1]!),
      ],
      [
        "40 absence without state none",
        "TRAIL_INCOMPLETE · ABSENCE_UNPROVEN",
        async () => {
          const empty = await world.logLines(OTHER_LOG, "grant", grant);
          const { note, opening } = await world.headNote({ scope: LOG, kind: "grant", id: grant });
          return [...lines.slice(0, at("log")), { ...empty[0]!, log: LOG }, { t: "logEnd", log: LOG, note, opening }];
        },
      ],
      [
        "41 a head's opening changed",
        "PROOF_INVALID · STATE_OPENING",
        () => edit(at("logEnd"), (l: TrailLineOf<"logEnd">) => ({ opening: { ...l.opening, n: 1 } })),
      ],
      [
        "41 a head without its opening",
        "PROOF_INVALID · STATE_OPENING",
        () => edit(at("logEnd"), (l: TrailLineOf<"logEnd">) => without(l, "opening")),
      ],
      [
        "41 an opening where the chain was never touched",
        "PROOF_INVALID · STATE_OPENING",
        () => edit(endAt("boundary", NET), (l: TrailLineOf<"chainEnd">) => ({ opening: { ...l.opening, n: 1 } })),
      ],
      [
        "41 a public head under another salt",
        "PROOF_INVALID · STATE_OPENING",
        () =>
          edit(endAt("directory", NET), (l: TrailLineOf<"chainEnd">) => ({
            opening: { ...l.opening, salt: "B".repeat(42) + "A" },
          })),
      ],
      [
        "42 a link's opening changed",
        "PROOF_INVALID · LINK_OPENING",
        () =>
          edit(at("record", 1), (l: TrailLineOf<"record">) => ({
            o: { "links.grant": { ...l.o["links.grant"], value: { n: 7, prev: "A".repeat(43) } } },
          })),
      ],
      [
        "42 a link that opens to something else",
        "PROOF_INVALID · LINK_OPENING",
        () =>
          edit(at("record", 1), (l: TrailLineOf<"record">) => ({
            o: { "links.grant": { ...l.o["links.grant"], value: 7 } },
          })),
      ],
      ["42 no opening", "PROOF_INVALID · LINK_OPENING", () => edit(at("record", 1), () => ({ o: {} }))],
      [
        "42 an opening of another key's link",
        "PROOF_INVALID · LINK_OPENING",
        () =>
          edit(at("record", 1), (l: TrailLineOf<"record">) => ({ o: { ...l.o, "links.party": l.o["links.grant"] } })),
      ],
      [
        "46 a short salt",
        "PROOF_INVALID · SALT_LENGTH",
        () =>
          edit(at("record", 1), (l: TrailLineOf<"record">) => ({
            o: { "links.grant": { ...l.o["links.grant"], salt: "AAAA" } },
          })),
      ],
      [
        "59 another request beside a record",
        "PROOF_INVALID · REQUEST_MISMATCH",
        () => edit(at("record"), () => ({ q: recordsOf(lines)[2]!.q })),
      ],
      [
        "59 a record without its request",
        "PROOF_INVALID · REQUEST_MISSING",
        () => edit(at("record"), (l: TrailLineOf<"record">) => without(l, "q")),
      ],
      [
        "59 a request beside a delivery",
        "PROOF_INVALID · REQUEST_MISMATCH",
        () => edit(at("record", 1), () => ({ q: recordsOf(lines)[0]!.q })),
      ],
      [
        "59 another command beside an entry",
        "PROOF_INVALID · REQUEST_MISMATCH",
        () =>
          edit(endAt("grant", grant) - 1, () => ({
            request: (lines[endAt("grant", grant) - 2] as TrailLineOf<"command">).request,
          })),
      ],
      [
        "63 another network's trail",
        "PROOF_INVALID · NETWORK_MISMATCH",
        () => edit(0, () => ({ net: "quanji.test/town" })),
      ],
      [
        "the last record without a proof",
        "PROOF_INVALID · PROOF_MISSING",
        () => edit(at("logEnd"), (l: TrailLineOf<"logEnd">) => without(l, "proof")),
      ],
      [
        "2 a proof and no record",
        "PROOF_INVALID · RECORD_MISSING",
        async () => {
          const { proof } = lines[at("logEnd")] as TrailLineOf<"logEnd">;
          const party = await world.trailLines("party", PARTIES.approver.id);
          return party.map((line) => (line.t === "logEnd" ? { ...line, proof } : line));
        },
      ],
      [
        "10 the proof of another record",
        "PROOF_INVALID · INDEX_MISMATCH",
        async () => {
          const proof = await world.proof(LOG, 0);
          return edit(at("logEnd"), () => ({ proof }));
        },
      ],
      [
        "a section that ends neither way",
        "TRAIL_INCOMPLETE · TRAIL_TRUNCATED",
        () => edit(at("logEnd"), (l: TrailLineOf<"logEnd">) => without(l, "note")),
      ],
      [
        "a successor and a note",
        "TRAIL_INCOMPLETE · TRAIL_TRUNCATED",
        async () => {
          const parts = { to: instant(world.nowMs - DAY), successor: true };
          const other = await world.trailLines("grant", grant, parts);
          return other.map((line) =>
            line.t === "logEnd" ? { ...line, note: (lines[at("logEnd")] as TrailLineOf<"logEnd">).note } : line,
          );
        },
      ],
      [
        "one of a trail's own chains missing",
        "TRAIL_INCOMPLETE · CHAIN_MISSING",
        () => world.trailLines("grant", grant, { without: [`grant ${grant}`] }),
      ],
      [
        "the resource's own chain missing",
        "TRAIL_INCOMPLETE · CHAIN_MISSING",
        () => world.trailLines("resource", RESOURCE, { without: [`resource ${RESOURCE}`] }),
      ],
      [
        "a requester's chain missing",
        "TRAIL_INCOMPLETE · CHAIN_MISSING",
        () => world.trailLines("resource", RESOURCE, { without: [`party ${PARTIES.operator.id}`] }),
      ],
      [
        "the party's own chain missing",
        "TRAIL_INCOMPLETE · CHAIN_MISSING",
        () => world.trailLines("party", "urn:quanji:nobody"),
      ],
      [
        "a signer's chain missing",
        "TRAIL_INCOMPLETE · CHAIN_MISSING",
        () => world.trailLines("grant", grant, { without: [`party ${PARTIES.approver.id}`] }),
      ],
    ]);
  });

  describe("in its order", () => {
    const last = (): Lines => lines.slice(0, -1);
    table([
      ["no header", "PROOF_INVALID · LINE_ORDER", () => lines.slice(1)],
      ["two headers", "PROOF_INVALID · LINE_ORDER", () => [lines[0], ...lines]],
      ["a command outside a chain", "PROOF_INVALID · LINE_ORDER", () => drop(1)],
      ["a chain in a chain", "PROOF_INVALID · LINE_ORDER", () => lines.toSpliced(2, 0, lines[1]!)],
      ["an end of no chain", "PROOF_INVALID · LINE_ORDER", () => lines.toSpliced(at("log"), 0, lines[at("chainEnd")]!)],
      ["a chain that does not end", "PROOF_INVALID · LINE_ORDER", () => drop(at("chainEnd", -1))],
      ["a chain after the logs", "PROOF_INVALID · LINE_ORDER", () => [...lines, lines[1]]],
      [
        "a chain twice",
        "TRAIL_INCOMPLETE · TRAIL_DUPLICATE",
        () => lines.toSpliced(at("log"), 0, ...lines.slice(1, at("chainEnd") + 1)),
      ],
      ["a record outside a log", "PROOF_INVALID · LINE_ORDER", () => drop(at("log"))],
      ["a log in a log", "PROOF_INVALID · LINE_ORDER", () => lines.toSpliced(at("record"), 0, lines[at("log")]!)],
      ["an end of no log", "PROOF_INVALID · LINE_ORDER", () => [...lines, lines[at("logEnd")]]],
      ["a log twice", "TRAIL_INCOMPLETE · TRAIL_DUPLICATE", () => [...lines, ...lines.slice(at("log"))]],
      ["a log that does not end", "TRAIL_INCOMPLETE · FILE_TRUNCATED", last],
      ["a chain in another scope", "TRAIL_INCOMPLETE · CHAIN_KEY", () => edit(1, () => ({ scope: LOG }))],
      ["a directory of another id", "TRAIL_INCOMPLETE · CHAIN_KEY", () => edit(1, () => ({ id: "x" }))],
      [
        "a grant in public",
        "TRAIL_INCOMPLETE · CHAIN_KEY",
        () => edit(chainAt("grant", grant), () => ({ scope: NET })),
      ],
      [
        "a grant in another collection",
        "TRAIL_INCOMPLETE · CHAIN_KEY",
        () => edit(chainAt("grant", grant), () => ({ scope: privateScope(NET, "ExchangeMSP") })),
      ],
    ]);

    it("43 no end, another count, another digest, something after the end: FILE_TRUNCATED, LINE_ORDER", async () => {
      const whole = sealed(lines);
      const text = whole.slice(0, whole.lastIndexOf("\n", whole.length - 2) + 1);
      const check = async (file: string) => (await verifyTrail(file, trust)).detail;
      expect(await check(text)).to.equal("FILE_TRUNCATED");
      expect(await check("")).to.equal("FILE_TRUNCATED");
      expect(await check(sealedText(text, recordsOf(lines).length + 1))).to.equal("FILE_TRUNCATED");
      expect(await check(whole.replace(/"digest":"./, '"digest":"-'))).to.equal("FILE_TRUNCATED");
      expect(await check(`${whole}${whole.split("\n")[0]}\n`)).to.equal("LINE_ORDER");
      expect(await check(`${whole}\n`)).to.equal("LINE_ORDER");
    });

    it("5, 74 bytes that are no text, and lines beyond their limit", async () => {
      const check = async (file: string | Uint8Array) => (await verifyTrail(file, trust)).detail;
      expect(await check(Uint8Array.of(0xff, 0xfe, 0x0a))).to.equal("NOT_UTF8");
      expect(await check(`\ufeff${sealed(lines)}`)).to.equal("NOT_UTF8");
      expect(await check(`{"t":"${"a".repeat(70_000)}`)).to.equal("LIMIT_EXCEEDED");
      expect(await check(`{"entry":"${"a".repeat(70_000)}"}\n`)).to.equal("TYPE_UNKNOWN");
      expect(await check(`{"entry":"${"a".repeat(3_200_000)}"}\n`)).to.equal("LIMIT_EXCEEDED");
      expect(await check(`${"[".repeat(40)}\n`)).to.equal("LIMIT_EXCEEDED");
    });
  });

  describe("under old and future notes", () => {
    it("39 a head note older than the period asks: TRAIL_STALE", async () => {
      const to = instant(world.nowMs);
      const late = edit(0, () => ({ to }));
      expect(await verdictOf(late)).to.equal("ok");
      const { note, opening } = await world.headNote(
        { scope: LOG, kind: "grant", id: grant },
        { time: world.time - 1 },
      );
      expect(await verdictOf(late.with(at("logEnd"), { ...lines[at("logEnd")], note, opening }))).to.equal(
        "TRAIL_INCOMPLETE · TRAIL_STALE",
      );
      const directory = await world.headNote({ scope: NET, kind: "directory", id: NET }, { time: world.time - 1 });
      expect(await verdictOf(late.with(endAt("directory", NET), { t: "chainEnd", ...directory }))).to.equal(
        "TRAIL_INCOMPLETE · DIRECTORY_STALE",
      );
      const orders = await world.headNote({ scope: NET, kind: "orders", id: NET }, { time: world.time - 1 });
      expect(await verdictOf(late.with(endAt("orders", NET), { t: "chainEnd", ...orders }))).to.equal(
        "TRAIL_INCOMPLETE · TRAIL_STALE",
      );
    });

    it("an old note of an old head beside newer records or commands: TRAIL_STALE", async () => {
      const other = await new SmallWorld().begin();
      await other.resource();
      const id = await other.grant();
      await other.access(id);
      const old = await other.trailLines("grant", id);
      await other.access(id);
      await other.command("resource.suspend", { resource: RESOURCE }, "bureau");
      const young = await other.trailLines("grant", id);
      const check = async (changed: TrailLine[]) => (await verifyTrail(sealed(changed), await other.trust())).detail;
      expect(await check(young)).to.equal(undefined);
      expect(await check(young.with(-1, old.at(-1)!))).to.equal("TRAIL_STALE");
      const end = (from: TrailLine[]): number =>
        from.findIndex(
          (line, i) => line.t === "chainEnd" && from.slice(0, i).some((l) => l.t === "chain" && l.kind === "resource"),
        );
      expect(await check(young.with(end(young), old[end(old)]!))).to.equal("TRAIL_STALE");
      // Old notes throughout make an old trail: it verifies, and says through when.
      const verdict = await verifyTrail(sealed(old), await other.trust());
      expect(verdict.ok).to.equal(true);
      expect(verdict.completeThrough! < instant(other.nowMs)).to.equal(true);
    });

    it("17 two roots for one size: FORK", async () => {
      const other = await world.headNote({ scope: LOG, kind: "grant", id: grant }, { hash: sha256(utf8("fork")) });
      const end = { ...lines[at("logEnd")], ...other };
      expect(await verdictOf(lines.with(at("logEnd"), end as TrailLine))).to.equal("PROOF_INVALID · FORK");
    });

    it("28 a head note from the future: TIME_FUTURE; one beyond every calendar: HEAD_NOTE_MALFORMED", async () => {
      const future = await world.headNote({ scope: LOG, kind: "grant", id: grant }, { time: world.time + 400 });
      expect(
        await verdictOf(lines.with(at("logEnd"), { ...(lines[at("logEnd")] as TrailLineOf<"logEnd">), ...future })),
      ).to.equal("PROOF_INVALID · TIME_FUTURE");
      const never = await world.headNote({ scope: LOG, kind: "grant", id: grant }, { time: 9e15 });
      const changed = lines.with(at("logEnd"), {
        ...(lines[at("logEnd")] as TrailLineOf<"logEnd">),
        ...never,
      });
      expect(await verdictOf(changed, { ...trust, nowMs: 1e19 })).to.equal("PROOF_INVALID · HEAD_NOTE_MALFORMED");
    });

    it("70 GENESIS_MISMATCH: another first command, regulator or time zone than the trust file's", async () => {
      for (const changes of [
        { init: "A".repeat(43) },
        { regulator: PARTIES.bureau.id },
        { timeZone: "+00:00" },
        { testClock: true },
      ]) {
        expect(await verdictOf(lines, await world.trust(changes))).to.equal("PROOF_INVALID · GENESIS_MISMATCH");
      }
    });
  });

  describe("by a gateway and the regulator together", () => {
    const collusion = (rows: readonly (readonly [string, string, (record: Forged, i: number) => unknown])[]): void => {
      for (const [name, refusal, change] of rows) {
        it(`refuses ${name}: ${refusal}`, async () => {
          const forged = await collude(lines, async (record, i) => (await change(record, i)) !== false);
          expect(await verdictOf(forged)).to.equal(refusal);
        });
      }
    };
    const set = (i: number, path: "face" | "body", change: object) => (record: Forged, n: number) => {
      if (n === i) Object.assign(record[path], change);
    };
    it("their own forgery without a lie verifies", async () => {
      expect(await verdictOf(await collude(lines, () => true))).to.equal("ok");
    });
    // Records: 0 permit, 1 delivery, 2 denial, 3 permit, 4 permit, 5 denied by a stop not folded in, 6 denied.
    collusion([
      [
        "42a a record without its link of the grant",
        "TRAIL_INCOMPLETE · LINK_MISSING",
        (record, n) => {
          if (n === 3) delete record.body["grant"];
        },
      ],
      [
        "44 a time that decreases",
        "PROOF_INVALID · TIME_ORDER",
        (record, n) => {
          if (n !== 3) return;
          const time = instant(Date.parse(String(record.body["time"])) - 10_000);
          Object.assign(record.body, { time, deliverBefore: instant(Date.parse(time) + 30_000) });
        },
      ],
      [
        "44 a time far from the request's",
        "PROOF_INVALID · TIME_BRACKET",
        (record, n) => {
          if (n !== 6) return;
          record.body["time"] = instant(Date.parse(String(record.body["time"])) + 130_000);
          record.face["hour"] = `${String(record.body["time"]).slice(0, 13)}Z`;
        },
      ],
      ["33 indexes that do not rise", "TRAIL_INCOMPLETE · TRAIL_ORDER", set(3, "face", { index: 2 })],
      ["a delivery without a permit", "TRAIL_INCOMPLETE · DELIVERY_UNMATCHED", (_record, n) => n !== 0 && undefined],
      ["a delivery of another access", "PROOF_INVALID · REQUEST_CONTENT", set(1, "body", { request: "A".repeat(43) })],
      [
        "49 a basis beyond the chain",
        "PROOF_INVALID · BASIS_UNKNOWN",
        (record, n) => {
          if (n === 6) record.body.basis["grant"] = 9;
        },
      ],
      [
        "49 no basis for the resource",
        "PROOF_INVALID · BASIS_UNKNOWN",
        (record, n) => {
          if (n === 0) record.body.basis["resource"] = 0;
        },
      ],
      [
        "49 a basis for ancestors that there are none",
        "PROOF_INVALID · BASIS_UNKNOWN",
        (record, n) => {
          if (n === 0) record.body.basis["ancestors"] = [1];
        },
      ],
      [
        "a basis that goes back",
        "PROOF_INVALID · BASIS_STALE",
        (record, n) => {
          if (n === 6) record.body.basis["grant"] = 3;
        },
      ],
      [
        "a basis before the command that made it",
        "PROOF_INVALID · TIME_BRACKET",
        (record, n) => {
          if (n === 0) record.body.basis["grant"] = 4;
        },
      ],
      [
        "48 a permit after a stop",
        "PROOF_INVALID · PERMIT_AFTER_STOP",
        (record, n) => {
          if (n === 6) permit(record);
        },
      ],
      [
        "48 a permit after a stop that was not folded in yet",
        "PROOF_INVALID · PERMIT_AFTER_STOP",
        (record, n) => {
          if (n !== 5) return;
          delete record.body["stop"];
          permit(record);
          const time = Date.parse(String(record.body["time"]));
          record.body["deliverBefore"] = instant(time + 30_000);
          return undefined;
        },
      ],
      [
        "50 a denial where the rules permit",
        "PROOF_INVALID · DECISION_MISMATCH",
        (record, n) => {
          if (n !== 0) return;
          delete record.body["deliverBefore"];
          Object.assign(record.body, { rule: "GRANT_EXPIRED", obligations: [] });
          record.face["decision"] = "deny";
        },
      ],
      [
        "50 another rule than the one that denies",
        "PROOF_INVALID · DECISION_MISMATCH",
        set(2, "body", { rule: "ACTION_OUTSIDE_GRANT" }),
      ],
      [
        "50 a permit where the rules deny",
        "PROOF_INVALID · DECISION_MISMATCH",
        (record, n) => {
          if (n === 2) permit(record);
        },
      ],
      ["50 uses that were not counted", "PROOF_INVALID · DECISION_MISMATCH", set(4, "body", { used: 1 })],
      [
        "50 obligations that the grant does not ask for",
        "PROOF_INVALID · DECISION_MISMATCH",
        set(0, "body", { obligations: ["drop:rain"] }),
      ],
      ["50 another class than the resource's", "PROOF_INVALID · DECISION_MISMATCH", set(0, "face", { class: "other" })],
      [
        "50 another version of the grant",
        "PROOF_INVALID · DECISION_MISMATCH",
        (record, n) => {
          if (n === 0) record.body["grant"] = `${grant}@2`;
        },
      ],
      [
        "a stop in a record that no stop decided",
        "PROOF_INVALID · RECORD_CONTRADICTS",
        set(2, "body", { stop: "A".repeat(43) }),
      ],
      ["59 another request's hash", "PROOF_INVALID · REQUEST_MISMATCH", set(0, "body", { request: "A".repeat(43) })],
      [
        "61 another purpose than was asked",
        "PROOF_INVALID · REQUEST_CONTENT",
        set(0, "face", { purpose: "credit.review" }),
      ],
      ["61 another action than was asked", "PROOF_INVALID · REQUEST_CONTENT", set(0, "body", { action: "derive" })],
      ["61 another quantity than was asked", "PROOF_INVALID · REQUEST_CONTENT", set(0, "body", { quantity: 2 })],
      [
        "61 another resource than was asked",
        "PROOF_INVALID · REQUEST_CONTENT",
        set(0, "body", { resource: "res/other@1" }),
      ],
      [
        "57 another key of the requester",
        "PROOF_INVALID · KEY_PARTY",
        set(0, "body", { requester: `${PARTIES.insurer.id}#${"A".repeat(43)}` }),
      ],
      [
        "57 another requester",
        "PROOF_INVALID · REQUEST_CONTENT",
        (record, n) => {
          if (n !== 0) return;
          record.body["requester"] = `${PARTIES.operator.id}#${PARTIES.operator.key.print}`;
          record.face["unit"] = PARTIES.operator.id;
          record.body.basis["party"] = 2;
        },
      ],
      [
        "53 a signature of nobody",
        "PROOF_INVALID · SIGNATURE_INVALID",
        (record, n) => {
          if (n === 0) record.q = { ...record.q!, signature: "A".repeat(86) };
        },
      ],
    ]);
    const permit = (record: Forged): void => {
      record.face["decision"] = "permit";
      Object.assign(record.body, {
        rule: "permit",
        deliverBefore: instant(Date.parse(String(record.body["time"])) + 30_000),
      });
    };

    it("51 one request recorded twice, and two requests with one number: REQUEST_REPLAYED", async () => {
      const twice = await collude(lines.toSpliced(at("record", 3), 0, lines[at("record")]!), (record, n) => {
        if (n < 3) return true;
        record.face["index"] = Number(record.face["index"]) + 10;
        if (n === 3)
          Object.assign(record.body, {
            used: 1,
            time: recordTime(2),
            deliverBefore: instant(Date.parse(recordTime(2)) + 30_000),
          });
        return true;
      });
      expect(await verdictOf(twice)).to.equal("TRAIL_INCOMPLETE · REQUEST_REPLAYED");
    });
    const recordTime = (i: number): string =>
      (JSON.parse(recordsOf(lines)[i]!.r.split("\n")[1]!) as { time: string }).time;

    it("62 a request for another gateway: URL_MISMATCH; of another command: TYP_MISMATCH", async () => {
      const changed = async (make: (q: FlattenedJws) => Promise<FlattenedJws>) =>
        collude(lines, async (record, n) => {
          if (n !== 0) return true;
          record.q = await make(record.q!);
          record.body["request"] = hashText(sha256(utf8(`${record.q.protected}.${record.q.payload}`)));
          return true;
        });
      const clock = world.nowMs;
      world.nowMs = Date.parse(recordTime(0));
      const payload = JSON.parse(Buffer.from(recordsOf(lines)[0]!.q!.payload, "base64url").toString()) as object;
      const other = await changed(() => world.signed("access", payload, "insurer", { url: `${URLS.gx}/v1/access` }));
      const voided = await changed(() => world.signed("access.void", { net: NET, log: LOG, seq: 0 }, "insurer"));
      world.nowMs = clock;
      expect(await verdictOf(other)).to.equal("PROOF_INVALID · URL_MISMATCH");
      expect(await verdictOf(voided)).to.equal("PROOF_INVALID · TYP_MISMATCH");
    });

    it("52c two records at one position: CHAIN_FORK", async () => {
      const first = await collude(lines, () => true);
      const second = await collude(lines, (record, n) => {
        if (n === 1) record.body["rows"] = 2;
        return true;
      });
      const fork = first.toSpliced(at("record", 2), 0, second[at("record", 1)]!);
      expect(await verdictOf(fork)).to.equal("PROOF_INVALID · CHAIN_FORK");
    });

    it("36 a chain that begins elsewhere: CHAIN_KEY", async () => {
      const header = lines[0] as TrailLineOf<"trail">;
      const other = await collude([{ ...header, key: { kind: "grant", id: child } }, ...lines.slice(1)], () => true);
      expect(await verdictOf([header, ...other.slice(1)])).to.equal("TRAIL_INCOMPLETE · CHAIN_KEY");
    });

    it("a record that hides the grant that was asked for: LINK_MISSING", async () => {
      const all = await world.trailLines("resource", RESOURCE);
      const forged = await collude(all, (record, n) => {
        if (n !== 7) return true;
        delete record.body["grant"];
        delete record.body.basis["grant"];
        delete record.body.links["grant"];
        delete record.body["deliverBefore"];
        Object.assign(record.body, { rule: "GRANT_MISSING", used: 0 });
        record.face["decision"] = "deny";
        return true;
      });
      expect(await verdictOf(forged)).to.equal("TRAIL_INCOMPLETE · LINK_MISSING");
    });
  });

  describe("in its command chains, by a gateway, the regulator and the heads key together", () => {
    const insurer = PARTIES.insurer.id;
    const later = (commands: ForgedCommand[], request: FlattenedJws): ForgedCommand[] => [
      ...commands,
      { request, timeMs: commands.at(-1)!.timeMs + 1000 },
    ];
    const append = async (kind: TrailLineOf<"chain">["kind"], id: string, request: FlattenedJws) =>
      verdictOf(await collideChain(lines, kind, id, (commands) => later(commands, request)));

    it("their own forgery without a lie verifies", async () => {
      expect(await verdictOf(await collideChain(lines, "resource", RESOURCE, (commands) => commands))).to.equal("ok");
    });

    it("who may not give a command: ROLE_REQUIRED", async () => {
      const target = { kind: "party" as const, id: insurer };
      const order = { net: NET, order: world.uuid(), target, ground: world.fresh() };
      const chain = async (kind: TrailLineOf<"chain">["kind"], id: string, request: FlattenedJws) =>
        verdictOf(
          await collideChain(lines, kind, id, (commands) => [...commands, { request, timeMs: world.nowMs - 1000 }]),
        );
      expect(await chain("orders", NET, await world.signed("order.freeze", order, "bureau"))).to.equal(
        "PROOF_INVALID · ROLE_REQUIRED",
      );
      const roles = ["regulator"];
      const admit = await world.signed("party.admit", { net: NET, party: insurer, roles }, "bureau");
      const readmitted = await collideChain(lines, "party", insurer, ([first]) => [
        first!,
        { request: admit, timeMs: world.nowMs - 1000 },
      ]);
      expect(await verdictOf(readmitted)).to.equal("PROOF_INVALID · ROLE_REQUIRED");
      expect(
        await chain(
          "party",
          insurer,
          await world.signed("party.admit", { net: NET, party: insurer, roles }, "insurer"),
        ),
      ).to.equal("PROOF_INVALID · COMMAND_REFUSED");
      expect(
        await chain(
          "resource",
          RESOURCE,
          await world.signed("resource.suspend", { net: NET, resource: RESOURCE }, "insurer"),
        ),
      ).to.equal("PROOF_INVALID · ROLE_REQUIRED");
      expect(
        await chain("party", insurer, await world.signed("party.suspend", { net: NET, party: insurer }, "bureau")),
      ).to.equal("PROOF_INVALID · ROLE_REQUIRED");
      expect(
        await chain(
          "grant",
          grant,
          await world.signed("grant.revoke", { net: NET, target: stopDigest(grant), epoch: 1 }, "approver"),
        ),
      ).to.equal("PROOF_INVALID · COMMAND_REFUSED");
      expect(
        await chain(
          "directory",
          NET,
          await world.signed(
            "gateway.register",
            { net: NET, gateway: { name: "gz", msp: MSP, publicUrl: "https://gz.test", jwk: signer("gz").jwk } },
            "bureau",
          ),
        ),
      ).to.equal("PROOF_INVALID · ROLE_REQUIRED");
    });

    it("signed by a stranger, for another network, gateway or route", async () => {
      const suspend = { net: NET, resource: RESOURCE };
      const key = signer("stranger");
      expect(
        await append("resource", RESOURCE, await world.signed("resource.suspend", suspend, "bureau", { key })),
      ).to.equal("PROOF_INVALID · KEY_PARTY");
      const town = { ...suspend, net: "quanji.test/town" };
      expect(await append("resource", RESOURCE, await world.signed("resource.suspend", town, "bureau"))).to.equal(
        "PROOF_INVALID · NETWORK_MISMATCH",
      );
      for (const url of ["https://evil.test/v1/commands/resource.suspend", `${URLS.gw}/v1/commands/resource.resume`]) {
        expect(
          await append("resource", RESOURCE, await world.signed("resource.suspend", suspend, "bureau", { url })),
        ).to.equal("PROOF_INVALID · URL_MISMATCH");
      }
      const signed = await world.signed("resource.suspend", suspend, "bureau");
      expect(await append("resource", RESOURCE, { ...signed, signature: "A".repeat(86) })).to.equal(
        "PROOF_INVALID · SIGNATURE_INVALID",
      );
      expect(await append("resource", RESOURCE, await world.signed("access", { net: NET }, "bureau"))).to.equal(
        "PROOF_INVALID · TYP_MISMATCH",
      );
    });

    it("65 by a key that ended earlier in the chain: KEY_REVOKED", async () => {
      const next = signer("insurer next");
      const possession = toBase64url(next.sign(possessionInput(NET, insurer, next.jwk)));
      const rotation = {
        net: NET,
        party: insurer,
        key: { jwk: next.jwk, purpose: "act", custody: "self" },
        retire: PARTIES.insurer.key.print,
      };
      const rotate = await world.signed("party.rotateKey", { ...rotation, possession }, "insurer");
      const late = await world.signed(
        "party.compromiseKey",
        { net: NET, party: insurer, thumbprint: next.print, since: instant(START) },
        "insurer",
      );
      const chain = (...requests: FlattenedJws[]) =>
        collideChain(lines, "party", insurer, (commands) => [
          ...commands,
          ...requests.map((request, i) => ({ request, timeMs: world.nowMs + i })),
        ]);
      expect(await verdictOf(await chain(rotate))).to.equal("ok");
      expect(await verdictOf(await chain(rotate, late))).to.equal("PROOF_INVALID · KEY_REVOKED");
      const without = await world.signed("party.rotateKey", { ...rotation, possession: "A".repeat(86) }, "insurer");
      expect(await verdictOf(await chain(without))).to.equal("PROOF_INVALID · SIGNATURE_INVALID");
      const other = await world.signed("party.rotateKey", { ...rotation, possession }, "regulator");
      expect(await verdictOf(await chain(other))).to.equal("PROOF_INVALID · ROLE_REQUIRED");
    });

    it("57, 58 a party that another one registers, or under another key", async () => {
      const id = "urn:quanji:nobody";
      const registration = {
        net: NET,
        party: id,
        kind: "person",
        roles: ["user"],
        jurisdiction: "CN",
        home: MSP,
        key: { jwk: signer("n").jwk, purpose: "act", custody: "self" },
      };
      const chain = async (request: FlattenedJws) => {
        const own = await world.chainLines(NET, "party", id);
        const with_ = lines.toSpliced(at("log"), 0, ...own);
        return verdictOf(await collideChain(with_, "party", id, () => [{ request, timeMs: world.nowMs }]));
      };
      expect(await chain(await world.signed("party.register", registration, "insurer"))).to.equal(
        "PROOF_INVALID · KEY_PARTY",
      );
      const kid = async (key: ReturnType<typeof signer>) => {
        const header = {
          alg: "EdDSA" as const,
          iat: world.time,
          jti: world.uuid(),
          kid: `${id}#${key.print}`,
          typ: "quanji-party.register+jws",
          url: `${URLS.gw}/v1/commands/party.register`,
        };
        return signJws(header, registration, key.sign);
      };
      expect(await chain(await kid(signer("m")))).to.equal("PROOF_INVALID · KEY_THUMBPRINT");
      expect(await chain(await kid(signer("n")))).to.equal("ok");
    });

    it("entries that lie about their command", async () => {
      const lie = async (entry: Record<string, unknown>) =>
        verdictOf(await collideChain(lines, "resource", RESOURCE, ([first]) => [{ ...first!, entry }]));
      expect(await lie({ verb: "resource.amend" })).to.equal("PROOF_INVALID · TYP_MISMATCH");
      expect(await lie({ v: "quanji.entry.v2" })).to.equal("PROOF_INVALID · VERSION_UNKNOWN");
      expect(await lie({ extra: 1 })).to.equal("PROOF_INVALID · FIELD_UNKNOWN");
      expect(await lie({ time: "yesterday" })).to.equal("PROOF_INVALID · FIELD_UNKNOWN");
      expect(await lie({ request: "A".repeat(43) })).to.equal("PROOF_INVALID · REQUEST_MISMATCH");
    });

    it("a network that begins twice, otherwise, or founds its regulator again", async () => {
      const { request } = lines[2] as TrailLineOf<"command">;
      const mismatch = "PROOF_INVALID · GENESIS_MISMATCH";
      const second = await world.signed(
        "network.init",
        JSON.parse(Buffer.from(request.payload, "base64url").toString()),
        "regulator",
      );
      expect(await append("directory", NET, second)).to.equal(mismatch);
      expect(await append("party", PARTIES.regulator.id, second)).to.equal(mismatch);
      expect(await verdictOf(await collideChain(lines, "directory", NET, (commands) => commands.slice(1)))).to.equal(
        mismatch,
      );
    });

    it("a sub-grant that its parent's grantee did not make: COMMAND_REFUSED", async () => {
      const derive = lines[chainAt("grant", child) + 1] as TrailLineOf<"command">;
      const payload = JSON.parse(Buffer.from(derive.request.payload, "base64url").toString()) as object;
      const request = await world.signed("grant.derive", payload, "approver");
      const forged = await collideChain(lines, "grant", child, ([first]) => [{ ...first!, request }]);
      expect(await verdictOf(forged)).to.equal("PROOF_INVALID · COMMAND_REFUSED");
    });

    it("a grant in a collection that does not serve its resource: CHAIN_KEY", async () => {
      const scope = privateScope(NET, "ExchangeMSP");
      const moved = edit(chainAt("grant", child), () => ({ scope })) as Lines;
      expect(await verdictOf(await collideChain(moved, "grant", child, (commands) => commands))).to.equal(
        "TRAIL_INCOMPLETE · CHAIN_KEY",
      );
    });

    it("a stop is judged by the key that its signer had when it was given", async () => {
      // Given on the first day by the bureau's old key, folded in on the second, after that key had ended.
      const next = signer("bureau next");
      const { id } = PARTIES.bureau;
      const possession = toBase64url(next.sign(possessionInput(NET, id, next.jwk)));
      const rotation = {
        net: NET,
        party: id,
        key: { jwk: next.jwk, purpose: "act", custody: "self" },
        retire: PARTIES.bureau.key.print,
        possession,
      };
      const rotate = await world.signed("party.rotateKey", rotation, "bureau");
      const rotated = async (timeMs: number) =>
        verdictOf(await collideChain(lines, "party", id, (commands) => [...commands, { request: rotate, timeMs }]));
      expect(await rotated(world.nowMs)).to.equal("ok");
      expect(await rotated(START + DAY / 2)).to.equal("PROOF_INVALID · KEY_REVOKED");
    });
  });

  it("every line dropped, doubled or exchanged with the next is refused", async () => {
    const name = async (changed: readonly unknown[]) => verdictOf(changed);
    for (let i = 0; i < lines.length; i++) {
      expect(await name(drop(i)), `line ${i} dropped`).not.to.equal("ok");
      expect(await name(lines.toSpliced(i, 0, lines[i]!)), `line ${i} doubled`).not.to.equal("ok");
      if (i + 1 < lines.length)
        expect(await name(swap(i, i + 1)), `lines ${i} and ${i + 1} exchanged`).not.to.equal("ok");
    }
  });

  it("every number plus and minus one, and every string from its neighbour, is refused", async () => {
    for (const [i, line] of lines.entries()) {
      for (const [path, changed] of mutationsOf(line, lines[i + 1] ?? lines[0]!)) {
        expect(await verdictOf(lines.with(i, changed as TrailLine)), `line ${i} (${line.t}) ${path}`).not.to.equal(
          "ok",
        );
      }
    }
  });

  it("no low bit of any byte can flip, even where the end line is made anew", async () => {
    const text = sealed(lines).split("\n").slice(0, -2);
    const count = recordsOf(lines).length;
    for (const [i, line] of text.entries()) {
      const step = Math.max(1, Math.floor(line.length / 24));
      for (let at = (i * 7) % step; at < line.length; at += step) {
        const flipped = String.fromCharCode(line.charCodeAt(at) ^ 1);
        const changed = text.with(i, line.slice(0, at) + flipped + line.slice(at + 1));
        const file = sealedText(changed.map((each) => `${each}\n`).join(""), count);
        expect(
          (await verifyTrail(file, trust)).ok,
          `line ${i} byte ${at}: ${line.slice(Math.max(0, at - 20), at + 5)}`,
        ).to.equal(false);
      }
    }
  });
});

const replaced = (value: object, name: string, item: unknown): unknown =>
  Array.isArray(value) ? (value as unknown[]).with(Number(name), item) : { ...value, [name]: item };

/** Every number ±1, every string from the same place of the neighbour line or of its own siblings. */
function* mutationsOf(value: unknown, neighbour: unknown, path = ""): Generator<[string, unknown]> {
  if (typeof value === "number") {
    yield [`${path} + 1`, value + 1];
    if (value > 0) yield [`${path} - 1`, value - 1];
  }
  if (typeof value === "string" && typeof neighbour === "string" && value !== neighbour)
    yield [`${path} from neighbour`, neighbour];
  if (typeof value !== "object" || value === null) return;
  const entries: [string, unknown][] = Object.entries(value);
  for (const [name, item] of entries) {
    const other = (neighbour as Record<string, unknown> | undefined)?.[name];
    for (const [where, changed] of mutationsOf(item, other, `${path}.${name}`)) {
      yield [where, replaced(value, name, changed)];
    }
    const sibling = entries.find(([key, each]) => key !== name && typeof each === typeof item && each !== item);
    if (sibling !== undefined) yield [`${path}.${name} from ${sibling[0]}`, { ...value, [name]: sibling[1] }];
  }
}
