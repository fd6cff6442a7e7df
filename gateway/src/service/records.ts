/** Reading stored records back. Their bytes come from the chaincode by way of the read model, so they are trusted here. */
import type { AcceptanceBody, AccessBody, DeliveryBody, Rule } from "@quanji/chaincode/domain";
import { bodyOf } from "../readmodel/body.js";
import type { KnownRecord } from "../readmodel/readmodel.js";

/** What every body has, and what an access or delivery has besides. */
export type AnyBody = Pick<AccessBody, "id" | "request" | "requester" | "time"> &
  Partial<Pick<AccessBody, "resource" | "grant">>;

export const accessBodyOf = (record: KnownRecord): AnyBody => bodyOf(record);

export const accessOf = (record: KnownRecord): AccessBody & { readonly rule: "permit" | Rule } =>
  bodyOf(record) as AccessBody & { readonly rule: "permit" | Rule };

export const acceptanceOf = (record: KnownRecord): AcceptanceBody => bodyOf(record) as AcceptanceBody;

export const deliveryOf = (record: KnownRecord): DeliveryBody => bodyOf(record) as DeliveryBody;
