/** G4 for a data subject while an order seals what concerns her: she can count it, and has all of it when the order ends. */
import { instant } from "@quanji/chaincode/domain";
import { canonical, type JsonObject, sha256Text } from "@quanji/chaincode/log";
import { expect } from "chai";
import path from "node:path";
import { People, PEOPLE } from "../support/people.js";
import { QUANJI, runProgram } from "../support/program.js";
import { IDS } from "../support/stage.js";
import { linesOf, parsed, recordsOf, seal } from "../support/trails.js";

const [ALICE, BOB] = ["510100199001011234", "51010019850505123x"];
const HOUR = 3_600_000;
const LINE = { maxBytes: 1 << 20, maxDepth: 12 };
type Sealed = { readonly t: string; readonly f: string; readonly b: string; tags: string[]; p: string[] };

describe("G4 a data subject's trail with sealed entries", () => {
  let people: People;
  let secret: string;
  let order: string;
  let until: string;
  /** As the steward had it before anything was sealed, and while the order is in force. */
  let shown: string;
  let hidden: string;

  const quanji = async (...argv: readonly string[]): Promise<Record<string, unknown>> => {
    const { host } = people.stage;
    const to = ["--gateway", host.address, "--key", path.join(host.data, "keys", "regulator.jwk")];
    const { exitCode, out, err } = await runProgram([
      ...[QUANJI, ...argv, ...to],
      ...["--trust", people.stage.trustFile, "--json"],
    ]);
    expect(exitCode, out + err).to.equal(0);
    return JSON.parse(out) as Record<string, unknown>;
  };
  const detailOf = async (lines: readonly string[]): Promise<string | undefined> =>
    (await people.verify(seal(lines))).detail;
  const sealedAt = (lines: readonly string[]): number[] =>
    lines.flatMap((line, i) => (parsed(line).t === "sealed" ? [i] : []));
  const edited = (lines: readonly string[], at: number, change: (line: Sealed) => JsonObject): string[] =>
    lines.map((line, i) => (i === at ? canonical(change(JSON.parse(line) as Sealed), LINE) : line));
  /** A record line with two hashes in its place, as an order would have it. */
  const hide = (line: string, tags: readonly string[]): string => {
    const { r, p } = JSON.parse(line) as { readonly r: string; readonly p: readonly string[] };
    const [face = "", body = ""] = r.split("\n");
    return canonical({ t: "sealed", f: sha256Text(face), b: sha256Text(body), tags, p }, LINE);
  };

  before(async () => {
    people = await People.open();
    await people.use([ALICE]);
    secret = (await people.use([ALICE, BOB], { operator: "inspector 3" })).request ?? "";
    await people.use([BOB]);
    await people.use([ALICE]);
    shown = await people.trailOf(people.tagsOf(ALICE));
    until = instant(people.stage.host.clock() + HOUR);
    const given = await quanji(
      ...["order", "seal", secret, "--until", until, "--authority", "inspectorate", "--ground", "case 31"],
    );
    order = given["order"] as string;
    hidden = await people.trailOf(people.tagsOf(ALICE));
  });
  after(() => people.close());

  it("counts what is sealed, and the verdict says how many, under which order, by whom and until when", async () => {
    const verdict = await people.verify(hidden);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 6, permitted: 2 });
    const facts = { order, authority: "inspectorate", by: IDS.regulator, until, entries: 2 };
    expect(verdict.sealed).to.deep.equal([facts]);
    expect((await people.verify(shown)).records).to.equal(6);
  });

  it("says the same to whoever is named in the same entry, and nothing to who is not", async () => {
    const bob = await people.verify(await people.trailOf(people.tagsOf(BOB)));
    expect(bob, JSON.stringify(bob)).to.include({ ok: true, records: 4, permitted: 1 });
    expect(bob.sealed?.[0]).to.include({ order, entries: 2 });
    const other = await people.trailOf(people.tagsOf("510100197707071111"));
    expect(await people.verify(other))
      .to.include({ ok: true, records: 0 })
      .and.not.to.have.property("sealed");
    expect(other).not.to.include('"kind":"openings"');
  });

  it("shows nothing of what is sealed but two hashes and the order, whoever fetches it for her", async () => {
    const [sealedRecord] = recordsOf(shown).filter((record) => record.body.request === secret);
    for (const text of [hidden, await people.trailOf(people.tagsOf(ALICE), {}, "regulator")]) {
      expect((await people.verify(text)).sealed?.[0]).to.include({ order });
      for (const word of [secret, sealedRecord?.body.id ?? "none", "inspector 3", people.tag(BOB)]) {
        expect(text).not.to.include(word);
      }
    }
  });

  it("who asked does not show by the chains that come with the file, and does when the order is lifted", async () => {
    const one = await people.use([BOB], { purpose: "marketing" });
    const stranger = await people.stage.use(
      "stranger",
      people.stage.access(people.grant, { resource: PEOPLE, subjects: [people.tag("1234")] }),
    );
    expect(one.outcome).to.equal("PURPOSE_OUTSIDE_GRANT");
    await quanji(
      ...["order", "seal", stranger.request ?? "", "--until", until, "--authority", "court", "--ground", "case 32"],
    );
    const text = await people.trailOf(people.tagsOf("1234"));
    const verdict = await people.verify(text);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 1, permitted: 0, denied: 0 });
    expect(verdict.sealed?.[0]).to.include({ authority: "court", entries: 1 });
    expect(text).not.to.include(IDS.stranger);
    // Truly sealed, and not Alice's.
    const bobs = linesOf(text).filter((line) => parsed(line).t === "sealed");
    const foreign = edited(bobs, 0, (line) => ({ ...line, tags: [people.tag(ALICE)] }))[0] ?? "";
    const withChain = linesOf(await people.trailOf(people.tagsOf(ALICE)));
    const last = withChain.findLastIndex((line) => ["record", "sealed"].includes(parsed(line).t));
    expect(await detailOf(withChain.toSpliced(last + 1, 0, foreign))).to.equal("TRAIL_FOREIGN");
    await quanji("order", "unseal", verdict.sealed?.[0]?.order ?? "", PEOPLE, "--ground", "case 32 closed");
    const whole = await people.trailOf(people.tagsOf("1234"));
    expect(await people.verify(whole))
      .to.include({ ok: true, records: 1, denied: 1 })
      .and.not.to.have.property("sealed");
    expect(whole).to.include(IDS.stranger);
  });

  it("a gateway that hides by calling it sealed, or lowers the count, is refused", async () => {
    const lines = linesOf(hidden);
    const [first = 0, second = 0] = sealedAt(lines);
    const tag = people.tag(ALICE);
    const shownAt = lines.findIndex((line) => parsed(line).t === "record");
    const without = (...at: readonly number[]): string[] => lines.filter((_, i) => !at.includes(i));
    // No order names it.
    expect(await detailOf(lines.with(shownAt, hide(lines[shownAt] ?? "", [tag])))).to.equal("SEAL_UNPROVEN");
    // The chain with the order left out.
    const chain = lines.findIndex((line) => line.includes('"kind":"openings"'));
    const length = lines.slice(chain).findIndex((line) => parsed(line).t === "chainEnd") + 1;
    expect(await detailOf(lines.toSpliced(chain, length))).to.equal("SEAL_UNPROVEN");
    // Fewer than the index counts.
    expect(await detailOf(without(second))).to.equal("TRAIL_GAP");
    expect(await detailOf(without(first, second))).to.equal("TRAIL_GAP");
    expect(await detailOf(lines.toSpliced(first, 0, lines[first] ?? ""))).to.equal("TRAIL_DUPLICATE");
    expect(await detailOf(lines.with(first, lines[second] ?? "").with(second, lines[first] ?? ""))).to.equal(
      "TRAIL_ORDER",
    );
    // Under nobody's tag, under another's, without a place in the tree, with something opened.
    const change = (with_: (line: Sealed) => JsonObject) => detailOf(edited(lines, first, with_));
    expect(await change(({ tags: _, ...line }) => line)).to.equal("TRAIL_FOREIGN");
    expect(await change((line) => ({ ...line, tags: [people.tag(BOB)] }))).to.equal("TRAIL_FOREIGN");
    expect(await change(({ p: _, ...line }) => line)).to.equal("PROOF_MISSING");
    expect(await change((line) => ({ ...line, p: line.p.toReversed() }))).to.equal("INCLUSION_INVALID");
    expect(await change((line) => ({ ...line, o: {} }))).to.equal("SEAL_OPENED");
  });

  it("after its end nothing may be hidden under it, and everything is there again", async () => {
    people.stage.host.aheadMs += HOUR + 60_000;
    const whole = await people.trailOf(people.tagsOf(ALICE));
    const verdict = await people.verify(whole);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 6, permitted: 3 });
    expect(verdict).not.to.have.property("sealed");
    expect(recordsOf(whole).map(({ body }) => body.request)).to.include(secret);
    // The gateway goes on hiding: the order's chain, attested after its end, stands in the file.
    const openings = await withOpenings(whole);
    expect(await detailOf(openings)).to.equal("SEAL_EXPIRED");
    const { ok, completeThrough = until } = await people.verify(hidden);
    expect(ok && completeThrough < until).to.equal(true);
  });

  /** Her trail of now with what was sealed still hidden, and the chain of the order in it. */
  async function withOpenings(whole: string): Promise<string[]> {
    const client = await people.stage.client("regulator");
    let text = "";
    for await (const line of client.trail("resource", PEOPLE)) text += `${line}\n`;
    const regulators = linesOf(text);
    const start = regulators.findIndex((line) => line.includes('"kind":"openings"'));
    const length = regulators.slice(start).findIndex((line) => parsed(line).t === "chainEnd") + 1;
    const lines = linesOf(whole);
    const log = lines.findIndex((line) => parsed(line).t === "log");
    const isSecret = (line: string): boolean =>
      parsed(line).t === "record" && recordsOf(line)[0]?.body.request === secret;
    return [...lines.slice(0, log), ...regulators.slice(start, start + length), ...lines.slice(log)].map((line) =>
      isSecret(line) ? hide(line, [people.tag(ALICE)]) : line,
    );
  }
});
