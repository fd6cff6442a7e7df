/** This gateway's own reading of what stops a use, between the record that permitted it and the last byte that leaves. */
import { freezeOn, type Grant, type Party, splitVersion, stopDigest } from "@quanji/chaincode/domain";
import { Lru } from "../readmodel/lru.js";
import type { ReadModel } from "../readmodel/readmodel.js";

/** Whether an order, the resource's suspension or a stop of the grant or of an ancestor covers the use. Unknown is stopped. */
export async function isStopped(readModel: ReadModel, grantId: string, requester: Party["id"]): Promise<boolean> {
  const grant = await readModel.grant(grantId);
  if (grant === undefined) return true;
  const { id: resourceId } = splitVersion(grant.resource);
  const [resource, orders, ...ancestors] = await Promise.all([
    readModel.resource(resourceId),
    readModel.orders(),
    ...grant.ancestors.map((id) => readModel.grant(id)),
  ]);
  if (resource?.state !== "registered" || orders === undefined) return true;
  if (orders.entries.length > 0) {
    const grants = [grantId, ...grant.ancestors].map(digestOf);
    if (freezeOn(orders.entries, { resource: resourceId, parties: [requester], grants }) !== undefined) return true;
  }
  const stopped = await Promise.all([grant, ...ancestors].map((each) => isGrantStopped(readModel, each)));
  return stopped.includes(true);
}

/** Digests of grants in use: each access asks for its grant's before every piece of data that leaves. */
const digests = new Lru<string>(10_000);

function digestOf(grantId: string): string {
  const known = digests.get(grantId);
  if (known !== undefined) return known;
  const digest = stopDigest(grantId);
  digests.set(grantId, digest);
  return digest;
}

async function isGrantStopped(readModel: ReadModel, grant: Grant | undefined): Promise<boolean> {
  if (grant?.state !== "active") return true;
  const stop = await readModel.stop(digestOf(grant.id));
  if (stop?.epoch !== grant.epoch) return true;
  return stop.stop !== undefined && stop.stop.signer === grant.grantor;
}
