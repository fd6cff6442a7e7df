/** Lines out of their order, and notes of another time. */
import { instant, type TrailLine, type TrailLineOf } from "@quanji/chaincode/domain";
import { sha256, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { ON_ORDER } from "./attacks-order.support.test.js";
import { verifyTrail } from "./index.js";
import { LOG, NET, PARTIES, RESOURCE, sealed, sealedText, SmallWorld } from "./support.test.js";
import {
  recordsOf,
  world,
  trust,
  grant,
  lines,
  prepare,
  verdictOf,
  at,
  endAt,
  edit,
  table,
} from "./tampering.support.test.js";

describe("a trail that was tampered with", () => {
  before(prepare);

  describe("in its order", () => {
    table(ON_ORDER);

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
});
