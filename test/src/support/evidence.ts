/** Evidence of every kind, by file name, from a stage where something happened. */
import { IDS, RESOURCE, type Stage } from "./stage.js";
import { until } from "./until.js";

export async function collectEvidence(stage: Stage): Promise<ReadonlyMap<string, string>> {
  const grant = await stage.granted();
  const insurer = await stage.client("insurer");
  const permit = await stage.use("insurer", stage.access(grant, { query: { limit: 2 } }));
  const denial = await stage.use("insurer", stage.access(grant, { purpose: "marketing" }));
  const { request = "" } = permit;
  const delivery = await until(async () => (await insurer.receipt(request)).delivery);
  const denied = await insurer.receipt(denial.request ?? "");
  return new Map([
    ["permit.receipt.json", JSON.stringify((await insurer.receipt(request)).access.jws)],
    ["delivery.receipt.json", JSON.stringify(delivery.jws)],
    ["denial.receipt.json", JSON.stringify(denied.access.jws)],
    ["grant.trail.ndjson", await stage.trail("bureau", "grant", grant)],
    ["resource.trail.ndjson", await stage.trail("regulator", "resource", RESOURCE)],
    ["party.trail.ndjson", await stage.trail("insurer", "party", IDS.insurer)],
  ]);
}
