/** G8, what is erased: by those who may, one by one or when its time is over; every proof stays, and says what is missing. */
import { verifyReceipt, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { type LocalHost, LOG } from "../support/host.js";
import { GATEWAY, QUANJI, type Ran, runProgram } from "../support/program.js";
import { IDS, RESOURCE, Stage } from "../support/stage.js";
import { refused } from "../support/until.js";

describe("G8 what is erased", () => {
  let stage: Stage<LocalHost>;
  const requests: string[] = [];

  before(async () => {
    stage = await Stage.open();
    const grant = await stage.granted();
    for (let i = 0; i < 5; i++) requests.push((await stage.use("insurer", stage.access(grant))).request ?? "");
    for (const name of ["bureau", "insurer"] as const) {
      await writeFile(path.join(stage.host.data, "keys", `${name}.jwk`), stage.keyFile(name), { mode: 0o600 });
    }
  });
  after(() => stage.close());

  const quanji = (name: "bureau" | "insurer", ...argv: readonly string[]): Promise<Ran> => {
    const key = path.join(stage.host.data, "keys", `${name}.jwk`);
    const { address } = stage.host;
    return runProgram([QUANJI, ...argv, "--gateway", address, "--key", key, "--trust", stage.trustFile, "--json"]);
  };
  const json = ({ exitCode, out, err }: Ran): Record<string, unknown> => {
    expect(exitCode, out + err).to.equal(0);
    return JSON.parse(out) as Record<string, unknown>;
  };
  const verdictOf = async (name: "regulator" | "bureau") =>
    verifyTrail(await stage.trail(name, "resource", RESOURCE), await stage.trust());
  const kept = async (): Promise<number> => {
    let count = 0;
    for await (const _ of (await stage.client("regulator")).erasures.kept(RESOURCE)) count++;
    return count;
  };

  it("is listed for the steward and the regulator, and for nobody else", async () => {
    expect(await kept()).to.equal(5);
    const listed = await (await stage.client("bureau")).read(`/v1/openings/${RESOURCE}?limit=2`);
    expect(listed["items"]).to.have.length(2);
    const next = await (
      await stage.client("bureau")
    ).read(`/v1/openings/${RESOURCE}?limit=3&cursor=${listed["next"] as string}`);
    expect(next).to.have.property("items").with.length(3);
    expect(next).not.to.have.property("next");
    expect(JSON.stringify(listed)).not.to.match(/salt|desk 7/);
    await refused((await stage.client("insurer")).read(`/v1/openings/${RESOURCE}`), "NOT_FOUND");
    await refused((await stage.client("bureau")).read(`/v1/openings/${RESOURCE}?cursor=x`), "MALFORMED");
  });

  it("is gone after `quanji erase` by who said it; receipts before and after verify", async () => {
    const regulator = await stage.client("regulator");
    const before = await regulator.receipt(requests[0] ?? "");
    expect(before.access.receipt.openings).to.have.property("operator");
    expect(json(await quanji("insurer", "erase", requests[0] ?? ""))).to.include({
      records: 1,
      fields: 1,
      commands: 1,
    });
    const after = await regulator.receipt(requests[0] ?? "");
    expect(after.access.receipt.openings).not.to.have.property("operator");
    expect(after.access.receipt.erased).to.have.length(1);
    const trust = await stage.trust();
    expect((await verifyReceipt(after.access.jws, trust)).erased?.[0]).to.include({ by: IDS.insurer, fields: 1 });
    expect(await verifyReceipt(before.access.jws, trust)).to.include({ ok: true });
    const again = await quanji("insurer", "erase", requests[0] ?? "");
    expect(again.exitCode).not.to.equal(0);
    expect(again.out).to.contain("STATE_CONFLICT");
  });

  it("is what a period is over for, as `quanji retention` finds it, and finds nothing the second time", async () => {
    expect(json(await quanji("bureau", "retention", RESOURCE, "--days", "1"))).to.include({ records: 0, commands: 0 });
    const dry = json(await quanji("bureau", "retention", RESOURCE, "--days", "0", "--dry-run"));
    expect(dry).to.include({ records: 4, fields: 4 });
    expect(await kept()).to.equal(4);
    const all = ["retention", RESOURCE, "--days", "0"];
    const unasked = await quanji("bureau", ...all);
    expect([unasked.exitCode, unasked.err + unasked.out]).to.satisfy(
      ([code, text]: [number, string]) => code === 2 && text.includes("--yes"),
    );
    expect(await kept()).to.equal(4);
    expect(json(await quanji("bureau", ...all, "--yes"))).to.include({ records: 4, commands: 1 });
    expect(json(await quanji("bureau", ...all))).to.include({ records: 0, commands: 0 });
    expect(await kept()).to.equal(0);
  });

  it("leaves the trail whole: the regulator's names the commands, the steward's shows what it always showed", async () => {
    const found = await verdictOf("regulator");
    expect(found).to.include({ ok: true, permitted: 5 });
    expect(found.erased?.map(({ by, fields, basis }) => [by, fields, basis])).to.deep.equal([
      [IDS.insurer, 1, "request"],
      [IDS.bureau, 4, "retention"],
    ]);
    expect(await verdictOf("bureau"))
      .to.include({ ok: true, permitted: 5 })
      .and.not.to.have.property("erased");
  });

  it("is refused to a party that neither asked nor answers for the resource", async () => {
    const { log, index, id } = { log: LOG, index: 0, id: "00000000-0000-4000-8000-000000000000" };
    const stranger = await stage.client("stranger");
    const records = [{ id, index, fields: ["operator"] }];
    await refused(stranger.send("record.erase", { resource: RESOURCE, log, records, basis: "request" }), "NOT_FOUND");
  });

  it("leaves ledger and index as fsck wants them", async () => {
    const { data } = stage.host;
    await stage.host.close();
    const ran = await runProgram([GATEWAY, "fsck"], { QUANJI_DATA: data });
    expect(ran.exitCode, ran.out + ran.err).to.equal(0);
  });
});
