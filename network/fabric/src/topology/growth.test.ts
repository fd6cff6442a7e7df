import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { essenceOf, growthOf } from "./growth.js";
import { type FabricTopology, parseFabricTopology, readFabricTopology } from "./topology.js";

type Essence = ReturnType<typeof essenceOf>;

describe("network/fabric growth", () => {
  let small: FabricTopology;
  before(async () => (small = await readFabricTopology("small")));

  const changed = (edit: (essence: Essence) => unknown): FabricTopology =>
    parseFabricTopology(edit(structuredClone(essenceOf(small))), "small");

  const bureau = { name: "bureau", msp: "BureauMSP" };
  const withBureau = (essence: Essence): unknown => ({
    ...essence,
    organisations: [...essence.organisations, bureau],
    fabric: {
      ...essence.fabric,
      peers: [...essence.fabric.peers, { name: "peer0", organisation: "bureau", port: 7130 }],
    },
  });

  it("is nothing for the same file", () => {
    expect(
      growthOf(
        small,
        changed((essence) => essence),
      ),
    ).to.deep.equal({ organisations: [], peers: [] });
  });

  it("names the new organisation and its peer", () => {
    const growth = growthOf(small, changed(withBureau));
    expect(growth.organisations).to.deep.equal([bureau]);
    expect(growth.peers.map(({ id }) => id)).to.deep.equal(["peer0.bureau"]);
  });

  const refused: [string, (essence: Essence) => unknown, string][] = [
    ["another channel", (essence) => ({ ...essence, channel: "other" }), "fabric"],
    ["another regulator", (essence) => ({ ...essence, regulator: "HolderMSP" }), "fabric"],
    [
      "other block cutting",
      (essence) => ({ ...essence, fabric: { ...essence.fabric, blocks: { timeoutMs: 50 } } }),
      "fabric",
    ],
    [
      "a peer that moved",
      (essence) => ({
        ...essence,
        fabric: {
          ...essence.fabric,
          peers: essence.fabric.peers.map((peer, index) => (index === 2 ? { ...peer, port: 7300 } : peer)),
        },
      }),
      "fabric.peers",
    ],
  ];
  for (const [what, edit, field] of refused) {
    it(`refuses ${what}, naming ${field}`, () => {
      let error: unknown;
      try {
        growthOf(small, changed(edit));
      } catch (caught) {
        error = caught;
      }
      expect(isQuanjiError(error, "CONFIG_INVALID") && error.field).to.equal(field);
    });
  }

  it("refuses an organisation that left: nobody leaves by a file", () => {
    expect(() => growthOf(changed(withBureau), small)).to.throw(/must keep BureauMSP/);
  });
});
