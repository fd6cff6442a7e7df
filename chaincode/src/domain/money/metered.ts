/** From records to what is billed. */
import type { Hash } from "../../log/hash.js";
import type { QuanjiRecord } from "../record.js";
import type { Metered } from "./statement.js";
import type { TariffUnit } from "./tariff.js";

export type DeliveryRecord = Extract<QuanjiRecord, { readonly type: "delivery" }>;

/** Undefined for what nobody pays for: only what was delivered whole is billed. `leaf`: leaf hash of the record. */
export function metered(record: QuanjiRecord, leaf: Hash, unit: TariffUnit): Metered | undefined {
  if (record.type !== "delivery" || record.body.outcome !== "delivered") return undefined;
  const { face, body } = record;
  const quantity = unit === "row" ? BigInt(body.rows) : unit === "byte" ? BigInt(body.bytes) : BigInt(unit === "call");
  return { log: face.log, index: face.index, leaf, purpose: face.purpose, quantity };
}
