/** Offer 挂牌: a registered product for sale, and its tariffs, version by version. Private: prices are commerce. */
import { z } from "zod";
import { QuanjiError } from "../errors.js";
import { CodeName, PartyId, ResourceVersionId, Uuid } from "../ids.js";
import { Tariff } from "../money/tariff.js";
import {
  type Changed,
  changed,
  type CommandFacts,
  Committed,
  defined,
  existing,
  Net,
  setOf,
  type Transition,
  transitionFor,
  type Versioned,
} from "../shared.js";
import { msOf } from "../time.js";
import { assertWithinCaps } from "./cap.js";
import { beginsMonth } from "./period.js";

export const OfferList = z.strictObject({
  ...Net,
  offer: Uuid,
  /** The seller signs, and holds the operating right. */
  resource: ResourceVersionId,
  /** 数据交易所. Needed where a list says that the product is sold on an exchange only. */
  exchange: PartyId.optional(),
  purposes: setOf(CodeName, 64),
  attestations: setOf(Uuid, 16, 0),
  /** Version 1. Its `from` may lie in the past: before the listing nothing could be bought by it. */
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

export type OfferState = "listed" | "delisted";

export interface Offer extends Versioned {
  readonly v: "quanji.offer.v1";
  readonly id: string;
  readonly state: OfferState;
  readonly resource: string;
  readonly seller: string;
  readonly exchange?: string;
  readonly purposes: readonly string[];
  readonly attestations: readonly string[];
  /** Rising by version and by `from`. */
  readonly tariffs: readonly TariffVersion[];
}

export type OfferVerb = "offer.list" | "offer.delist" | "tariff.publish";

export const OFFER_MACHINE: readonly Transition<OfferState, OfferVerb>[] = [
  { verb: "offer.list", from: [undefined], to: "listed", who: "the holder of the operating right" },
  { verb: "offer.delist", from: ["listed"], to: "delisted", who: "the seller, the exchange or the regulator" },
  // Contracts go on when their offer is delisted, and so do their prices.
  { verb: "tariff.publish", from: ["listed", "delisted"], to: undefined, who: "the seller" },
];

export type OfferCommand =
  | { readonly verb: "offer.list"; readonly payload: z.infer<typeof OfferList> }
  | { readonly verb: "offer.delist"; readonly payload: z.infer<typeof OfferDelist> }
  | { readonly verb: "tariff.publish"; readonly payload: z.infer<typeof TariffPublish> };

const MAX_TARIFFS = 240;

/**
 * The offer after a command, from the offer alone, so that a trail's reader replays it. The contract has checked the right, the
 * resource, its attestations and caps. Errors: STATE_CONFLICT, ROLE_REQUIRED, CONFLICT_OF_INTEREST, CAP_EXCEEDED, BACKDATED,
 * MALFORMED.
 */
export function applyOffer(
  offer: Offer | undefined,
  command: OfferCommand,
  facts: CommandFacts,
  timeZone: string,
): Offer {
  transitionFor(OFFER_MACHINE, command.verb, offer?.state);
  switch (command.verb) {
    case "offer.list":
      return list(command.payload, facts);
    case "offer.delist":
      return delist(existing(offer, command.verb), facts);
    case "tariff.publish":
      return publish(existing(offer, command.verb), command.payload, facts, timeZone);
  }
}

function list(payload: z.infer<typeof OfferList>, facts: CommandFacts): Offer {
  if (payload.exchange === facts.signer) {
    throw new QuanjiError("CONFLICT_OF_INTEREST", "an exchange does not sell on itself", { field: "exchange" });
  }
  assertOwnCap(payload.tariff);
  return defined({
    v: "quanji.offer.v1" as const,
    id: payload.offer,
    state: "listed" as const,
    resource: payload.resource,
    seller: facts.signer,
    exchange: payload.exchange,
    purposes: payload.purposes,
    attestations: payload.attestations,
    tariffs: [{ version: 1, tariff: payload.tariff, published: changed(facts) }],
    version: 1,
    n: 1,
    at: changed(facts),
  });
}

const next = (offer: Offer, facts: CommandFacts): Offer => ({ ...offer, n: offer.n + 1, at: changed(facts) });

function delist(offer: Offer, facts: CommandFacts): Offer {
  const may = [offer.seller, offer.exchange].includes(facts.signer) || facts.signerRoles.includes("regulator");
  if (!may) throw new QuanjiError("ROLE_REQUIRED", "an offer is delisted by its seller, its exchange or the regulator");
  return { ...next(offer, facts), state: "delisted" };
}

function publish(
  offer: Offer,
  { version, tariff }: z.infer<typeof TariffPublish>,
  facts: CommandFacts,
  timeZone: string,
): Offer {
  if (facts.signer !== offer.seller) throw new QuanjiError("ROLE_REQUIRED", "a tariff is published by the seller");
  const last = newestTariff(offer);
  if (version !== last.version + 1 || version > MAX_TARIFFS) {
    throw new QuanjiError("STATE_CONFLICT", `the next version of the tariff is ${last.version + 1}`, {
      field: "version",
    });
  }
  if (msOf(tariff.from) < facts.timeMs) {
    throw new QuanjiError("BACKDATED", "a tariff cannot take effect before it is published", { field: "tariff.from" });
  }
  if (!beginsMonth(msOf(tariff.from), timeZone)) {
    throw new QuanjiError(
      "MALFORMED",
      `a further tariff takes effect at the first instant of a month, in the time zone ${timeZone}`,
      { field: "tariff.from" },
    );
  }
  if (msOf(tariff.from) <= msOf(last.tariff.from)) {
    throw new QuanjiError("STATE_CONFLICT", "an earlier version takes effect then, or later", { field: "tariff.from" });
  }
  assertSameKind(last.tariff, tariff);
  assertOwnCap(tariff);
  return {
    ...next(offer, facts),
    version,
    tariffs: [...offer.tariffs, { version, tariff, published: changed(facts) }],
  };
}

/** What is counted, in which money, and whether it depends on a figure, the parties of contracts have signed for. */
function assertSameKind(before: Tariff, after: Tariff): void {
  for (const field of ["unit", "currency"] as const) {
    if (before[field] === after[field]) continue;
    throw new QuanjiError("MALFORMED", `a tariff of another ${field} is another offer`, { field: `tariff.${field}` });
  }
  if (before.performance?.indicator === after.performance?.indicator) return;
  throw new QuanjiError("MALFORMED", "a tariff that pays by another figure is another offer", {
    field: "tariff.performance",
  });
}

const assertOwnCap = (tariff: Tariff): void => {
  assertWithinCaps(tariff, tariff.cap === undefined ? [] : [tariff.cap], "tariff");
};

/** Errors: STATE_CONFLICT if the offer has no tariff, which none has. */
export const newestTariff = (offer: Offer): TariffVersion => existing(offer.tariffs.at(-1), "tariff.publish");

/** The newest version that has taken effect. */
export const tariffAt = (offer: Offer, timeMs: number): TariffVersion | undefined =>
  offer.tariffs.findLast(({ tariff }) => msOf(tariff.from) <= timeMs);
