import { decodeError } from "@quanji/chaincode/domain";
import { actor, NET, TestNetwork } from "@quanji/chaincode/testing";
import { expect } from "chai";
import { MARKET_MAKERS } from "./contracts/market-drafts.js";
import type { PairedNetwork } from "./contracts/paired-network.js";
import { GATEWAYS, Scene } from "./contracts/scene.js";
import { type CommandVerb, MAKERS } from "./contracts/drafts.js";
import { sendingOf } from "./contracts/signing.js";
import { sendingAtRandom } from "./contracts/transactions.js";
import { Dice } from "./dice.js";

const DRAWS = 1_500;

describe("what is made up at random for both ledgers", () => {
  const dice = Dice.roll();

  it(`is accepted or refused with a code, and never a fault, over a memory (QUANJI_SEED=${dice.seed})`, async () => {
    const network = await TestNetwork.begin({ testClock: true });
    for (const { name, msp, url: publicUrl } of [GATEWAYS.exchange, GATEWAYS.regulator]) {
      const gateway = { name, msp, publicUrl, jwk: actor(name, "EdDSA").jwk };
      await network.send("regulator", "gateway.register", { net: NET, gateway });
    }
    // Whatever a scene asks of a network it finds here.
    const scene = new Scene(network as unknown as PairedNetwork, dice);
    const market = Object.keys(MARKET_MAKERS) as CommandVerb[];
    const codes = new Set<string>();
    for (let n = 0; n < DRAWS; n++) {
      const verb = dice.one(market);
      const draft = dice.once(2) ? MAKERS[verb](scene) : undefined;
      const { msp, request } = draft === undefined ? sendingAtRandom(scene) : sendingOf(scene, verb, draft);
      const { name, args, transient = {} } = request;
      const code = await network
        .run(name, args[0] ?? "", { transient, submitterMsp: msp, endorserMsp: msp })
        .then(() => "done")
        .catch((error: unknown) => decodeError(error instanceof Error ? error.message : "")?.code ?? String(error));
      codes.add(code);
      network.nowMs += 500;
    }
    const faults = [...codes].filter(
      (code) => code === "INTERNAL" || !/^([A-Z_]+|done|Error: no transaction .*)$/.test(code),
    );
    expect(faults).to.deep.equal([]);
    expect([...codes]).to.include.members(["done", "MALFORMED", "NOT_FOUND", "STATE_CONFLICT"]);
  });
});
