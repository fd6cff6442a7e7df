import { expect } from "chai";
import { randomUUID } from "node:crypto";
import { type Openings, possessionInput, tagKeyCommitment } from "../log/index.js";
import { privateKeys, type Sealed } from "../world/index.js";
import { type Actor, actor, committed } from "../testing/actors.js";
import { expectRefusal } from "../testing/expect.js";
import { IDS, type Name, NET, TestNetwork } from "../testing/test-network.js";

const SEALED = `${"A".repeat(200)}..${"A".repeat(16)}.${"A".repeat(180)}.${"A".repeat(22)}`;
const KEY = new Uint8Array(32).fill(7);

describe("contracts: tag keys", () => {
  let network: TestNetwork;
  let escrow: Actor;

  const addKey = async (by: Name, key: Actor, purpose: string): Promise<void> => {
    const proof = Buffer.from(key.sign(possessionInput(NET, key.party, key.jwk))).toString("base64url");
    const added = { jwk: key.jwk, purpose, custody: "self" };
    await network.send(by, "party.rotateKey", { net: NET, party: key.party, key: added, possession: proof });
  };
  const register = (change: object = {}, sealed: string | undefined = SEALED, by: Name = "bureau"): Promise<void> => {
    const jti = randomUUID();
    const { commitment, openings } = committed(network.actors[by].kid, jti, "escrow", sealed);
    const payload = {
      net: NET,
      party: IDS.bureau,
      quarter: "2026Q1",
      commitment: tagKeyCommitment(KEY, NET, IDS.bureau, "2026Q1"),
      recipient: escrow.kid,
      escrow: commitment,
      ...change,
    };
    const transient = sealed === "" ? undefined : { openings: JSON.stringify(openings) };
    return network.send(by, "party.tagKey", payload, { jti, ...(transient !== undefined && { transient }) });
  };

  beforeEach(async () => {
    network = await TestNetwork.begin();
    escrow = actor(IDS.regulator);
    await addKey("regulator", escrow, "escrow");
  });

  it("are a steward's own, one a quarter, and of the key nothing is public but what commits to it", async () => {
    await register();
    expect(network.party("bureau")?.tagKeys).to.have.length(1);
    const [kept] = network.party("bureau")?.tagKeys ?? [];
    expect(kept).to.include({ quarter: "2026Q1", recipient: escrow.kid, opened: 0 });
    const stored = network.private(privateKeys.opening(kept?.request ?? "")) as Sealed<Openings>;
    expect(stored.value["escrow"]?.value).to.equal(SEALED);
    for (const [key, value] of network.state.values) {
      if (!key.includes("\u0000")) expect(value, key).not.to.include(SEALED.slice(0, 60));
    }
    await expectRefusal(register(), "STATE_CONFLICT");
    await register({ quarter: "2026Q2" });
    await expectRefusal(register({ quarter: "2026Q3" }, SEALED, "insurer"), "ROLE_REQUIRED");
    await expectRefusal(register({ quarter: "2026Q5" }), "MALFORMED");
  });

  it("are sealed to a key of the regulator that is for nothing else", async () => {
    await expectRefusal(register({ recipient: network.actors.regulator.kid }), "KEY_INVALID");
    await expectRefusal(register({ recipient: `${IDS.insurer}#${escrow.kid.split("#")[1]}` }), "KEY_INVALID");
    const own = actor(IDS.bureau);
    await addKey("bureau", own, "escrow");
    await expectRefusal(register({ recipient: own.kid }), "KEY_INVALID");
    const bad = actor(IDS.regulator, "EdDSA");
    await addKey("regulator", bad, "escrow");
    await expectRefusal(register({ recipient: bad.kid }), "KEY_INVALID");
    await expectRefusal(network.send(escrow, "party.suspend", { net: NET, party: IDS.bureau }), "KEY_INVALID");
  });

  it("lie in escrow when they are registered: a commitment alone is no deposit", async () => {
    await expectRefusal(register({}, ""), "MALFORMED");
    await expectRefusal(register({}, "the key itself"), "MALFORMED");
  });

  it("are opened by the regulator, who says so first", async () => {
    const ground = committed(network.actors.regulator.kid, "x", "ground", "sample").commitment;
    const opening = { net: NET, party: IDS.bureau, quarter: "2026Q1", ground };
    await expectRefusal(network.send("regulator", "party.openTagKey", opening), "STATE_CONFLICT");
    await register();
    await expectRefusal(network.send("insurer", "party.openTagKey", opening), "ROLE_REQUIRED");
    await network.send("regulator", "party.openTagKey", opening);
    await network.send("regulator", "party.suspend", { net: NET, party: IDS.bureau });
    await network.send("regulator", "party.openTagKey", opening);
    expect(network.party("bureau")).to.include({ state: "suspended" });
    expect(network.party("bureau")?.tagKeys?.[0]?.opened).to.equal(2);
  });
});
