/** The ledger of this run: embedded, unless `npm run scenarios` says otherwise. */
import { EMBEDDED, type Ground } from "../../support/ground.js";

export async function groundOfRun(): Promise<{ readonly ground: Ground; readonly title: string }> {
  if (process.env["QUANJI_SCENARIOS"] !== "fabric") return { ground: EMBEDDED, title: "" };
  // Loaded where it is needed: it brings Fabric's clients with it.
  const { onFabric } = await import("../../fabric/support/ground.js");
  const ground = onFabric("fabric-gateway");
  return { ground, title: ground.on };
}
