/** Offer 挂牌: a registered product for sale, and its tariffs, version by version. Private: prices are commerce. */
import { z } from "zod";
import { CodeName, PartyId, ResourceVersionId, Uuid } from "../ids.js";
import { Tariff } from "../money/tariff.js";
import { type Changed, Committed, Net, setOf, type Versioned } from "../shared.js";

export const OfferList = z.strictObject({
  ...Net,
  offer: Uuid,
  /** The seller signs, and holds the operating right. */
  resource: ResourceVersionId,
  /** 数据交易所. Needed where a list says that the product is sold on an exchange only. */
  exchange: PartyId.optional(),
  purposes: setOf(CodeName, 64),
  attestations: setOf(Uuid, 16, 0),
  /** Version 1. */
  tariff: Tariff,
});
export const OfferDelist = z.strictObject({ ...Net, offer: Uuid, ground: Committed.optional() });
/** A further version takes effect at the first instant of a month in the network's time zone, so that each month has one. */
export const TariffPublish = z.strictObject({ ...Net, offer: Uuid, version: z.int().min(2), tariff: Tariff });

export interface TariffVersion {
  readonly version: number;
  readonly tariff: Tariff;
  readonly published: Changed;
}

export interface Offer extends Versioned {
  readonly v: "quanji.offer.v1";
  readonly id: string;
  readonly state: "listed" | "delisted";
  readonly resource: string;
  readonly seller: string;
  readonly exchange?: string;
  readonly purposes: readonly string[];
  readonly attestations: readonly string[];
  /** Rising by version and by `from`. */
  readonly tariffs: readonly TariffVersion[];
}
