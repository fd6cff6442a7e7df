import { actor, NET, TestNetwork } from "@quanji/chaincode/testing";
import { expect } from "chai";
import { MARKET_MAKERS } from "./contracts/market-drafts.js";
import type { PairedNetwork } from "./contracts/paired-network.js";
import { GATEWAYS, Scene } from "./contracts/scene.js";
import { sendingAtRandom } from "./contracts/transactions.js";
import { Dice } from "./dice.js";

/** Draws of the random part, and at most. */
const MOST_DRAWS = 6_000;

describe("what is made up at random for both ledgers", () => {
  const dice = Dice.roll();

  it(`makes each command of the market one that is accepted and one that is refused (QUANJI_SEED=${dice.seed})`, async () => {
    const network = await TestNetwork.begin({ testClock: true });
    for (const { name, msp, url: publicUrl } of [GATEWAYS.exchange, GATEWAYS.regulator]) {
      const gateway = { name, msp, publicUrl, jwk: actor(name, "EdDSA").jwk };
      await network.send("regulator", "gateway.register", { net: NET, gateway });
    }
    // Over a memory: whatever a scene asks of a network it finds here.
    const scene = new Scene(network as unknown as PairedNetwork, dice);
    const met = new Map<string, Set<string>>();
    const verbs = Object.keys(MARKET_MAKERS);
    const missing = (): readonly string[] => verbs.filter((verb) => (met.get(verb)?.size ?? 0) < 2);
    for (let n = 0; n < MOST_DRAWS && missing().length > 0; n++) {
      const { msp, request } = sendingAtRandom(scene);
      const typ = verbOf(request.transient?.["command"]);
      const { name, args, transient = {} } = request;
      const outcome = await network
        .run(name, args[0] ?? "", { transient, submitterMsp: msp, endorserMsp: msp })
        .then(() => "accepted")
        .catch(() => "refused");
      network.nowMs += 500;
      met.set(typ, (met.get(typ) ?? new Set()).add(outcome));
    }
    expect(missing()).to.deep.equal([]);
  });
});

function verbOf(command = ""): string {
  try {
    const { protected: header } = JSON.parse(command) as { readonly protected: string };
    const { typ } = JSON.parse(Buffer.from(header, "base64url").toString()) as { readonly typ: string };
    return typ.slice("quanji-".length, -"+jws".length);
  } catch {
    return "";
  }
}
