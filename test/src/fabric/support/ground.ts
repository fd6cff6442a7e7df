/** A Fabric network for each stage: a channel holds one network of Quanji's, and every suite begins its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type ClientName, CLIENTS, openFabricLedger, readProfile } from "@quanji/gateway/fabric";
import type { Ledger } from "@quanji/gateway/testing";
import { deploy } from "../../conformance/network.js";
import type { Base, Ground } from "../../support/ground.js";
import { until } from "../../support/until.js";
import { spreadOf } from "./spread.js";

/** `LEDGER_CLIENT` puts one connector under all suites. */
const FORCED = CLIENTS.find((client) => client === process.env["LEDGER_CLIENT"]);

/** @param ordering `raft` is a network of the topology `small`, `bft` one of its own name */
export function onFabric(asked: ClientName, ordering: "raft" | "bft" = "raft"): Ground {
  const client = FORCED ?? asked;
  const on = `, on Fabric${ordering === "bft" ? " with SmartBFT" : ""} through ${client}`;
  return { ledger: "fabric", on, lay: () => layFabric(client, ordering === "bft" ? "bft" : "small") };
}

async function layFabric(client: ClientName, topologyName: string): Promise<Base> {
  const deployed = await deploy(topologyName);
  const { layout, topology } = deployed.network;
  const folder = await mkdtemp(path.join(tmpdir(), "quanji-clients-"));
  const opened: Ledger[] = [];
  const open = async (msp: string): Promise<Ledger> => {
    const organisation = topology.organisations.find((one) => one.msp === msp)?.name ?? "";
    const profile = await readProfile(layout.profile(organisation));
    const own = path.join(folder, `${msp}-${opened.length}`);
    const report = (what: string, error: unknown): void => void process.stderr.write(`${what}: ${String(error)}\n`);
    const ledger = await openFabricLedger({ profile, folder: own, client, report });
    opened.push(ledger);
    return ledger;
  };
  let others: Promise<readonly Ledger[]> | undefined;
  return {
    config: { ledger: "fabric", fabric: { profile: layout.profile("holder"), client } },
    network: deployed.network,
    spread: () => spreadOf(deployed.network),
    open,
    async settled(height) {
      others ??= Promise.all(["RegulatorMSP", "ExchangeMSP"].map(open));
      for (const other of await others) await until(async () => (await other.height()) >= height || undefined);
    },
    async close() {
      for (const ledger of opened) await ledger.close();
      await deployed[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
