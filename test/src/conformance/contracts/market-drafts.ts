/** Commands of the market, made up at random: what is offered, at which price, and who contracts over which grant. */
import { randomUUID } from "node:crypto";
import {
  type ContractTerms,
  defined,
  instant,
  newestTariff,
  nextMonthMs,
  type Payload,
  signatoriesOf,
  type Tariff,
} from "@quanji/chaincode/domain";
import { type JsonObject, sha256Text } from "@quanji/chaincode/log";
import { IDS, NET } from "@quanji/chaincode/testing";
import { publicKeys } from "@quanji/chaincode/world";
import type { Draft } from "./drafts.js";
import { type Gateway, gatewayOf, GATEWAYS, type Scene } from "./scene.js";

type Maker = (scene: Scene) => Draft | undefined;
type MarketVerb =
  | "attest"
  | "attestation.withdraw"
  | "price.cap"
  | "offer.list"
  | "offer.delist"
  | "tariff.publish"
  | "contract.sign"
  | "contract.terminate";

const json = (value: object): JsonObject => defined(value) as unknown as JsonObject;
const ground = { ground: "what it rests on" };
const anyGateway = ({ dice }: Scene): Gateway => dice.one(Object.values(GATEWAYS));
const mostly = (scene: Scene, msp: string): Gateway => (scene.dice.once(12) ? anyGateway(scene) : gatewayOf(msp));

const tariff = ({ dice, network }: Scene, from: number): Tariff => ({
  unit: dice.one(["call", "call", "row", "period"]),
  currency: dice.once(8) ? "USD" : "CNY",
  tiers: dice.once(3)
    ? [
        { upTo: 1 + dice.below(500), amount: "80", per: 10 },
        { amount: "50", per: 10 },
      ]
    : [{ amount: String(30 + dice.below(20)), per: 1 }],
  from: instant(dice.once(10) ? network.now() : from),
});

/** Terms over a grant that is there, on an offer that is there. */
function agreed(scene: Scene): { readonly terms: ContractTerms; readonly msp: string } | undefined {
  const offered = scene.likely(scene.offers(), ({ offer: { state } }) => state === "listed");
  if (offered === undefined) return undefined;
  const { offer, msp } = offered;
  const resource = offer.resource.slice(0, offer.resource.lastIndexOf("@"));
  const held = scene.likely(
    scene.grants(),
    ({ grant }) => grant.resource.startsWith(`${resource}@`) && grant.grantor === offer.seller,
  );
  if (held === undefined) return undefined;
  const terms = {
    offer: offer.id,
    seller: offer.seller,
    buyer: held.grant.grantee,
    exchange: offer.exchange,
    grant: held.grant.id,
    until: "2098-01-01T00:00:00.000Z",
    payees: {
      shares: [
        { weight: 4, to: IDS.bureau },
        { weight: { grant: held.grant.id }, to: IDS.legal },
      ],
    },
    disputeDays: 1 + scene.dice.below(91),
    counterparts: [],
  };
  return { terms: defined(terms), msp };
}

const signing = (scene: Scene, by: string, msp: string, payload: Omit<Payload<"contract.sign">, "net">): Draft => ({
  by: scene.by(by),
  payload: json({ net: NET, ...payload }),
  via: mostly(scene, msp),
});

const begin: Maker = (scene) => {
  const fresh = agreed(scene);
  if (fresh === undefined) return undefined;
  const { terms, msp } = fresh;
  const version = scene.dice.once(12) ? 2 : 1;
  return signing(scene, scene.dice.one(signatoriesOf(terms)), msp, { contract: randomUUID(), version, terms });
};

/** By somebody who has not signed it yet; where all have, a change of it. */
const goOn: Maker = (scene) => {
  const begun = scene.likely(scene.contracts(), ({ contract }) => contract.versions.at(-1)?.from === undefined);
  const open = begun?.contract.versions.at(-1);
  if (begun === undefined || open === undefined) return undefined;
  const complete = open.from !== undefined;
  const parties = signatoriesOf(open.terms);
  const waiting = parties.filter((party) => complete || open.signatures.every((signed) => signed.party !== party));
  const disputeDays = complete || scene.dice.once(8) ? 1 + scene.dice.below(90) : open.terms.disputeDays;
  return signing(scene, scene.dice.one(waiting.length > 0 ? waiting : parties), begun.msp, {
    contract: begun.contract.id,
    version: open.version + (complete ? 1 : 0),
    terms: { ...open.terms, disputeDays },
  });
};

const sign: Maker = (scene) => (scene.dice.once(3) ? begin(scene) : (goOn(scene) ?? begin(scene)));

export const MARKET_MAKERS: Readonly<Record<MarketVerb, Maker>> = {
  attest: (scene) => {
    const resource = scene.likely(scene.resources(), () => true);
    if (resource === undefined) return undefined;
    const kind = scene.dice.one(["compliance", "security.review", "quality", "deidentification"]);
    const result = scene.dice.once(4) ? "fail" : "pass";
    return {
      by: scene.named("regulator"),
      payload: json({
        net: NET,
        attestation: randomUUID(),
        kind,
        subject: `${resource.id}@${resource.version}`,
        result,
        report: sha256Text("report"),
        ...(kind === "deidentification" && result === "pass" && { level: "general-1" }),
        ...(scene.dice.once(3) && { until: instant(scene.network.now() + scene.dice.one([-1_000, 2_000, 9_000_000])) }),
      }),
      ...(scene.dice.once(2) && { secrets: { findings: "nothing" } }),
      via: anyGateway(scene),
    };
  },
  "attestation.withdraw": (scene) => {
    const one = scene.likely(scene.attestations(), ({ state }) => state === "valid");
    return (
      one && {
        by: scene.by(one.issuer),
        payload: { net: NET, attestation: one.id },
        ...(scene.dice.once(2) && { secrets: ground }),
        via: anyGateway(scene),
      }
    );
  },
  "price.cap": (scene) => {
    const resource = scene.likely(scene.resources(), () => true);
    if (resource === undefined) return undefined;
    const caps = scene.network.get(publicKeys.cap(resource.id)) as { readonly version: number } | undefined;
    return {
      by: scene.dice.once(3) ? scene.named("regulator") : scene.by(resource.steward),
      payload: json({
        net: NET,
        resource: scene.dice.once(12) ? "res/none" : resource.id,
        version: (caps?.version ?? 0) + (scene.dice.once(8) ? 2 : 1),
        unit: scene.dice.one(["call", "row"]),
        currency: "CNY",
        amount: String(40 + scene.dice.below(20)),
        from: instant(scene.network.now() + scene.dice.one([-1_000, 1_500, 9_000_000])),
      }),
      via: anyGateway(scene),
    };
  },
  "offer.list": (scene) => {
    const resource = scene.likely(
      scene.resources(),
      ({ state, rights }) => state === "registered" && rights.some(({ kind }) => kind === "operating"),
    );
    if (resource === undefined) return undefined;
    const named = `${resource.id}@${resource.version}`;
    const attested = scene.attestations().filter(({ subject, state }) => subject === named && state === "valid");
    return {
      by: scene.named("bureau"),
      payload: json({
        net: NET,
        offer: randomUUID(),
        resource: named,
        purposes: ["risk.assessment", "research", "marketing"],
        attestations: attested.slice(0, 1).map(({ id }) => id),
        tariff: tariff(scene, Date.UTC(2020, 0, 1)),
        ...(scene.dice.once(6) && { exchange: IDS.legal }),
      }),
      via: mostly(scene, resource.servedBy),
    };
  },
  "offer.delist": (scene) => {
    const one = scene.likely(scene.offers(), ({ offer: { state } }) => state === "listed");
    return (
      one && {
        by: scene.dice.once(3) ? scene.named("regulator") : scene.by(one.offer.seller),
        payload: { net: NET, offer: one.offer.id },
        ...(scene.dice.once(2) && { secrets: ground }),
        via: mostly(scene, one.msp),
      }
    );
  },
  "tariff.publish": (scene) => {
    const one = scene.likely(scene.offers(), () => true);
    if (one === undefined) return undefined;
    const last = newestTariff(one.offer);
    const from = nextMonthMs(Math.max(scene.network.now(), Date.parse(last.tariff.from)), "+08:00");
    const { unit, currency } = scene.dice.once(6) ? tariff(scene, from) : last.tariff;
    return {
      by: scene.by(one.offer.seller),
      payload: json({
        net: NET,
        offer: one.offer.id,
        version: last.version + (scene.dice.once(8) ? 2 : 1),
        tariff: json({ ...tariff(scene, from), unit, currency }),
      }),
      via: mostly(scene, one.msp),
    };
  },
  "contract.sign": sign,
  "contract.terminate": (scene) => {
    const one = scene.likely(scene.contracts(), ({ contract: { state } }) => state !== "terminated");
    return (
      one && {
        by: scene.by(one.contract.versions.at(-1)?.terms.buyer ?? IDS.insurer),
        payload: { net: NET, contract: one.contract.id },
        ...(scene.dice.once(2) && { secrets: ground }),
        via: mostly(scene, one.msp),
      }
    );
  },
};
