import { expect } from "chai";
import { randomUUID } from "node:crypto";
import { canonical, fromUtf8, fromBase64url } from "../log/index.js";
import { actor, committed, signCommand } from "../testing/actors.js";
import { expectRefusal } from "../testing/expect.js";
import { IDS, LOG, NET, TestNetwork, URL_BASE } from "../testing/test-network.js";

describe("contracts: commands", () => {
  let network: TestNetwork;
  const suspend = { net: NET, party: IDS.stranger };
  beforeEach(async () => {
    network = await TestNetwork.begin();
  });

  it("a command is believed once: the same jti again is COMMAND_REPLAYED", async () => {
    const command = await network.sign("regulator", "party.suspend", suspend);
    await network.submit("party.suspend", command);
    await expectRefusal(network.submit("party.suspend", command), "COMMAND_REPLAYED");
  });

  it("G2 a gateway that re-addresses a command is refused", async () => {
    const url = "https://other.test/v1/commands/party.suspend";
    await expectRefusal(network.send("regulator", "party.suspend", suspend, { url }), "COMMAND_MISDIRECTED");
    const other = `${URL_BASE}/v1/commands/party.resume`;
    await expectRefusal(network.send("regulator", "party.suspend", suspend, { url: other }), "COMMAND_MISDIRECTED");
  });

  it("G2 a gateway of another organisation cannot submit under this gateway's name", async () => {
    const sent = network.send("regulator", "party.suspend", suspend, { submitterMsp: "ExchangeMSP" });
    await expectRefusal(sent, "COMMAND_MISDIRECTED");
    await expectRefusal(
      network.send("regulator", "party.suspend", suspend, { gateway: "nobody" }),
      "COMMAND_MISDIRECTED",
    );
  });

  it("a command of another network is refused", async () => {
    const sent = network.send("regulator", "party.suspend", { ...suspend, net: "quanji.test/other" });
    await expectRefusal(sent, "COMMAND_MISDIRECTED", "NETWORK_MISMATCH");
  });

  it("a stale command is refused", async () => {
    const iat = Math.floor(network.nowMs / 1000) - 121;
    await expectRefusal(network.send("regulator", "party.suspend", suspend, { iat }), "COMMAND_STALE");
  });

  it("an endorser refuses a transaction time that its own clock does not confirm", async () => {
    const before = network.nowMs;
    const command = await network.sign("regulator", "party.suspend", suspend);
    const { createChaincode } = await import("./index.js");
    const { nodeVerifier } = await import("../world/index.js");
    const { memoryWorld } = await import("../testing/memory-world.js");
    const { world } = memoryWorld(network.state, {
      timestampMs: before,
      clockMs: before + 30_001,
      transient: { command: JSON.stringify(command) },
    });
    const parties = createChaincode({ verify: nodeVerifier() }).find(({ name }) => name === "parties");
    await expectRefusal(parties!.functions["submit"]!(world, canonical({ gateway: "holder" })), "NOT_RECORDED");
  });

  it("G2 nobody signs for another: unregistered keys, other parties' keys, other algorithms", async () => {
    const forged = actor(IDS.regulator);
    await expectRefusal(network.send(forged, "party.suspend", suspend), "SIGNATURE_INVALID");
    const url = `${URL_BASE}/v1/commands/party.suspend`;
    const iat = Math.floor(network.nowMs / 1000);
    const { kid } = network.actors.regulator;
    const asRegulator = await signCommand(network.actors.bureau, "party.suspend", suspend, {
      url,
      iat,
      header: { kid },
    });
    await expectRefusal(network.submit("party.suspend", asRegulator), "SIGNATURE_INVALID");
    const swapped = await signCommand(network.actors.regulator, "party.suspend", suspend, {
      url,
      iat,
      header: { alg: network.actors.regulator.jwk.kty === "EC" ? "EdDSA" : "ES256" },
    });
    await expectRefusal(network.submit("party.suspend", swapped), "SIGNATURE_INVALID");
  });

  it("a changed payload does not verify", async () => {
    const command = await network.sign("regulator", "party.suspend", suspend);
    const payload = fromUtf8(fromBase64url(command.payload)).replace(IDS.stranger, IDS.insurer);
    const changed = { ...command, payload: Buffer.from(payload).toString("base64url") };
    await expectRefusal(network.submit("party.suspend", changed), "SIGNATURE_INVALID");
  });

  it("an access signed for its own route cannot be played as a command", async () => {
    const command = await network.sign("regulator", "access", suspend, {
      url: `${URL_BASE}/v1/commands/party.suspend`,
    });
    await expectRefusal(network.submit("party.suspend", command), "MALFORMED", "TYP_MISMATCH");
    const order = await network.sign("regulator", "order.lift", {
      net: NET,
      order: randomUUID(),
      ground: "A".repeat(43),
    });
    await expectRefusal(network.submit("party.suspend", order), "MALFORMED", "TYP_MISMATCH");
  });

  it("openings must match the command's commitments", async () => {
    const jti = randomUUID();
    const { kid } = network.actors.regulator;
    const right = committed(kid, jti, "ground", "late fees");
    const wrong = committed(kid, jti, "ground", "another reason");
    const send = (openings: unknown) =>
      network.send(
        "regulator",
        "party.suspend",
        { ...suspend, ground: right.commitment },
        {
          jti,
          transient: { openings: JSON.stringify(openings) },
        },
      );
    await expectRefusal(send(wrong.openings), "MALFORMED", "COMMITMENT_MISMATCH");
    await expectRefusal(send({ reason: right.openings["ground"] }), "MALFORMED");
    await expectRefusal(send([]), "MALFORMED");
    await send(right.openings);
    expect(network.party("stranger")?.state).to.equal("suspended");
  });

  it("G8 openings go to the submitter's collection and nowhere public", () => {
    const values = [...network.state.values].filter(([key]) => !key.startsWith("org-")).map(([, value]) => value);
    expect(values.some((value) => value.includes("somebody"))).to.equal(false);
    const hidden = [...network.state.values]
      .filter(([key]) => key.startsWith("org-HolderMSP"))
      .map(([, value]) => value);
    expect(hidden.some((value) => value.includes("somebody"))).to.equal(true);
  });

  it("bad arguments and transient data are MALFORMED, never engine errors", async () => {
    const command = await network.sign("regulator", "party.suspend", suspend);
    const run = (argument: string, transient: Record<string, string>) =>
      network.run("parties:submit", argument, { transient });
    const good = { command: JSON.stringify(command) };
    await expectRefusal(run("", good), "MALFORMED");
    await expectRefusal(run("{}", good), "MALFORMED");
    await expectRefusal(run('{"gateway":"holder","more":1}', good), "MALFORMED", "FIELD_UNKNOWN");
    for (const text of ["", "null", "7", "[]", "{}", "{", '{"payload":"","protected":"","signature":""}']) {
      await expectRefusal(run(canonical({ gateway: "holder" }), { command: text }), "MALFORMED");
    }
    await expectRefusal(run(canonical({ gateway: "holder" }), {}), "MALFORMED");
  });

  it("the network begins once, and only for organisations that it lists", async () => {
    const init = (change: object) =>
      network.send("regulator", "network.init", {
        net: NET,
        timeZone: "+08:00",
        testClock: false,
        regulator: {
          party: IDS.regulator,
          msp: "RegulatorMSP",
          name: "X",
          jurisdiction: "CN",
          jwk: network.actors.regulator.jwk,
        },
        msps: ["RegulatorMSP", "HolderMSP"],
        gateways: [{ name: "holder", msp: "HolderMSP", publicUrl: URL_BASE, jwk: actor("holder", "EdDSA").jwk }],
        ...change,
      });
    await expectRefusal(init({}), "STATE_CONFLICT");
    network.state.values.clear();
    await expectRefusal(init({ msps: ["HolderMSP"] }), "MALFORMED");
    await expectRefusal(network.send("regulator", "party.suspend", suspend), "COMMAND_MISDIRECTED");
  });

  it("gateways and logs are listed by the regulator alone", async () => {
    const gateway = { name: "exchange", msp: "ExchangeMSP", publicUrl: "https://x.test", jwk: actor("x", "EdDSA").jwk };
    await expectRefusal(network.send("bureau", "gateway.register", { net: NET, gateway }), "ROLE_REQUIRED");
    await expectRefusal(
      network.send("regulator", "gateway.register", { net: NET, gateway: { ...gateway, msp: "OtherMSP" } }),
      "MALFORMED",
    );
    await network.send("regulator", "gateway.register", { net: NET, gateway });
    await expectRefusal(network.send("regulator", "gateway.register", { net: NET, gateway }), "STATE_CONFLICT");
    const log = { net: NET, log: `${NET}/exchange/0`, gateway: "exchange", vkey: "v" };
    await expectRefusal(network.send("regulator", "log.create", { ...log, gateway: "holder" }), "MALFORMED");
    await expectRefusal(
      network.send("regulator", "log.create", { ...log, log: LOG, gateway: "holder" }),
      "STATE_CONFLICT",
    );
    await expectRefusal(
      network.send("regulator", "log.create", log, {
        submitterMsp: "ExchangeMSP",
        gateway: "exchange",
        url: "https://x.test/v1/commands/log.create",
      }),
      "MALFORMED",
    );
    expect(network.state.policies.get(`log/${LOG}`)).to.deep.equal(["HolderMSP", "RegulatorMSP"]);
    expect(network.state.policies.get("orders")).to.deep.equal(["RegulatorMSP"]);
  });

  it("a clock moves only on a test network, only forward, only by the regulator", async () => {
    const set = (target: TestNetwork, by: "regulator" | "bureau", offsetMs: number) =>
      target.send(by, "clock.set", { net: NET, offsetMs });
    await expectRefusal(set(network, "regulator", 1000), "NOT_FOUND");
    const test = await TestNetwork.begin({ testClock: true });
    await expectRefusal(set(test, "bureau", 1000), "ROLE_REQUIRED");
    await set(test, "regulator", 1000);
    await expectRefusal(set(test, "regulator", 1000), "STATE_CONFLICT");
    await test.send("regulator", "clock.set", { net: NET, offsetMs: 2000 }, { iat: Math.floor(test.nowMs / 1000) + 1 });
    expect(test.get("clock")).to.deep.equal({ offsetMs: 2000 });
  });
});
