/** Who uses a product made from somebody's data: the answer for the owner of that data. */
import type { Grant, Resource } from "@quanji/chaincode/domain";
import { collectionOf } from "@quanji/chaincode/world";
import type { z } from "zod";
import type { ReadModel } from "../readmodel/readmodel.js";
import type { DerivedSchema } from "./schemas.js";

type Derived = z.infer<typeof DerivedSchema>["items"][number];

/** Products of products are listed too; more than this many are not. */
const MAX_DERIVED = 1_000;
/** What came into force once: a request that nobody approved is nobody's use. */
const HELD: ReadonlySet<Grant["state"]> = new Set(["active", "suspended", "revoked"]);

/** Nearest first, each once. */
export async function derivedOf(readModel: ReadModel, id: string): Promise<readonly Derived[]> {
  const found = new Map<string, Resource>();
  const open = [id];
  for (let at = open.shift(); at !== undefined && found.size < MAX_DERIVED; at = open.shift()) {
    for (const product of await readModel.derivedFrom(at)) {
      if (found.has(product.id) || product.id === id) continue;
      found.set(product.id, product);
      open.push(product.id);
    }
  }
  return Promise.all([...found.values()].map((product) => answerFor(readModel, product)));
}

async function answerFor(readModel: ReadModel, product: Resource): Promise<Derived> {
  const { id, title, steward, servedBy, lineage = [] } = product;
  const facts = { resource: id, title, steward, parents: lineage.map(({ resource }) => resource) };
  if (collectionOf(servedBy) !== readModel.collection) return facts;
  const grants = (await readModel.grantsOn(id)).filter(({ state }) => HELD.has(state));
  return { ...facts, users: grants.map(({ grantee, id: grant, state }) => ({ grantee, grant, state })) };
}
