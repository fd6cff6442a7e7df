import { expect } from "chai";
import { parseRecord, recordLeaf } from "../domain/index.js";
import { hashText } from "../log/index.js";
import { TestNetwork } from "../testing/test-network.js";

describe("contracts: a small story", () => {
  it("registers, grants, records a permit and a denial, revokes", async () => {
    const network = await TestNetwork.begin();
    await network.registerResource("bureau", "res/weather.daily");
    const grant = await network.granted("insurer", "res/weather.daily", "bureau");
    expect(network.grant(grant)?.state).to.equal("active");

    const { stored, leaves } = await network.record([
      await network.access("insurer", { grant }),
      await network.access("insurer", { grant, purpose: "marketing" }),
    ]);
    const rules = stored.records.map((record) => {
      const parsed = parseRecord(record);
      return parsed.type === "access" ? parsed.body.rule : parsed.type;
    });
    expect(rules).to.deep.equal(["permit", "PURPOSE_OUTSIDE_GRANT"]);
    expect(stored.records.map((record) => hashText(recordLeaf(record)))).to.deep.equal(leaves);

    await network.stop("bureau", "grant.revoke", grant);
    expect(await network.decide(await network.access("insurer", { grant }))).to.deep.equal(["GRANT_REVOKED"]);
    await network.fold(grant);
    expect(network.grant(grant)?.state).to.equal("revoked");
    expect(await network.decide(await network.access("insurer", { grant }))).to.deep.equal(["GRANT_REVOKED"]);
  });
});
