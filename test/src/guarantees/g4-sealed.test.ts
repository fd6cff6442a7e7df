/** G4 under an order that hides records for a time: owners' trails stay complete, and say what they do not show. */
import { instant } from "@quanji/chaincode/domain";
import { verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import path from "node:path";
import type { LocalHost } from "../support/host.js";
import { QUANJI, type Ran, runProgram } from "../support/program.js";
import { RESOURCE, Stage } from "../support/stage.js";
import { refused } from "../support/until.js";

describe("G4 trails with sealed entries", () => {
  let stage: Stage<LocalHost>;
  let hidden: string;
  let order: string;

  before(async () => {
    stage = await Stage.open();
    const grant = await stage.granted();
    const requests: (string | undefined)[] = [];
    for (let i = 0; i < 3; i++) requests.push((await stage.use("insurer", stage.access(grant))).request);
    hidden = requests[1] ?? "";
  });
  after(() => stage.close());

  const quanji = async (...argv: readonly string[]): Promise<Record<string, unknown>> => {
    const key = path.join(stage.host.data, "keys", "regulator.jwk");
    const to = ["--gateway", stage.host.address, "--key", key, "--trust", stage.trustFile, "--json"];
    const { exitCode, out, err }: Ran = await runProgram([QUANJI, ...argv, ...to]);
    expect(exitCode, out + err).to.equal(0);
    return JSON.parse(out) as Record<string, unknown>;
  };
  const verdictOf = async (name: "regulator" | "bureau" | "insurer", kind: "resource" | "party" = "resource") =>
    verifyTrail(
      await stage.trail(name, kind, kind === "resource" ? RESOURCE : stage.signers.insurer.party),
      await stage.trust(),
    );

  it("an order hides an access and its delivery from the steward, who can count them", async () => {
    const until = instant(stage.host.clock() + 3_600_000);
    const given = await quanji(
      "order",
      "seal",
      hidden,
      "--until",
      until,
      "--authority",
      "court",
      "--ground",
      "case 31",
    );
    order = given["order"] as string;
    const found = await verdictOf("bureau");
    expect(found, JSON.stringify(found)).to.include({ ok: true, records: 6, permitted: 2 });
    expect(found.sealed).to.have.length(1);
    expect(found.sealed?.[0]).to.include({ order, authority: "court", until, entries: 2 });
  });

  it("the receipt is refused by name, not as if there were none; requester and regulator have it", async () => {
    await refused((await stage.client("bureau")).receipt(hidden), "ROLE_REQUIRED");
    for (const name of ["regulator", "insurer"] as const) {
      expect((await (await stage.client(name)).receipt(hidden)).access.record.type).to.equal("access");
    }
  });

  it("regulator and requester see all of it", async () => {
    expect(await verdictOf("regulator"))
      .to.include({ ok: true, permitted: 3 })
      .and.not.to.have.property("sealed");
    expect(await verdictOf("insurer", "party")).to.include({ ok: true, permitted: 3 });
  });

  it("it is not listed to the steward as something that is kept", async () => {
    let count = 0;
    for await (const _ of (await stage.client("bureau")).erasures.kept(RESOURCE)) count++;
    expect(count).to.equal(2);
  });

  it("lifted, everything is shown again", async () => {
    await quanji("order", "unseal", order, RESOURCE, "--ground", "case 31 closed");
    expect(await verdictOf("bureau"))
      .to.include({ ok: true, permitted: 3 })
      .and.not.to.have.property("sealed");
    expect((await (await stage.client("bureau")).receipt(hidden)).access.record.type).to.equal("access");
  });
});
