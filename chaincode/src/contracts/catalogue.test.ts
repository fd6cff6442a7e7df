import { expect } from "chai";
import { randomUUID } from "node:crypto";
import { possessionInput } from "../log/index.js";
import { type Actor, actor } from "../testing/actors.js";
import { expectRefusal } from "../testing/expect.js";
import { IDS, LOG, NET, resourcePayload, terms, TestNetwork } from "../testing/test-network.js";

const possession = (key: Actor): string =>
  Buffer.from(key.sign(possessionInput(NET, key.party, key.jwk))).toString("base64url");

const newKey = (key: Actor, purpose: "act" | "recovery" = "act") => ({
  net: NET,
  party: key.party,
  key: { jwk: key.jwk, purpose, custody: "self" },
  possession: possession(key),
});

describe("contracts: parties", () => {
  let network: TestNetwork;
  beforeEach(async () => {
    network = await TestNetwork.begin();
  });

  it("a party registers itself, with the key that signs", async () => {
    const fresh = actor("91310000MAQJ00335M");
    const payload = { party: fresh.party, key: { jwk: fresh.jwk, purpose: "act", custody: "self" } };
    network.actors.stranger = fresh;
    await expectRefusal(network.register("stranger", { ...payload, party: IDS.insurer }), "SIGNATURE_INVALID");
    const other = { ...payload, key: { ...payload.key, jwk: actor(fresh.party).jwk } };
    await expectRefusal(network.register("stranger", other), "SIGNATURE_INVALID");
    await expectRefusal(network.register("stranger", { ...payload, home: "NowhereMSP" }), "MALFORMED");
    await expectRefusal(network.send(fresh, "party.register", { ...base(fresh), name: "x" }), "BASIS_MISSING");
    await expectRefusal(network.send(fresh, "party.register", base(fresh)), "BASIS_MISSING");
    await expectRefusal(
      network.register("stranger", { ...payload, key: { ...payload.key, purpose: "recovery" } }),
      "MALFORMED",
    );
    await expectRefusal(network.register("stranger", { ...payload, net: "quanji.test/other" }), "COMMAND_MISDIRECTED");
    await network.register("stranger", payload);
    await expectRefusal(network.register("stranger", payload), "STATE_CONFLICT");
  });

  it("a wrong check character is PARTY_ID_INVALID", async () => {
    const wrong = actor("91350100M000100Y4Z");
    const payload = { ...base(wrong), kind: "org", name: "x" };
    await expectRefusal(network.send(wrong, "party.register", payload), "PARTY_ID_INVALID");
  });

  it("a pending party can do nothing", async () => {
    const fresh = actor("91310000MAQJ00335M");
    network.actors.stranger = fresh;
    await network.register("stranger", {
      party: fresh.party,
      key: { jwk: fresh.jwk, purpose: "act", custody: "self" },
    });
    await expectRefusal(network.registerResource("stranger", "res/x"), "PARTY_INACTIVE");
  });

  it("only a registrar admits, only a regulator makes regulators, suspends and resumes", async () => {
    const admit = { net: NET, party: IDS.stranger, roles: ["user"] };
    await expectRefusal(network.send("bureau", "party.admit", admit), "ROLE_REQUIRED");
    await expectRefusal(network.send("regulator", "party.admit", admit), "STATE_CONFLICT");
    await expectRefusal(network.send("bureau", "party.suspend", { net: NET, party: IDS.stranger }), "ROLE_REQUIRED");
    await network.send("regulator", "party.suspend", { net: NET, party: IDS.stranger });
    await expectRefusal(network.registerResource("stranger", "res/x"), "PARTY_INACTIVE");
    await network.send("regulator", "party.resume", { net: NET, party: IDS.stranger });
    expect(network.party("stranger")?.state).to.equal("active");
  });

  it("rotation needs possession of the new key, and ends the old one at its commit", async () => {
    const next = actor(IDS.insurer);
    const payload = { ...newKey(next), retire: network.actors.insurer.kid.split("#")[1] };
    const thief = actor(IDS.insurer);
    await expectRefusal(
      network.send("insurer", "party.rotateKey", { ...payload, possession: possession(thief) }),
      "SIGNATURE_INVALID",
    );
    await expectRefusal(network.send("bureau", "party.rotateKey", payload), "ROLE_REQUIRED");
    await network.send("insurer", "party.rotateKey", payload);
    network.nowMs += 1;
    await expectRefusal(network.send("insurer", "party.rotateKey", newKey(actor(IDS.insurer))), "KEY_INVALID");
    await expectRefusal(network.send(next, "party.rotateKey", newKey(next)), "STATE_CONFLICT");
    await expectRefusal(
      network.send(next, "party.rotateKey", { ...newKey(actor(IDS.insurer)), retire: "A".repeat(43) }),
      "KEY_INVALID",
    );
  });

  it("a recovery key replaces keys and does nothing else; a compromised key is dead at once", async () => {
    const recovery = actor(IDS.insurer);
    await network.send("insurer", "party.rotateKey", newKey(recovery, "recovery"));
    const print = network.actors.insurer.kid.split("#")[1];
    const since = new Date(network.nowMs - 1000).toISOString();
    await expectRefusal(
      network.send(recovery, "resource.register", resourcePayload("insurer", "res/x")),
      "KEY_INVALID",
    );
    await expectRefusal(
      network.send(recovery, "party.compromiseKey", {
        net: NET,
        party: IDS.insurer,
        thumbprint: print,
        since: new Date(network.nowMs + 1000).toISOString(),
      }),
      "MALFORMED",
    );
    await expectRefusal(
      network.send("bureau", "party.compromiseKey", { net: NET, party: IDS.insurer, thumbprint: print, since }),
      "ROLE_REQUIRED",
    );
    await network.send(recovery, "party.compromiseKey", { net: NET, party: IDS.insurer, thumbprint: print, since });
    await expectRefusal(network.registerResource("insurer", "res/x"), "KEY_INVALID");
  });

  it("a key's window neither begins in the past nor is empty", async () => {
    const next = actor(IDS.insurer);
    const dated = (from: number, until: number) => ({
      ...newKey(next),
      key: { ...newKey(next).key, from: new Date(from).toISOString(), until: new Date(until).toISOString() },
    });
    const { nowMs } = network;
    await expectRefusal(network.send("insurer", "party.rotateKey", dated(nowMs - 1, nowMs + 10)), "BACKDATED");
    await expectRefusal(network.send("insurer", "party.rotateKey", dated(nowMs + 10, nowMs + 10)), "MALFORMED");
  });
});

const base = (key: Actor) => ({
  net: NET,
  party: key.party,
  kind: "org",
  roles: ["user"],
  jurisdiction: "CN",
  home: "HolderMSP",
  key: { jwk: key.jwk, purpose: "act", custody: "self" },
});

describe("contracts: resources", () => {
  let network: TestNetwork;
  beforeEach(async () => {
    network = await TestNetwork.begin();
  });
  const amend = (id: string, version: number) => {
    const { kind: _kind, steward: _steward, servedBy: _servedBy, logs: _logs, ...rest } = resourcePayload("bureau", id);
    return { ...rest, resource: id, version, responsibleHead: "A".repeat(43) };
  };

  it("states basis and responsible head, a grade not below its fields', fields that exist", async () => {
    const send = (change: object) => network.registerResource("bureau", "res/a", change);
    const { basis: _basis, ...without } = { ...resourcePayload("bureau", "res/a"), responsibleHead: "A".repeat(43) };
    await expectRefusal(network.send("bureau", "resource.register", without), "BASIS_MISSING");
    await expectRefusal(
      network.send("bureau", "resource.register", resourcePayload("bureau", "res/a")),
      "BASIS_MISSING",
    );
    await expectRefusal(send({ grade: { standard: "GB/T 43697-2024", level: "general-1" } }), "GRADE_TOO_LOW");
    await expectRefusal(send({ rangeField: "nope" }), "MALFORMED");
    await expectRefusal(send({ servedBy: "NowhereMSP" }), "MALFORMED");
    await expectRefusal(send({ servedBy: "ExchangeMSP" }), "MALFORMED");
    await expectRefusal(send({ steward: IDS.insurer }), "ROLE_REQUIRED");
    await expectRefusal(send({ licence: "later" }), "MALFORMED", "FIELD_UNKNOWN");
    await send({});
    await expectRefusal(send({}), "STATE_CONFLICT");
  });

  it("a registrar registers for a steward, who must be active", async () => {
    const payload = { ...resourcePayload("bureau", "res/b"), responsibleHead: "A".repeat(43) };
    await network.send("regulator", "resource.register", payload);
    await network.send("regulator", "party.suspend", { net: NET, party: IDS.insurer });
    await expectRefusal(
      network.send("regulator", "resource.register", { ...payload, resource: "res/c", steward: IDS.insurer }),
      "PARTY_INACTIVE",
    );
  });

  it("一数一源: a second source of an element class is pointed to the first", async () => {
    await network.registerResource("bureau", "res/a", { sourceOf: ["rain.daily"] });
    const error = await expectRefusal(
      network.registerResource("insurer", "res/b", { sourceOf: ["rain.daily"] }),
      "SOURCE_CONFLICT",
      "res/a",
    );
    expect(error.message).to.contain("res/a");
  });

  it("a product has parents or an origin; parents are granted to derive, and not of a higher grade", async () => {
    await network.registerResource("bureau", "res/a");
    const granted = await network.granted("insurer", "res/a", "bureau", { terms: terms({ actions: ["derive"] }) });
    const product = (change: object) =>
      network.registerResource("insurer", "prd/index", { kind: "product", ...change });
    const lineage = (grant: string, resource = "res/a@1") => ({ lineage: [{ resource, grant }] });
    await expectRefusal(product({}), "LINEAGE_MISSING");
    await expectRefusal(product(lineage(granted, "res/zzz@1")), "LINEAGE_MISSING");
    await expectRefusal(product(lineage(granted, "res/a@2")), "LINEAGE_MISSING");
    await expectRefusal(product(lineage(randomUUID())), "LINEAGE_UNGRANTED");
    const queryOnly = await network.granted("insurer", "res/a", "bureau");
    await expectRefusal(product(lineage(queryOnly)), "LINEAGE_UNGRANTED");
    const fields = [{ name: "day", type: "date", grade: "general-1" }];
    const low = { standard: "GB/T 43697-2024", level: "general-1" };
    await expectRefusal(product({ ...lineage(granted), fields, grade: low }), "GRADE_TOO_LOW");
    await product(lineage(granted));
    await network.registerResource("insurer", "prd/own", { kind: "product", originDeclaration: "own observations" });
    await network.stop("bureau", "grant.revoke", granted);
    await expectRefusal(
      network.registerResource("insurer", "prd/second", { kind: "product", ...lineage(granted) }),
      "LINEAGE_UNGRANTED",
    );
  });

  it("versions follow one another; suspension stops amendments and is the steward's or regulator's", async () => {
    await network.registerResource("bureau", "res/a");
    await expectRefusal(network.send("bureau", "resource.amend", amend("res/a", 3)), "STATE_CONFLICT");
    await expectRefusal(network.send("insurer", "resource.amend", amend("res/a", 2)), "ROLE_REQUIRED");
    await network.send("bureau", "resource.amend", amend("res/a", 2));
    expect(network.resource("res/a")).to.include({ version: 2, n: 2, steward: IDS.bureau });
    await expectRefusal(network.send("insurer", "resource.suspend", { net: NET, resource: "res/a" }), "ROLE_REQUIRED");
    await network.send("regulator", "resource.suspend", { net: NET, resource: "res/a" });
    await expectRefusal(network.send("bureau", "resource.amend", amend("res/a", 3)), "STATE_CONFLICT");
    await expectRefusal(network.request("insurer", "res/a", "bureau"), "RESOURCE_SUSPENDED");
    expect(await network.decide(await network.access("insurer", { resource: "res/a" }))).to.deep.equal([
      "RESOURCE_SUSPENDED",
    ]);
    await network.send("bureau", "resource.resume", { net: NET, resource: "res/a" });
    expect(network.resource("res/a")?.state).to.equal("registered");
    await expectRefusal(network.send("bureau", "resource.resume", { net: NET, resource: "res/none" }), "ROLE_REQUIRED");
  });

  it("code lists of the network bind classes and purposes", async () => {
    const value = JSON.parse(network.state.values.get("network") ?? "{}") as object;
    network.state.values.set(
      "network",
      JSON.stringify({ ...value, codeLists: { classes: ["weather.daily"], purposes: ["x"] } }),
    );
    await network.registerResource("bureau", "res/a");
    await expectRefusal(network.registerResource("bureau", "res/b", { class: "other" }), "MALFORMED");
    await expectRefusal(network.request("insurer", "res/a", "bureau"), "MALFORMED");
    expect(LOG).to.contain(NET);
  });
});
