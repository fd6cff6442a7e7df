/** G4, samples: a regulator plans, draws and checks one at the command line; what was drawn is nobody's choice, and is opened. */
import { instant } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { type LocalHost } from "../support/host.js";
import { QUANJI, type Ran, runProgram } from "../support/program.js";
import { RESOURCE, Stage } from "../support/stage.js";

describe("G4 a sample that nobody chose", () => {
  let stage: Stage<LocalHost>;
  let to: string;
  const file = (name: string): string => path.join(stage.host.data, name);

  before(async () => {
    // Programs of the command line have the machine's clock, and a period is drawn from when it has been over for minutes.
    stage = await Stage.open({ aheadMs: -240_000 });
    const grant = await stage.granted();
    for (let i = 0; i < 8; i++) await stage.use("insurer", stage.access(grant));
    await stage.use("insurer", stage.access(grant, { purpose: "marketing" }));
    to = instant(stage.host.clock() + 1);
    stage.host.aheadMs = 0;
  });
  after(() => stage.close());

  const quanji = (...argv: readonly string[]): Promise<Ran> => {
    const key = path.join(stage.host.data, "keys", "regulator.jwk");
    const common = ["--gateway", stage.host.address, "--key", key, "--trust", stage.trustFile, "--json"];
    return runProgram([QUANJI, ...argv, ...common]);
  };
  const json = ({ exitCode, out, err }: Ran): Record<string, unknown> => {
    expect(exitCode, out + err).to.equal(0);
    return JSON.parse(out) as Record<string, unknown>;
  };
  const plan = (until: string): Promise<Ran> =>
    quanji(
      ...["sample", "plan", RESOURCE, "--count", "4", "--to", until],
      ...["--out", file("plan.json"), "--nonce", file("nonce")],
    );
  const draw = (): Promise<Ran> =>
    quanji(
      ...["sample", "draw", file("plan.json"), "--nonce", file("nonce")],
      ...["--trail", file("t.ndjson"), "--out", file("s.json")],
    );

  it("is planned by the regulator, of a closed period only", async () => {
    const open = await plan(instant(stage.host.clock()));
    expect([open.exitCode, open.out.includes("SAMPLE_UNPROVEN")]).to.deep.equal([1, true]);
    expect(json(await plan(to))).to.include({ count: 4, resource: RESOURCE });
    expect((await readFile(file("nonce"), "utf8")).trim()).to.have.length(43);
    expect(
      (await quanji("sample", "plan", RESOURCE, "--count", "0", "--to", to, "--out", "x", "--nonce", "y")).exitCode,
    ).to.equal(2);
  });

  it("waits for the log to grow: nobody knows the seed before", async () => {
    json(await quanji("trail", "get", "resource", RESOURCE, "--to", to, "--out", file("t.ndjson")));
    const early = await draw();
    expect([early.exitCode, early.out.includes("CHECKPOINT_STALE")]).to.deep.equal([1, true]);
  });

  it("is drawn, opened to the regulator, and verified offline", async () => {
    await stage.use("insurer", stage.access(await stage.granted()));
    const drawn = json(await draw());
    expect(drawn).to.include({ ok: true, population: 9, drawn: 4, opened: 4 });
    const verify = ["sample", "verify", file("s.json"), "--trail", file("t.ndjson")];
    expect(json(await quanji(...verify))).to.include({ ok: true, plan: drawn["plan"] });
    // Somebody else's choice of the same size.
    const report = JSON.parse(await readFile(file("s.json"), "utf8")) as { drawn: { index: number }[] };
    report.drawn[0]!.index++;
    await writeFile(file("s.json"), JSON.stringify(report));
    const refused = await quanji(...verify);
    expect([refused.exitCode, refused.out.includes("SAMPLE_UNPROVEN")]).to.deep.equal([1, true]);
  });
});
