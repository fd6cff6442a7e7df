/** G4 complete trails: every use is in the trail and nothing else, in order; whoever changes that is found out. */
import { verifyTrail, type Verdict } from "@quanji/client/verify";
import { expect } from "chai";
import type { Ground } from "../support/ground.js";
import type { LocalHost } from "../support/host.js";
import { type Ended, IDS, RESOURCE, Stage, TERMS } from "../support/stage.js";
import { linesOf, parsed, recordsAt, recordsOf, seal } from "../support/trails.js";
import { until } from "../support/until.js";

const UNUSED = "res/weather.unused";
const ELSEWHERE = "res/weather.hourly";

export const g4 = (ground: Ground): void =>
  void describe(`G4 complete trails${ground.on}`, () => {
    let stage: Stage<LocalHost>;
    let grant: string;
    let child: string;
    let other: string;
    /** What was done in truth: by whom, under which grant, on which resource. */
    const done: (Ended & { readonly by: string; readonly grant: string | undefined; readonly resource: string })[] = [];
    let early: string;

    const use = async (
      by: "insurer" | "adjuster" | "stranger",
      change: Parameters<typeof stage.access>[1],
      under?: string,
    ) => {
      const access = stage.access(under, change);
      const ended = await stage.use(by, access);
      done.push({ ...ended, by, grant: under, resource: access.resource });
      if (ended.outcome !== "permit") return;
      const client = await stage.client(by);
      await until(async () => (await client.receipt(ended.request ?? "")).delivery);
    };

    before(async () => {
      stage = await Stage.open({ ground, resources: [RESOURCE, ELSEWHERE] });
      await stage.register(UNUSED, { class: "weather.unused" });
      await stage.register(ELSEWHERE, { class: "weather.hourly" });
      grant = await stage.granted("insurer", { quota: { unit: "call", n: 9, per: "window" } }, { depth: 1 });
      const insurer = await stage.client("insurer");
      ({ grant: child } = await insurer.grants.derive(grant, {
        grantee: IDS.adjuster,
        terms: { ...TERMS, actions: ["query"] },
      }));
      other = await stage.granted("insurer", {}, { resource: ELSEWHERE });
      for (let i = 0; i < 3; i++) await use("insurer", {}, grant);
      early = await stage.trail("bureau", "resource", RESOURCE);
      await use("insurer", { purpose: "marketing" }, grant);
      await use("adjuster", {}, child);
      await use("stranger", {}, grant);
      await use("stranger", {});
      await use("insurer", { resource: ELSEWHERE }, other);
      for (let i = 0; i < 6; i++) await use("insurer", {}, grant);
      await (await stage.client("bureau")).grants.revoke(grant, "over");
      await use("adjuster", {}, child);
    });
    after(() => stage.close());

    const verify = async (trail: string): Promise<Verdict> => verifyTrail(trail, await stage.trust());

    /** One entry an access, in log order: its request, and whether it was permitted. */
    const accessesIn = (trail: string): (readonly [string, string])[] =>
      recordsOf(trail).flatMap((record) =>
        record.type === "access" ? [[record.body.request, record.body.rule] as const] : [],
      );
    const deliveriesIn = (trail: string): string[] =>
      recordsOf(trail).flatMap((record) => (record.type === "delivery" ? [record.body.request] : []));

    type Done = (typeof done)[number];
    const kinds: Readonly<Record<string, () => ["grant" | "resource" | "party", string, (one: Done) => boolean]>> = {
      "a grant's": () => ["grant", grant, (one) => one.grant === grant],
      "a sub-grant's": () => ["grant", child, (one) => one.grant === child],
      "a resource's": () => ["resource", RESOURCE, (one) => one.resource === RESOURCE],
      "a party's": () => ["party", IDS.insurer, (one) => one.by === "insurer"],
      "a party's that was only ever denied": () => ["party", IDS.stranger, (one) => one.by === "stranger"],
    };
    for (const [whose, of] of Object.entries(kinds)) {
      it(`${whose} trail holds every use, permitted or denied, in order, and nothing else`, async () => {
        const [kind, id, mine] = of();
        const trail = await stage.trail("regulator", kind, id);
        const expected = done.filter(mine);
        expect(accessesIn(trail)).to.deep.equal(expected.map(({ request, outcome }) => [request, outcome]));
        const delivered = expected.filter(({ outcome }) => outcome === "permit").map(({ request }) => request);
        expect(deliveriesIn(trail)).to.deep.equal(delivered);
        const permitted = delivered.length;
        expect(await verify(trail)).to.deep.include({
          ok: true,
          records: expected.length + permitted,
          permitted,
          denied: expected.length - permitted,
        });
      });
    }

    describe("of a period", () => {
      it("hold exactly what lies in it, wherever it begins and ends", async () => {
        const all = recordsOf(await stage.trail("bureau", "resource", RESOURCE));
        const times = all.map((record) => record.body.time);
        const [from, to] = [times[4], times[11]];
        if (from === undefined || to === undefined) throw new Error("too few records");
        // Head notes state whole seconds: what ends within the present one cannot be proven complete yet.
        await until(() => Date.now() >= Math.ceil(Date.parse(to) / 1000) * 1000 || undefined);
        for (const period of [{ from }, { to }, { from, to }]) {
          const trail = await stage.trail("bureau", "resource", RESOURCE, period);
          const inside = all.filter(({ body: { time } }) => time >= (period.from ?? "") && time < (period.to ?? "9"));
          expect(recordsOf(trail)).to.deep.equal(inside);
          expect(await verify(trail)).to.include({ ok: true, records: inside.length });
        }
      });

      it("show that there was nothing, between two uses and after the last", async () => {
        const times = recordsOf(await stage.trail("bureau", "resource", RESOURCE)).map((record) => record.body.time);
        const last = times.at(-1) ?? "";
        const from = new Date(Date.parse(last) + 1).toISOString();
        const trail = await stage.trail("bureau", "resource", RESOURCE, { from });
        expect(await verify(trail)).to.include({ ok: true, records: 0 });
      });

      it("cannot be passed off as longer than they are", async () => {
        const times = recordsOf(await stage.trail("bureau", "resource", RESOURCE)).map((record) => record.body.time);
        const [from = "", to = ""] = [times[4], times[11]];
        const trail = await stage.trail("bureau", "resource", RESOURCE, { from, to });
        const [head = "", ...rest] = linesOf(trail);
        for (const change of [{ from: times[0] }, { to: "2099-01-01T00:00:00.000Z" }]) {
          const stretched = JSON.stringify({ ...JSON.parse(head), ...change } as object);
          expect(await verify(seal([canonicalOf(stretched), ...rest]))).to.include({ ok: false });
        }
      });
    });

    describe("that nobody used it", () => {
      it("is proven for a resource that is registered and was never used", async () => {
        const trail = await stage.trail("bureau", "resource", UNUSED);
        expect(trail).to.contain("state none");
        const verdict = await verify(trail);
        expect(verdict).to.include({ ok: true, records: 0 });
        expect(verdict.completeThrough).to.be.a("string");
      });

      it("is not proven by a file of a used resource from which the uses were taken", async () => {
        const lines = linesOf(await stage.trail("bureau", "resource", RESOURCE));
        const emptied = lines.filter((line) => parsed(line).t !== "record");
        expect(await verify(seal(emptied))).to.include({ ok: false, code: "TRAIL_INCOMPLETE" });
      });

      it("is not proven by the note of another resource that nobody used", async () => {
        const unused =
          linesOf(await stage.trail("bureau", "resource", UNUSED)).find((line) => parsed(line).t === "logEnd") ?? "";
        const used = linesOf(await stage.trail("bureau", "resource", RESOURCE)).filter(
          (line) => parsed(line).t !== "record",
        );
        const lie = used.map((line) => (parsed(line).t === "logEnd" ? unused : line));
        expect(await verify(seal(lie))).to.include({ ok: false });
      });

      it("is not proven without a note", async () => {
        const lines = linesOf(await stage.trail("bureau", "resource", UNUSED));
        expect(await verify(seal(lines.filter((line) => parsed(line).t !== "logEnd")))).to.include({ ok: false });
      });
    });

    describe("changed, with a count and digest that are made right again", () => {
      type Change = (lines: string[], records: number[]) => Promise<string[]> | string[];
      const changes: Readonly<Record<string, [string, Change]>> = {
        "the first record removed": ["TRAIL_START", (lines, [first]) => without(lines, first)],
        "a record in the middle removed": ["TRAIL_GAP", (lines, records) => without(lines, middle(records))],
        "the last record removed": ["TRAIL_TRUNCATED", (lines, records) => without(lines, records.at(-1))],
        "the last five records removed": [
          "TRAIL_TRUNCATED",
          (lines, records) => lines.filter((_, i) => !records.slice(-5).includes(i)),
        ],
        "two records swapped": [
          "TRAIL_ORDER",
          (lines, records) => {
            const i = middle(records);
            return lines.with(i, lines[i + 1] ?? "").with(i + 1, lines[i] ?? "");
          },
        ],
        "a record twice": [
          "TRAIL_DUPLICATE",
          (lines, records) => lines.toSpliced(middle(records), 0, lines[middle(records)] ?? ""),
        ],
        "a record of another resource added": [
          "TRAIL_FOREIGN",
          async (lines, records) => {
            const foreign = linesOf(await stage.trail("bureau", "resource", ELSEWHERE));
            return lines.toSpliced(middle(records), 0, foreign[recordsAt(foreign)[0] ?? 0] ?? "");
          },
        ],
        "shown as another resource's": [
          "TRAIL_FOREIGN",
          (lines) => lines.with(0, (lines[0] ?? "").replace(RESOURCE, UNUSED)),
        ],
        "the revocation left out": ["TRAIL_TRUNCATED", (lines) => lines.filter((line) => !isRevocation(line))],
      };
      for (const [name, [detail, change]] of Object.entries(changes)) {
        it(`${name}: ${detail}`, async () => {
          const lines = linesOf(await stage.trail("regulator", "resource", RESOURCE));
          const verdict = await verify(seal(await change(lines, recordsAt(lines))));
          expect(verdict).to.include({ ok: false, detail });
          expect(["TRAIL_INCOMPLETE", "PROOF_INVALID"]).to.include(verdict.code);
        });
      }

      it("an old head shown as new: its note no longer verifies", async () => {
        const now = Math.floor(Date.now() / 1000);
        const lines = linesOf(early).map((line) => line.replace(/\\ntime \d+\\n/g, `\\ntime ${now}\\n`));
        expect(await verify(early)).to.include({ ok: true });
        expect(await verify(seal(lines))).to.include({ ok: false, code: "PROOF_INVALID" });
      });

      it("an old trail proves no more than it did: complete through then, not now", async () => {
        const [then, now] = [await verify(early), await verify(await stage.trail("bureau", "resource", RESOURCE))];
        expect(then.ok && now.ok).to.equal(true);
        expect(Date.parse(then.completeThrough ?? "")).to.be.at.most(Date.parse(now.completeThrough ?? ""));
        expect(recordsOf(early).length).to.be.lessThan(now.records ?? 0);
      });

      it("the end of an old trail on the records of a new one", async () => {
        const end = linesOf(early).find((line) => parsed(line).t === "logEnd") ?? "";
        const lines = linesOf(await stage.trail("bureau", "resource", RESOURCE));
        const mixed = lines.map((line) => (parsed(line).t === "logEnd" ? end : line));
        expect(await verify(seal(mixed))).to.include({ ok: false });
      });

      it("a receipt that is held and is not in the trail is missed", async () => {
        const held = done.find(({ grant: under, outcome }) => under === grant && outcome === "permit")?.request ?? "";
        const { receipt } = (await (await stage.client("insurer")).receipt(held)).access;
        const trail = await stage.trail("bureau", "resource", RESOURCE);
        const elsewhere = await stage.trail("bureau", "resource", ELSEWHERE);
        const trust = await stage.trust();
        expect(await verifyTrail(trail, trust, { receipts: [receipt] })).to.include({ ok: true });
        expect(await verifyTrail(elsewhere, trust, { receipts: [receipt] })).to.include({
          ok: false,
          detail: "RECEIPT_NOT_IN_TRAIL",
        });
      });
    });
  });

const without = (lines: readonly string[], position: number | undefined): string[] =>
  lines.filter((_, i) => i !== position);
const middle = (records: readonly number[]): number => records[Math.floor(records.length / 2)] ?? 0;
const isRevocation = (line: string): boolean => parsed(line).t === "command" && line.includes("grant.revoke");

/** Members in the order that canonical JSON asks for. */
const canonicalOf = (text: string): string =>
  JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).sort(([a], [b]) => (a < b ? -1 : 1))));
