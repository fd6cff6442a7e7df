import "./quiet.js";
import { createServer } from "node:net";
import { common, msp as mspProtos } from "@hyperledger/fabric-protos";
import { expect } from "chai";
import { Shim } from "fabric-shim";
import type { ContractTable } from "../contracts/index.js";
import { decodeError, encodeError, QuanjiError } from "../domain/index.js";
import { FakePeer } from "../testing/fake-peer.js";
import type { World } from "../world/index.js";
import { PRIVATE_DATA_MISSING } from "./fabric-world.js";
import { peersOfAll } from "./key-policy.js";
import { hush } from "./quiet.js";
import { Service } from "./service.js";

const HOLDER = "org-HolderMSP";
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });

/** What the next transaction does. */
let script: (world: World, ...args: string[]) => Promise<string>;
const contracts: readonly ContractTable[] = [
  { name: "probe", functions: { run: (world, ...args) => script(world, ...args) } },
];

for (const peerBatches of [false, true])
  describe(`fabric: the world over a peer${peerBatches ? ", many keys a message" : ""}`, () => {
    let fake: FakePeer;
    let server: { start(): Promise<void>; readonly _server: { forceShutdown(): void } };
    const reported: string[] = [];
    const run = (
      next: typeof script,
      options: Partial<Parameters<FakePeer["call"]>[0]> = {},
    ): ReturnType<FakePeer["call"]> => {
      script = next;
      return fake.call({ args: ["probe:run"], timestampMs: NOW, ...options });
    };

    before(async () => {
      process.env["CORE_PEER_LOCALMSPID"] = "RegulatorMSP";
      const address = `127.0.0.1:${await freePort()}`;
      const report = (name: string, error: unknown) => void reported.push(`${name} ${String(error)}`);
      const service = new Service({ contracts, clock: () => 42, peerBatches, report });
      hush((name) => Shim.newLogger(name));
      server = Shim.server(service, { ccid: "quanji:1", address } as never) as unknown as typeof server;
      await server.start();
      fake = new FakePeer(address);
      expect(await fake.registered).to.equal("quanji:1");
    });
    after(() => {
      fake.close();
      server._server.forceShutdown(); // the shim has no call for it
    });
    beforeEach(() => {
      fake.state.clear();
      fake.refused.clear();
      reported.length = 0;
    });

    it("shows who submits, who endorses, when, and both clocks", async () => {
      const answer = await run(
        (world, argument) => {
          const { submitterMsp, endorserMsp, timestampMs, txId } = world;
          return Promise.resolve(
            JSON.stringify([submitterMsp, endorserMsp, timestampMs, txId.length, world.clock(), argument]),
          );
        },
        { args: ["probe:run", "{}"], submitterMsp: "HolderMSP" },
      );
      expect(JSON.parse(answer.payload)).to.deep.equal(["HolderMSP", "RegulatorMSP", NOW, 64, 42, "{}"]);
      expect(answer.status).to.equal(200);
    });

    it("reads public, private and transient values, and tells absent from present", async () => {
      fake.state.set("/a", "1").set(`${HOLDER}/a`, "密");
      const answer = await run(
        async (world) =>
          JSON.stringify([
            await world.get("a"),
            (await world.get("b")) ?? "absent",
            await world.getPrivate(HOLDER, "a"),
            (await world.getPrivate(HOLDER, "b")) ?? "absent",
            world.transient("t"),
            world.transient("u") ?? "absent",
          ]),
        { transient: { t: "通" } },
      );
      expect(JSON.parse(answer.payload)).to.deep.equal(["1", "absent", "密", "absent", "通", "absent"]);
    });

    it("writes, and never sees what it wrote", async () => {
      fake.state.set("/a", "1");
      const { payload, writes, event } = await run(async (world) => {
        await world.put("a", "2");
        await world.putPrivate(HOLDER, "a", "3");
        world.emit("leaves", "[]");
        return `${await world.get("a")} ${await world.getPrivate(HOLDER, "a")}`;
      });
      expect(payload).to.equal("1 undefined");
      expect([...writes]).to.deep.equal([
        ["/a", "2"],
        [`${HOLDER}/a`, "3"],
      ]);
      expect(event).to.deep.equal({ name: "leaves", payload: "[]" });
    });

    it("purges private keys, and nothing that is public", async () => {
      const { writes } = await run(async (world) => {
        await world.putPrivate(HOLDER, "a", "1");
        await world.purgePrivate(HOLDER, "a");
        await world.purgePrivate(HOLDER, "b");
        await world.putPrivate(HOLDER, "b", "2");
        return "{}";
      });
      expect([...writes]).to.deep.equal([
        [`${HOLDER}/a`, undefined],
        [`${HOLDER}/b`, "2"],
      ]);
      const { message } = await run((world) => world.purgePrivate("", "a").then(() => "{}"));
      expect(decodeError(message)?.code).to.equal("INTERNAL");
    });

    it(`asks ${peerBatches ? "once for keys that are wanted together" : "for one key at a time"}`, async () => {
      fake.state.set("/a", "1").set("/b", "2").set(`${HOLDER}/a`, "3");
      const before = fake.messages;
      const { payload, writes } = await run(async (world) => {
        const found = await Promise.all([
          world.get("a"),
          world.get("c"),
          world.getPrivate(HOLDER, "a"),
          world.get("b"),
          world.get("a"),
        ]);
        for (let n = 0; n < 1500; n++) await world.put(`k${n}`, `${n}`);
        await world.put("k0", "again");
        return found.join();
      });
      expect(payload).to.equal("1,,3,2,1");
      expect([writes.size, writes.get("/k0"), writes.get("/k1499")]).to.deep.equal([1500, "again", "1499"]);
      expect(fake.messages - before).to.equal(peerBatches ? 4 : 1506);
    });

    it("tells a peer's refusal to write", async () => {
      fake.refused.set(`${HOLDER}/a`, "tx creator does not have write access permission");
      const { status, message } = await run(async (world) => {
        await world.putPrivate(HOLDER, "a", "1");
        return "{}";
      });
      expect([status, decodeError(message)?.code]).to.deep.equal([500, "INTERNAL"]);
      expect(reported.join()).to.contain("write access");
    });

    it("sets policies over peers of all the organisations named, whatever their order", async () => {
      const { policies } = await run(async (world) => {
        await world.setKeyPolicy("log/1", ["RegulatorMSP", "HolderMSP", "HolderMSP"]);
        return "{}";
      });
      expect(policies.get("log/1")).to.deep.equal(peersOfAll(["HolderMSP", "RegulatorMSP"]));
      const envelope = common.SignaturePolicyEnvelope.deserializeBinary(policies.get("log/1") ?? new Uint8Array());
      const all = envelope.getRule()?.getNOutOf();
      expect(all?.getN()).to.equal(2);
      expect(all?.getRulesList().map((rule) => rule.getSignedBy())).to.deep.equal([0, 1]);
      const roles = envelope
        .getIdentitiesList()
        .map((principal) => mspProtos.MSPRole.deserializeBinary(principal.getPrincipal_asU8()));
      expect(roles.map((role) => [role.getMspIdentifier(), role.getRole()])).to.deep.equal([
        ["HolderMSP", mspProtos.MSPRole.MSPRoleType.PEER],
        ["RegulatorMSP", mspProtos.MSPRole.MSPRoleType.PEER],
      ]);
    });

    it("lets a contract's refusal out as it is, and tells nobody else", async () => {
      const refusal = encodeError(new QuanjiError("STATE_CONFLICT", "it exists", { field: "id", record: 3 }));
      const { status, message, writes } = await run(() => Promise.reject(new Error(refusal)));
      expect([status, message, writes.size]).to.deep.equal([500, refusal, 0]);
      const plain = await run(() =>
        Promise.reject(new QuanjiError("STATE_CONFLICT", "it exists", { field: "id", record: 3 })),
      );
      expect(plain.message).to.equal(refusal);
      expect(reported).to.deep.equal([]);
    });

    for (const [what, fails] of [
      ["an engine's error", () => Promise.reject(new TypeError("secret 42"))],
      ["an answer that is no text", () => Promise.resolve(undefined as unknown as string)],
      ["an empty key", (world: World) => world.get("").then(() => "{}")],
      ["a composite key", (world: World) => world.get("\0a").then(() => "{}")],
      ["an empty value", (world: World) => world.put("a", "").then(() => "{}")],
      ["a value that is not well-formed", (world: World) => world.put("a", "\ud800").then(() => "{}")],
      ["a policy of nobody", (world: World) => world.setKeyPolicy("a", []).then(() => "{}")],
      [
        "an event without a name",
        (world: World) => {
          world.emit("", "");
          return Promise.resolve("{}");
        },
      ],
    ] as const) {
      it(`answers INTERNAL for ${what}, without its words, and reports it`, async () => {
        const { status, message } = await run(fails);
        expect(status).to.equal(500);
        expect(decodeError(message)?.code).to.equal("INTERNAL");
        expect(message).not.to.contain("secret");
        expect(reported).to.have.length(1);
      });
    }

    it("answers INTERNAL for a function that there is not", async () => {
      const { message } = await fake.call({ args: ["probe:walk"] });
      expect(decodeError(message)?.code).to.equal("INTERNAL");
    });

    it("refuses what a contract did after it swallowed a refusal", async () => {
      fake.refused.set(`${HOLDER}/a`, "tx creator does not have read access permission");
      const { status, message } = await run(async (world) => {
        await world.getPrivate(HOLDER, "a").catch(() => undefined);
        await world.put("a", "1");
        return "{}";
      });
      expect([status, decodeError(message)?.code]).to.deep.equal([500, "INTERNAL"]);
    });

    it("names a private value that this peer misses, for that is nobody's fault", async () => {
      fake.refused.set(
        `${HOLDER}/a`,
        "GET_STATE failed: private data matching public hash version is not available. Public hash version = 1",
      );
      const { message } = await run(async (world) => (await world.getPrivate(HOLDER, "a")) ?? "");
      expect(message).to.equal(PRIVATE_DATA_MISSING);
      expect(reported).to.deep.equal([]);
    });

    it("lets nothing happen after a transaction has ended", async () => {
      let late: World | undefined;
      await run((world) => {
        late = world;
        return Promise.resolve("{}");
      });
      const error = await late?.put("a", "1").catch((thrown: unknown) => thrown);
      expect(String(error)).to.contain("over");
    });
  });
