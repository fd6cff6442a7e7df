import { mkdir, readdir, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { EVIDENCE_LIMITS, instant } from "@quanji/chaincode/domain";
import { canonical, formatCheckpoint, formatNote, sha256, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { collude } from "../verify/forging.support.test.js";
import { heldInTrail } from "../verify/index.js";
import { LOG, LOG_KEYS, sealed, SmallWorld, trustFile } from "../verify/support.test.js";
import { lines, prepare, world } from "../verify/tampering.support.test.js";
import { Desk } from "./io.test.js";

const checkpoint = async (name: string): Promise<string> => {
  const text = formatCheckpoint({ origin: LOG, size: 3, root: sha256(utf8(name)) });
  return formatNote({ text, signatures: [await LOG_KEYS[LOG]!.note(text)] });
};

describe("quanji evidence", () => {
  let desk: Desk;
  before(async () => {
    desk = await Desk.open();
    const world = await new SmallWorld().begin();
    await writeFile(
      desk.path("trust.json"),
      trustFile({ ...world.trustPayload(), expires: "2999-01-01T00:00:00.000Z" }),
    );
  });
  after(() => desk.close());
  const file = async (older: string, newer: string): Promise<void> => {
    const fork = {
      v: "quanji.evidence.v1",
      kind: "fork",
      older: await checkpoint(older),
      newer: await checkpoint(newer),
    };
    await writeFile(desk.path("fork.json"), `${canonical(fork)}\n`);
  };
  const ARGS = ["evidence", "fork.json", "--trust", "trust.json"];

  it("names who signed two histories", async () => {
    await file("one history", "another");
    const { exitCode, out } = await desk.run(ARGS);
    expect([exitCode, out.split("\n").slice(0, 3)]).to.deep.equal([
      0,
      ["FORK SHOWN  fork.json", `  ${LOG}: 3, 3`, `  both are signed by the log ${LOG}`],
    ]);
    const { json } = await desk.run([...ARGS, "--json"]);
    expect(json).to.deep.include({ ok: true, kind: "evidence", accused: [{ name: LOG, role: "log" }] });
  });

  it("ends with 1 where nothing is shown, and says why", async () => {
    await file("one history", "one history");
    const { exitCode, out } = await desk.run(ARGS);
    expect([exitCode, out]).to.satisfy(
      ([code, text]: [number, string]) => code === 1 && text.includes("FORK_UNPROVEN"),
    );
  });

  it("needs a trust file", async () => {
    const { exitCode, err } = await desk.run(["evidence", "fork.json"]);
    expect([exitCode, err.includes("--trust")]).to.deep.equal([2, true]);
  });
});

describe("quanji compare", () => {
  let desk: Desk;
  before(async () => {
    desk = await Desk.open();
    await prepare();
    const parts = { ...world.trustPayload(), expires: "2999-01-01T00:00:00.000Z" };
    await writeFile(desk.path("trust.json"), trustFile(parts));
    await writeFile(desk.path("true.trail.ndjson"), sealed(lines));
    await writeFile(desk.path("true.trail.ndjson.gz"), gzipSync(sealed(lines)));
    const changed = await collude(lines, ({ face }, i) => face["decision"] !== "deny" || i !== 2);
    await writeFile(desk.path("false.trail.ndjson"), sealed(changed));
    const receipt = await world.receipt(LOG, world.records(LOG).length - 1);
    await writeFile(desk.path("one.receipt.json"), canonical(receipt, EVIDENCE_LIMITS));
    await mkdir(desk.path("proofs"));
  });
  after(() => desk.close());

  it("finds nothing where nothing contradicts", async () => {
    const args = ["compare", "true.trail.ndjson", "true.trail.ndjson.gz", "one.receipt.json", "--trust", "trust.json"];
    const { exitCode, json } = await desk.run([...args, "--json"]);
    expect([exitCode, json]).to.deep.equal([0, { ok: true, compared: 3, proofs: [] }]);
    expect((await desk.run(args)).out).to.include("nothing contradicts in 3 records");
  });

  it("makes proofs of what contradicts, which quanji evidence takes", async () => {
    const args = ["compare", "true.trail.ndjson", "false.trail.ndjson", "--trust", "trust.json"];
    const { exitCode, out } = await desk.run([...args, "--out", "proofs"]);
    expect([exitCode, out.includes("SHOWN")]).to.deep.equal([1, true]);
    const made = await readdir(desk.path("proofs"));
    expect(made).not.to.deep.equal([]);
    for (const name of made) {
      expect((await desk.run(["evidence", `proofs/${name}`, "--trust", "trust.json"])).exitCode).to.equal(0);
    }
    const { json } = await desk.run([...args, "--json"]);
    expect((json as { proofs: unknown[] }).proofs).to.have.length(made.length);
  });

  it("a receipt of a permit beside a trail that holds a stop convicts the log", async () => {
    const permitted = await collude(lines, ({ face, body }) => {
      if (body["rule"] !== "GRANT_SUSPENDED" || body["stop"] !== undefined) return true;
      face["decision"] = "permit";
      const deliverBefore = instant(Date.parse(String(body["time"])) + 30_000);
      Object.assign(body, { rule: "permit", deliverBefore });
      return true;
    });
    const [{ record, proof } = { record: "", proof: "" }] = await heldInTrail(sealed(permitted));
    const { index } = JSON.parse(record.split("\n")[0] ?? "") as { index: number };
    const receipt = await world.receipt(LOG, index, { record, proof, status: 200 });
    await writeFile(desk.path("permit.receipt.json"), canonical(receipt, EVIDENCE_LIMITS));
    await mkdir(desk.path("stops"));
    const args = ["compare", "true.trail.ndjson", "permit.receipt.json", "--trust", "trust.json", "--out", "stops"];
    const { exitCode, json } = await desk.run([...args, "--json"]);
    expect(exitCode).to.equal(1);
    const found = (json as { proofs: { shows: string; file: string }[] }).proofs.filter(
      ({ shows }) => shows === "ignored-stop",
    );
    expect(found).to.have.length(1);
    const shown = await desk.run(["evidence", found[0]?.file ?? "", "--trust", "trust.json"]);
    expect([shown.exitCode, shown.out.split("\n")[0]?.startsWith("IGNORED STOP SHOWN")]).to.deep.equal([0, true]);
    expect(shown.out).to.include("in force: grant.suspend").and.include(`the permit is in the log ${LOG}`);
  });

  it("used wrongly: no trust file, no folder, no evidence", async () => {
    await writeFile(desk.path("noise.json"), "noise\n");
    const codes = [];
    for (const args of [
      ["compare", "true.trail.ndjson"],
      ["compare", "true.trail.ndjson", "--trust", "trust.json", "--out", "nowhere/at/all"],
      ["compare", "missing.json", "--trust", "trust.json"],
      ["compare", "noise.json", "--trust", "trust.json"],
    ]) {
      codes.push((await desk.run(args)).exitCode);
    }
    expect(codes).to.deep.equal([2, 2, 2, 1]);
  });
});
