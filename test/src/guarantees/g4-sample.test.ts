/** G4, samples: a regulator plans, draws and checks one; what was drawn is nobody's choice, and is opened. */
import { instant } from "@quanji/chaincode/domain";
import { httpTiles, type PlannedSample, planSample, reportSample, systemRandom } from "@quanji/client";
import { readLog } from "@quanji/client/verify";
import { expect } from "chai";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { type LocalHost, LOG } from "../support/host.js";
import { QUANJI, type Ran, runProgram } from "../support/program.js";
import { RESOURCE, Stage } from "../support/stage.js";

describe("G4 a sample that nobody chose", () => {
  let stage: Stage<LocalHost>;
  let to: string;
  let trail: string;
  const file = (name: string): string => path.join(stage.host.data, name);

  before(async () => {
    stage = await Stage.open();
    const grant = await stage.granted();
    for (let i = 0; i < 8; i++) await stage.use("insurer", stage.access(grant));
    await stage.use("insurer", stage.access(grant, { purpose: "marketing" }));
    // A period is drawn from when it has been over for some minutes.
    stage.host.aheadMs += 30_000;
    to = instant(stage.host.clock());
    stage.host.aheadMs += 200_000;
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
  /** The CLI's clock is the machine's, so what a gateway must answer is asked for in this process. */
  const log = async () => {
    const trust = await stage.trust();
    return readLog([httpTiles(`${stage.host.address}/v1/logs/0`, LOG, fetch)], LOG, trust);
  };
  const wish = async (until: string) => ({
    net: (await stage.trust()).trust.net,
    resource: RESOURCE,
    to: until,
    count: 4,
    log: LOG,
    sizeNow: (await log()).checkpoint.size,
    nowMs: stage.host.clock(),
  });
  let planned: PlannedSample;
  const draw = async (): Promise<string> =>
    reportSample(planned, await log(), () => trail, await stage.trust(), await stage.client("regulator"));

  it("is planned by the regulator, of a closed period only", async () => {
    const { regulator, bureau } = stage.signers;
    const trust = await stage.trust();
    const open = await wish(instant(stage.host.clock()));
    expect(await planSample(open, regulator, trust, systemRandom).catch((error: unknown) => error)).to.include({
      detail: "SAMPLE_UNPROVEN",
    });
    expect(await planSample(await wish(to), bureau, trust, systemRandom).catch((e: unknown) => e)).to.include({
      detail: "KEY_PARTY",
    });
    planned = await planSample(await wish(to), regulator, trust, systemRandom);
  });

  it("waits for the log to grow: nobody knows the seed before", async () => {
    trail = await textOf((await stage.client("regulator")).trail("resource", RESOURCE, { to }));
    expect(await draw().catch((error: unknown) => error)).to.include({ detail: "CHECKPOINT_STALE" });
  });

  it("is drawn, opened to the regulator, and verified offline", async () => {
    await stage.use("insurer", stage.access(await stage.granted()));
    const report = await draw();
    await writeFile(file("s.json"), report);
    await writeFile(file("t.ndjson"), trail);
    const verify = ["sample", "verify", file("s.json"), "--trail", file("t.ndjson")];
    expect(json(await quanji(...verify))).to.include({ ok: true, population: 9, drawn: 4, opened: 4 });
    // Somebody else's choice of the same size.
    const drawn = JSON.parse(report) as { drawn: { index: number }[] };
    drawn.drawn[0]!.index++;
    await writeFile(file("s.json"), JSON.stringify(drawn));
    const refused = await quanji(...verify);
    expect([refused.exitCode, refused.out.includes("SAMPLE_UNPROVEN")]).to.deep.equal([1, true]);
  });
});

async function textOf(lines: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const line of lines) text += `${line}\n`;
  return text;
}
