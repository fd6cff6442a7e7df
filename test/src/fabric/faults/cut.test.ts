/** Organisations on hosts of their own, with their peers and an orderer each: cut off from the others under load, and back. */
import { BUNDLE, City } from "../support/city.js";
import { Hosted, hostOf } from "../support/hosted.js";
import { mayMakeHosts } from "../support/hosts.js";

const PORT = 8080;

for (const topology of ["raft", "bft"]) {
  describe(`faults under load on ${topology} over several hosts: an organisation is cut off`, () => {
    let hosted: Hosted | undefined;
    let city: City | undefined;

    before(async function () {
      if (!mayMakeHosts()) {
        process.stdout.write("      skipped: making network namespaces needs root\n");
        this.skip();
      }
      hosted = await Hosted.up(topology, BUNDLE);
      const { hosts, network } = hosted;
      const host = hosts.reachFromHere();
      const holder = hostOf("holder");
      city = await City.on(network, {
        audit: await hosted.profileFromHere("regulator"),
        host,
        elsewhere: { through: hosts.on(holder), address: `http://${hosts.addressOf(holder)}:${PORT}` },
      });
    });
    after(async () => {
      await city?.[Symbol.asyncDispose]();
      await hosted?.[Symbol.asyncDispose]();
    });

    for (const [organisation, out] of [
      ["exchange", false],
      ["regulator", true],
      ["holder", true],
    ] as const) {
      it(organisation, async () => {
        const hosts = hosted?.hosts;
        await city?.under({
          name: `${organisation} cut off`,
          strike: () => Promise.resolve(hosts?.cut(hostOf(organisation))),
          out,
          mend: () => Promise.resolve(hosts?.heal(hostOf(organisation))),
        });
      });
    }

    it("all parties' trails verify in the end", () => city?.conclude());
  });
}
