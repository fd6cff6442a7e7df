/** Reading stored records back. Their bytes come from the chaincode by way of the read model, so they are trusted here. */
import type { AccessBody, DeliveryBody, Rule } from "@quanji/chaincode/domain";
import type { KnownRecord } from "../readmodel/readmodel.js";

/** What every body has, and what an access or delivery has besides. */
export type AnyBody = Pick<AccessBody, "id" | "request" | "requester" | "time"> &
  Partial<Pick<AccessBody, "resource" | "grant">>;

export const accessBodyOf = (record: KnownRecord): AnyBody => JSON.parse(record.stored.body) as AnyBody;

export const accessOf = (record: KnownRecord): AccessBody & { readonly rule: "permit" | Rule } =>
  JSON.parse(record.stored.body) as AccessBody & { readonly rule: "permit" | Rule };

export const deliveryOf = (record: KnownRecord): DeliveryBody => JSON.parse(record.stored.body) as DeliveryBody;
