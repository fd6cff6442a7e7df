import { expect } from "chai";
import { randomUUID } from "node:crypto";
import { parseRecord } from "../domain/index.js";
import { possessionInput } from "../log/index.js";
import { type BatchRecord, privateKeys, type Sealed } from "../world/index.js";
import { type Actor, actor } from "../testing/actors.js";
import { expectRefusal } from "../testing/expect.js";
import { IDS, LOG, type Name, NET, TestNetwork } from "../testing/test-network.js";

const RES = "res/weather.daily";

describe("contracts: tallies", () => {
  let network: TestNetwork;
  let source: Actor;

  const addKey = async (by: Name, key: Actor, purpose: string): Promise<void> => {
    const proof = Buffer.from(key.sign(possessionInput(NET, key.party, key.jwk))).toString("base64url");
    const added = { jwk: key.jwk, purpose, custody: "self" };
    await network.send(by, "party.rotateKey", { net: NET, party: key.party, key: added, possession: proof });
  };
  const tally = async (change: object = {}, by: Name | Actor = source): Promise<BatchRecord> => ({
    ...network.item(),
    type: "tally",
    request: await network.sign(by, "tally.sign", {
      net: NET,
      log: LOG,
      resource: RES,
      from: 0,
      to: 2,
      served: 1,
      ...change,
    }),
  });

  beforeEach(async () => {
    network = await TestNetwork.begin();
    await network.registerResource("bureau", RES);
    const grant = await network.granted("insurer", RES, "bureau");
    source = actor(IDS.bureau, "EdDSA");
    await addKey("bureau", source, "tally");
    await network.record([await network.access("insurer", { grant }), await network.access("insurer", { grant })]);
  });

  it("say what the source has signed, and link to the resource alone", async () => {
    const one = await tally();
    const { stored } = await network.record([one]);
    const [kept] = stored.records;
    const record = parseRecord(kept!);
    expect(record.face).to.include({ type: "tally", index: 2, unit: IDS.bureau, class: network.resource(RES)?.class });
    expect(record.body).to.deep.include({ from: 0, to: 2, served: 1, resource: `${RES}@1`, requester: source.kid });
    expect(Object.keys(kept!.links)).to.deep.equal(["links.resource"]);
    expect(kept!.links["links.resource"]?.value).to.include({ n: 2 });
  });

  it("are the steward's, under a key that is for tallies and for nothing else", async () => {
    await expectRefusal(network.record([await tally({}, "bureau")]), "KEY_INVALID");
    await expectRefusal(network.record([await tally({}, "insurer")]), "ROLE_REQUIRED");
    await expectRefusal(network.record([await tally({}, actor(IDS.bureau))]), "SIGNATURE_INVALID");
    const foreign = actor(IDS.insurer, "EdDSA");
    await addKey("insurer", foreign, "tally");
    await expectRefusal(network.record([await tally({}, foreign)]), "ROLE_REQUIRED");
    await expectRefusal(
      network.send(source, "resource.suspend", { net: NET, resource: RES }, { transient: {} }),
      "KEY_INVALID",
    );
    expect(await network.decide(await network.access(source, { seq: 0 }))).to.deep.equal(["KEY_INVALID"]);
  });

  it("never count an access twice, in one batch or in two, nor one that is not there yet", async () => {
    await expectRefusal(network.record([await tally({ to: 3 })]), "STATE_CONFLICT", "TALLY_AHEAD");
    const one = await tally();
    await expectRefusal(network.record([one, { ...one, id: randomUUID() }]), "STATE_CONFLICT", "TALLY_OVERLAP");
    await network.record([one]);
    await expectRefusal(network.record([one]), "STATE_CONFLICT", "TALLY_OVERLAP");
    await expectRefusal(network.record([await tally({ from: 1, to: 3 })]), "STATE_CONFLICT", "TALLY_OVERLAP");
    await network.record([await tally({ from: 2, to: 3, served: 0 }), await tally({ from: 3, to: 4, served: 0 })]);
  });

  it("have a window, serve no more than it holds, and name a resource of this log", async () => {
    await expectRefusal(network.record([await tally({ from: 2, to: 2, served: 0 })]), "MALFORMED");
    await expectRefusal(network.record([await tally({ served: 3 })]), "MALFORMED");
    await expectRefusal(network.record([await tally({ resource: "res/none" })]), "NOT_FOUND");
    await expectRefusal(network.record([await tally({ log: `${NET}/holder/1` })]), "NOT_FOUND");
    await expectRefusal(network.record([await tally({ net: "quanji.test/other" })]), "COMMAND_MISDIRECTED");
    await network.createLog(`${NET}/holder/1`);
    await network.registerResource("bureau", "res/elsewhere", { class: "other", logs: [`${NET}/holder/1`] });
    await expectRefusal(network.record([await tally({ resource: "res/elsewhere" })]), "NOT_FOUND");
  });

  it("a stopped key counts no more", async () => {
    const thumbprint = source.kid.split("#")[1];
    const since = new Date(network.nowMs).toISOString();
    await network.send("bureau", "party.compromiseKey", { net: NET, party: IDS.bureau, thumbprint, since });
    await expectRefusal(network.record([await tally()]), "KEY_INVALID");
  });

  it("G8 keep where they ended under a blinded name, salted", async () => {
    await network.record([await tally()]);
    const writes = [...(network.lastEffects?.writes ?? [])];
    expect(writes.filter(([key]) => !key.startsWith("org-")).map(([key]) => key)).to.deep.equal([`log/${LOG}`]);
    const secret = network.private(privateKeys.secret) as Sealed<string>;
    const kept = network.private(privateKeys.tallied(secret.value, LOG, RES)) as Sealed<number>;
    expect(kept.value).to.equal(2);
    expect(kept.salt).to.have.length(43);
    expect(writes.some(([key]) => key.includes(RES))).to.equal(false);
  });
});
