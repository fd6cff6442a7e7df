import { expect } from "chai";
import { randomUUID } from "node:crypto";
import { instant, MAX_SEAL_MS, recordLeaf, type Seal } from "../domain/index.js";
import { hashText, sha256Text } from "../log/index.js";
import { expectRefusal } from "../testing/expect.js";
import { LOG, type Name, NET, TestNetwork } from "../testing/test-network.js";
import { privateKeys, type Sealed, type StoredRecord } from "../world/index.js";

const RES = "res/weather.daily";
const GROUND = sha256Text("ground");

describe("contracts: seals", () => {
  let network: TestNetwork;
  let order: string;
  /** 0 permit, 1 permit; 2 delivery of 0. */
  let records: readonly StoredRecord[];

  const named = (...indexes: readonly number[]) =>
    indexes.map((index) => ({ index, leaf: hashText(recordLeaf(records[index]!)) }));
  const seal = (change: object = {}, by: Name = "regulator", firsts: readonly number[] = [0]): Promise<void> => {
    const payload = {
      net: NET,
      resource: RES,
      log: LOG,
      order,
      authority: "督查 inspectorate",
      until: instant(network.now() + 1_000),
      ground: GROUND,
      records: named(0),
      ...change,
    };
    return network.send(by, "record.seal", payload, { transient: { firsts: JSON.stringify(firsts) } });
  };
  const unseal = (change: object = {}, by: Name = "regulator"): Promise<void> =>
    network.send(by, "record.unseal", { net: NET, resource: RES, order, ground: GROUND, ...change });
  const kept = (): Seal | undefined => (network.private(privateKeys.seal(order)) as Sealed<Seal> | undefined)?.value;

  beforeEach(async () => {
    network = await TestNetwork.begin();
    order = randomUUID();
    await network.registerResource("bureau", RES);
    const grant = await network.granted("insurer", RES, "bureau");
    const use = () => network.access("insurer", { grant });
    const accesses = await network.record([await use(), await use()]);
    const account = { bytes: 1, digest: "A".repeat(43), masked: [], outcome: "delivered" as const, rows: 1 };
    const delivery = { ...network.item(), type: "delivery" as const, access: 0, first: 0, ...account };
    records = [...accesses.stored.records, ...(await network.record([delivery])).stored.records];
  });

  it("are the regulator's, with an authority, a ground and an end that is near enough", async () => {
    for (const name of ["bureau", "insurer", "stranger"] as const) await expectRefusal(seal({}, name), "ROLE_REQUIRED");
    await expectRefusal(seal({ until: instant(network.now()) }), "MALFORMED");
    await expectRefusal(seal({ until: instant(network.now() + MAX_SEAL_MS + 1) }), "MALFORMED");
    await expectRefusal(seal({ authority: "" }), "MALFORMED");
    await expectRefusal(seal({ ground: "in the clear" }), "MALFORMED");
    await seal({ until: instant(network.now() + MAX_SEAL_MS) });
    expect(kept()).to.deep.equal({ resource: RES, until: instant(network.now() + MAX_SEAL_MS) });
    await expectRefusal(seal(), "STATE_CONFLICT");
  });

  it("name records by index and leaf, and an access with all that the order names of it", async () => {
    const [one] = named(0);
    await expectRefusal(seal({ records: [{ ...one, leaf: named(1)[0]!.leaf }] }), "NOT_FOUND");
    await expectRefusal(seal({ records: [{ ...one, index: 1 }] }), "NOT_FOUND");
    await expectRefusal(seal({ records: [one, one] }, "regulator", [0, 0]), "MALFORMED");
    await expectRefusal(seal({ resource: "res/other" }), "NOT_FOUND");
    await expectRefusal(seal({ log: `${NET}/holder/1` }), "NOT_FOUND");
    await expectRefusal(seal({}, "regulator", [2]), "NOT_FOUND");
    await expectRefusal(seal({}, "regulator", []), "MALFORMED");
    await expectRefusal(seal({ records: named(2) }, "regulator", [2]), "STATE_CONFLICT");
    await seal({ records: named(0, 2) }, "regulator", [0, 2]);
  });

  it("hide no record that tells of no access", async () => {
    const item = { ...network.item(), type: "void" as const };
    const seq = network.nextSeq(network.actors.insurer.kid);
    const request = await network.sign("insurer", "access.void", { net: NET, log: LOG, seq });
    const { stored } = await network.record([{ ...item, request }]);
    records = [...records, ...stored.records];
    await expectRefusal(seal({ records: named(3) }, "regulator", [3]), "NOT_FOUND");
  });

  it("end at their time, or when the regulator lifts them, once", async () => {
    await expectRefusal(unseal(), "STATE_CONFLICT");
    await seal();
    await expectRefusal(unseal({}, "bureau"), "ROLE_REQUIRED");
    await expectRefusal(unseal({ resource: "res/other" }), "STATE_CONFLICT");
    await unseal();
    expect(kept()).to.have.property("lifted", instant(network.now()));
    await expectRefusal(unseal(), "STATE_CONFLICT");
    order = randomUUID();
    await seal();
    network.nowMs += 1_000;
    await expectRefusal(unseal(), "STATE_CONFLICT");
  });
});
