/** Commands made up at random, most of them right for what the ledger holds at this moment: one maker a verb. */
import { randomUUID } from "node:crypto";
import {
  COMMANDS,
  type Grant,
  instant,
  type ListVersion,
  type Resource,
  stopDigest,
  type Terms,
  type Verb,
} from "@quanji/chaincode/domain";
import { type Json, type JsonObject, possessionInput, toBase64url } from "@quanji/chaincode/log";
import { routeFor } from "@quanji/chaincode/contracts";
import { type Actor, actor, heldBy, IDS, NET, randomText, resourcePayload, terms } from "@quanji/chaincode/testing";
import { publicKeys, TRANSACTIONS } from "@quanji/chaincode/world";
import { MARKET_MAKERS } from "./market-drafts.js";
import { SETTLEMENT_MAKERS } from "./settlement-drafts.js";
import { EXCHANGE_LOG, type Gateway, gatewayOf, GATEWAYS, type Scene } from "./scene.js";

type Recorded = "access" | "access.void" | "access.accept" | "tally.sign";
/** What changes a state. Everything else is recorded in a log, in batches. */
export type CommandVerb = Exclude<Verb, Recorded>;
export const isCommand = (verb: Verb): verb is CommandVerb => COMMANDS[verb].group !== "accesses";

/** A command before it is signed. */
export interface Draft {
  readonly by: Actor;
  readonly payload: JsonObject;
  readonly via: Gateway;
  /** What members that are commitments open to, by path. */
  readonly secrets?: Readonly<Record<string, Json>>;
  readonly transient?: Readonly<Record<string, string>>;
  /** Default: the one that carries the command's group. */
  readonly transaction?: string;
}

type Maker = (scene: Scene) => Draft | undefined;

/** Open for as long as these tests will run. */
export const TERMS: Partial<Terms> = {
  window: { from: "2020-01-01T00:00:00.000Z", until: "2099-01-01T00:00:00.000Z" },
};
export const RESOURCES = ["res/weather.daily", "res/weather.hourly", "res/bus.stops", "res/bus.rides"] as const;
const PURPOSES = ["risk.assessment", "research", "marketing"] as const;
const LISTS = ["negative", "duties", "shared"] as const;

const anyGateway = ({ dice }: Scene): Gateway => dice.one(Object.values(GATEWAYS));
const json = (value: object): JsonObject => value as JsonObject;
const ground = { ground: "what it rests on" };

const network: Record<"network.init" | "gateway.register" | "log.create" | "clock.set", Maker> = {
  "network.init": (scene) => ({
    by: scene.named("regulator"),
    payload: json({
      net: NET,
      timeZone: "+00:00",
      testClock: true,
      regulator: {
        party: IDS.regulator,
        msp: "RegulatorMSP",
        name: "Another",
        jurisdiction: "CN",
        jwk: scene.network.actors.regulator.jwk,
      },
      msps: ["RegulatorMSP", "HolderMSP"],
      gateways: [{ name: "holder", msp: "HolderMSP", publicUrl: GATEWAYS.holder.url, jwk: actor("x").jwk }],
    }),
    via: GATEWAYS.holder,
  }),
  "gateway.register": (scene) => ({
    by: scene.named("regulator"),
    payload: json({
      net: NET,
      gateway: {
        name: scene.dice.one(["holder", "more-a", "more-b", "more-c", "more-d"]),
        msp: scene.dice.one(["HolderMSP", "ExchangeMSP", "ExchangeMSP", "NobodyMSP"]),
        publicUrl: "https://more.test",
        jwk: actor("x", "EdDSA").jwk,
      },
    }),
    via: anyGateway(scene),
  }),
  "log.create": (scene) => {
    const gateway = scene.dice.one([GATEWAYS.holder, GATEWAYS.exchange]);
    const log = `${NET}/${gateway.name}/${scene.dice.below(9)}`;
    return {
      by: scene.named("regulator"),
      payload: { net: NET, log, gateway: gateway.name, vkey: "test" },
      via: gateway,
      transient: scene.dice.once(2) ? { secret: randomText(32) } : {},
    };
  },
  "clock.set": (scene) => {
    const clock = scene.network.get(publicKeys.clock) as { readonly offsetMs: number } | undefined;
    const offsetMs = (clock?.offsetMs ?? 0) + 1 + scene.dice.below(2_000);
    return {
      by: scene.named("regulator"),
      payload: { net: NET, offsetMs: scene.dice.once(5) ? 0 : offsetMs },
      via: anyGateway(scene),
    };
  },
};

const parties: Record<Extract<CommandVerb, `party.${string}`>, Maker> = {
  "party.register": (scene) => {
    const by = scene.dice.once(4) ? scene.anybody() : scene.newcomer();
    const isPerson = scene.dice.once(3);
    return {
      by,
      payload: json({
        net: NET,
        party: by.party,
        kind: isPerson ? "person" : "org",
        ...(!isPerson && { name: "Newcomer 新" }),
        roles: ["holder", "user"],
        jurisdiction: scene.dice.one(["CN", "440300"]),
        home: scene.dice.one(["HolderMSP", "ExchangeMSP", "HolderMSP", "NobodyMSP"]),
        key: { jwk: by.jwk, purpose: "act", custody: scene.dice.one(["self", "hosted"]) },
      }),
      ...(!isPerson && { secrets: { responsibleHead: { name: "Han Mei", title: "director" } } }),
      via: anyGateway(scene),
    };
  },
  "party.admit": (scene) => {
    const party = scene.likely(scene.parties(), ({ state }) => state === "pending");
    const roles = scene.dice.one([["holder", "user"], ["user"], ["registrar", "user"], ["regulator"]]);
    return (
      party && { by: scene.named("regulator"), payload: { net: NET, party: party.id, roles }, via: anyGateway(scene) }
    );
  },
  "party.rotateKey": (scene) => {
    const party = scene.likely(scene.newcomers(), ({ state }) => state === "active");
    if (party === undefined) return undefined;
    const by = scene.by(party.id);
    const fresh = actor(party.id, scene.dice.once(2) ? "ES256" : "EdDSA");
    scene.keys.get(party.id)?.push(fresh);
    const signer = scene.dice.once(8) ? by : fresh;
    return {
      by,
      payload: json({
        net: NET,
        party: party.id,
        key: { jwk: fresh.jwk, purpose: scene.dice.once(5) ? "recovery" : "act", custody: "self" },
        possession: toBase64url(signer.sign(possessionInput(NET, party.id, fresh.jwk))),
        ...(scene.dice.once(3) && { retire: by.kid.split("#")[1] ?? "" }),
      }),
      via: anyGateway(scene),
    };
  },
  "party.compromiseKey": (scene) => {
    const party = scene.likely(scene.newcomers(), ({ state, keys }) => state === "active" && keys.length > 1);
    if (party === undefined) return undefined;
    return {
      by: scene.by(party.id),
      payload: {
        net: NET,
        party: party.id,
        thumbprint: scene.dice.one(party.keys).thumbprint,
        since: instant(scene.network.now() - 1_000),
      },
      via: anyGateway(scene),
    };
  },
  "party.suspend": (scene) => {
    const party = scene.likely(scene.newcomers(), ({ state }) => state === "active");
    return (
      party && {
        by: scene.named("regulator"),
        payload: { net: NET, party: party.id },
        secrets: ground,
        via: anyGateway(scene),
      }
    );
  },
  "party.resume": (scene) => {
    const party = scene.likely(scene.parties(), ({ state }) => state === "suspended");
    return party && { by: scene.named("regulator"), payload: { net: NET, party: party.id }, via: anyGateway(scene) };
  },
  "party.tagKey": (scene) => {
    const holder = scene.parties().find(({ roles, keys }) => roles.includes("regulator") && keys.length > 0);
    const party = scene.likely(scene.newcomers(), ({ state }) => state === "active");
    const key = holder?.keys.find(({ purpose }) => purpose === "escrow") ?? holder?.keys[0];
    if (holder === undefined || party === undefined || key === undefined) return undefined;
    return {
      by: scene.by(party.id),
      payload: {
        net: NET,
        party: party.id,
        quarter: scene.dice.one(["2026Q1", "2026Q2", "2026Q3"]),
        commitment: randomText(32),
        recipient: `${holder.id}#${key.thumbprint}`,
      },
      secrets: { escrow: `${"A".repeat(40)}..${"A".repeat(16)}.${"A".repeat(90)}.${"A".repeat(22)}` },
      via: anyGateway(scene),
    };
  },
  "party.openTagKey": (scene) => {
    const party = scene.likely(scene.newcomers(), ({ tagKeys }) => tagKeys !== undefined);
    return (
      party && {
        by: scene.dice.once(4) ? scene.anybody() : scene.named("regulator"),
        payload: { net: NET, party: party.id, quarter: party.tagKeys?.[0]?.quarter ?? "2026Q1" },
        secrets: ground,
        via: anyGateway(scene),
      }
    );
  },
};

const servedByExchange = (id: string): boolean => id.startsWith("res/bus");

function described(scene: Scene, id: string): JsonObject {
  const { dice } = scene;
  const parent = scene.likely(scene.grants(), ({ grant }) => grant.terms.actions.includes("derive"));
  const lineage = parent !== undefined && dice.once(4) && [{ resource: parent.grant.resource, grant: parent.grant.id }];
  return json({
    ...resourcePayload("bureau", id),
    class: id.replace("res/", ""),
    rights: [
      ...heldBy(IDS.bureau),
      ...(dice.once(3) ? [] : [{ kind: "operating", holder: IDS.bureau, basis: "own product" }]),
    ],
    sharing: dice.one(["open", "conditional", "conditional", "none"]),
    subjectKind: dice.one(["none", "person"]),
    ...(dice.once(4) && { route: [[IDS.legal], [IDS.bureau]] }),
    ...(dice.once(5) && { sourceOf: [dice.one(["weather.rain", "weather.sun"])] }),
    ...(lineage !== false && { lineage, kind: "product" }),
    ...(servedByExchange(id) && { servedBy: "ExchangeMSP", logs: [EXCHANGE_LOG] }),
  });
}

const resources: Record<Extract<CommandVerb, `resource.${string}`>, Maker> = {
  "resource.register": (scene) => {
    const id = scene.dice.one([...RESOURCES, "res/x.a", "res/x.b", "res/bus.c", "res/bus.d", "res/x.e"]);
    return {
      by: scene.named("bureau"),
      payload: described(scene, id),
      secrets: { responsibleHead: "Han Mei" },
      via: scene.dice.once(4) ? anyGateway(scene) : servedByExchange(id) ? GATEWAYS.exchange : GATEWAYS.holder,
    };
  },
  "resource.amend": (scene) => {
    const resource = scene.likely(scene.resources(), ({ state }) => state === "registered");
    if (resource === undefined) return undefined;
    const {
      steward: _steward,
      servedBy: _servedBy,
      logs: _logs,
      kind: _kind,
      ...fresh
    } = described(scene, resource.id);
    return {
      by: scene.named("bureau"),
      payload: { ...fresh, version: resource.version + (scene.dice.once(8) ? 0 : 1) },
      secrets: { responsibleHead: "Han Mei" },
      via: gatewayOf(resource.servedBy),
    };
  },
  "resource.suspend": (scene) => {
    const resource = scene.likely(scene.resources(), ({ state, id }) => state === "registered" && id.includes("x."));
    return (
      resource && {
        by: scene.dice.once(3) ? scene.named("regulator") : scene.named("bureau"),
        payload: { net: NET, resource: resource.id },
        secrets: ground,
        via: anyGateway(scene),
      }
    );
  },
  "resource.resume": (scene) => {
    const resource = scene.likely(scene.resources(), ({ state }) => state === "suspended");
    return (
      resource && {
        by: scene.named("bureau"),
        payload: { net: NET, resource: resource.id },
        via: anyGateway(scene),
      }
    );
  },
};

const publish: Maker = (scene) => {
  const { dice } = scene;
  const known =
    (scene.network.get(publicKeys.boundaries) as { lists: readonly ListVersion[] } | undefined)?.lists ?? [];
  const list = dice.one(LISTS);
  const newest = Math.max(0, ...known.filter(({ id }) => id === list).map(({ version }) => version));
  const from = scene.network.now() + dice.one([-1_000, 1_500, 2_000, 86_400_000]);
  const effect = dice.one(["forbid", "require", "mustShare", "exchangeOnly"]);
  const cell = {
    from: dice.one(["any", IDS.bureau]),
    to: dice.one(["any", IDS.operator]),
    // A market in which everything needs an exchange that is not there would make no offers.
    class: effect === "exchangeOnly" ? "weather.hourly" : dice.one(["any", "weather.hourly"]),
    purpose: effect === "mustShare" ? "any" : "marketing",
    action: dice.one(["any", "query"]),
    effect,
    ...(effect === "require" && { approver: IDS.legal }),
    ...(effect === "exchangeOnly" && { requires: ["compliance"] }),
  };
  return {
    by: scene.named("regulator"),
    payload: json({
      net: NET,
      list,
      version: newest + (dice.once(8) ? 2 : 1),
      effectiveFrom: instant(from),
      ...(dice.once(4) && { until: instant(from + 5_000) }),
      cells: [cell, { ...cell, class: "bus.stops" }],
    }),
    via: anyGateway(scene),
  };
};

const orders: Record<"order.freeze" | "order.lift", Maker> = {
  "order.freeze": (scene) => {
    const [grant, party] = [scene.likely(scene.grants(), () => true), scene.likely(scene.newcomers(), () => true)];
    const targets: JsonObject[] = [
      { kind: "resource", id: scene.dice.one(["res/x.a", "res/x.b", "res/none", "res/bus.rides"]) },
      ...(grant === undefined ? [] : [{ kind: "grant", id: stopDigest(grant.grant.id) }]),
      ...(party === undefined ? [] : [{ kind: "party", id: party.id }]),
    ];
    const order = scene.likely(scene.orders(), () => true);
    return {
      by: scene.named("regulator"),
      payload: {
        net: NET,
        order: order !== undefined && scene.dice.once(8) ? order.id : randomUUID(),
        target: scene.dice.one(targets),
      },
      secrets: ground,
      via: anyGateway(scene),
    };
  },
  "order.lift": (scene) => {
    const order = scene.likely(scene.orders(), ({ lifted }) => lifted === undefined);
    return (
      order && {
        by: scene.named("regulator"),
        payload: { net: NET, order: order.id },
        secrets: ground,
        via: anyGateway(scene),
      }
    );
  },
};

const termsOf = ({ dice }: Scene): Terms =>
  terms({
    ...TERMS,
    actions: dice.one([["query"], ["query", "subgrant"], ["query", "derive", "subgrant"]]),
    purposes: dice.one([["risk.assessment"], ["risk.assessment", "research"], [...PURPOSES]]),
    ...(dice.once(3) && { quota: { unit: dice.one(["call", "row"]), n: 1 + dice.below(9), per: "P1D" } }),
    ...(dice.once(4) && { rate: { n: 1 + dice.below(3), seconds: 60 } }),
    ...(dice.once(4) && { obligations: [{ op: "round", field: dice.one(["rain", "station"]), arg: "10" }] }),
    ...(dice.once(5) && { dataRange: { months: 12 } }),
  });

/** A grant's common members, for a resource as it is registered now. */
function granting(scene: Scene, resource: Resource): JsonObject {
  return json({
    net: NET,
    grant: randomUUID(),
    resource: `${resource.id}@${resource.version}`,
    depth: scene.dice.below(3),
    logs: resource.logs,
    terms: termsOf(scene),
  });
}

const rooted = (scene: Scene, resource: Resource): JsonObject =>
  json({
    ...granting(scene, resource),
    right: scene.dice.once(8) ? "operating" : "holding",
    route: scene.dice.once(8) ? [[IDS.legal]] : routeFor(resource, IDS.bureau),
  });

const grantable = (scene: Scene): Resource | undefined =>
  scene.likely(scene.resources(), ({ state, sharing }) => state === "registered" && sharing !== "none");

/** A command on a grant that is there, in that state if one is. */
const onGrant =
  (
    fits: (grant: Grant) => boolean,
    make: (grant: Grant, scene: Scene) => Pick<Draft, "by"> & Partial<Draft>,
    payload: (grant: Grant) => JsonObject = ({ id }) => ({ net: NET, grant: id }),
  ): Maker =>
  (scene) => {
    const placed = scene.likely(scene.grants(), ({ grant }) => fits(grant));
    if (placed === undefined) return undefined;
    const via = scene.dice.once(12) ? anyGateway(scene) : gatewayOf(placed.msp);
    return { payload: payload(placed.grant), via, ...make(placed.grant, scene) };
  };

/** Whose step comes next. */
const decider = (grant: Grant, kind: "accept" | "approve"): string => {
  const open = grant.steps.filter(({ decided }) => decided === undefined);
  return (open.find((step) => step.kind === kind) ?? open[0])?.party ?? grant.grantor;
};
const stopping = ({ id, epoch }: Grant): JsonObject => ({ net: NET, target: stopDigest(id), epoch });

/** By its grantor alone, or by the regulator with two endorsements. */
const stop = (fits: (grant: Grant) => boolean): Maker =>
  onGrant(
    fits,
    (grant, scene) => {
      const isOwn = !scene.dice.once(4);
      return {
        by: isOwn ? scene.by(grant.grantor) : scene.named("regulator"),
        transient: { grant: scene.dice.once(12) ? randomUUID() : grant.id },
        transaction: isOwn && !scene.dice.once(10) ? TRANSACTIONS.stop : TRANSACTIONS.grants,
        ...(isOwn && { via: GATEWAYS.holder }),
        ...(scene.dice.once(2) && { secrets: ground }),
      };
    },
    stopping,
  );

/** Shares that are whole, or one too many. */
const allotting = ({ id, logs, terms: { quota } }: Grant, { dice }: Scene): JsonObject =>
  json({
    net: NET,
    grant: id,
    allotted: logs.map((log, i) => ({ log, n: i === 0 ? dice.below((quota?.n ?? 1) + (dice.once(4) ? 2 : 1)) : 0 })),
  });

const isPending = ({ state }: Grant): boolean => state === "pending";
const isActive = ({ state }: Grant): boolean => state === "active";

const grants: Record<Extract<CommandVerb, `grant.${string}`>, Maker> = {
  "grant.request": (scene) => {
    const resource = grantable(scene);
    return (
      resource && {
        by: scene.dice.one([scene.named("insurer"), scene.named("operator"), scene.anybody()]),
        payload: { ...rooted(scene, resource), grantor: IDS.bureau },
        via: scene.dice.once(10) ? anyGateway(scene) : gatewayOf(resource.servedBy),
      }
    );
  },
  "grant.offer": (scene) => {
    const resource = grantable(scene);
    return (
      resource && {
        by: scene.named("bureau"),
        payload: { ...rooted(scene, resource), grantee: scene.dice.one([IDS.insurer, IDS.operator, IDS.bureau]) },
        via: gatewayOf(resource.servedBy),
      }
    );
  },
  "grant.derive": (scene) => {
    const parent = scene.likely(
      scene.grants(),
      ({ grant }) => grant.state === "active" && grant.depth > 0 && grant.terms.actions.includes("subgrant"),
    );
    const resource = scene.resources().find(({ id }) => parent?.grant.resource.startsWith(`${id}@`));
    if (parent === undefined || resource === undefined) return undefined;
    const { grant } = parent;
    const same = !scene.dice.once(4);
    return {
      by: scene.by(grant.grantee),
      payload: json({
        ...granting(scene, resource),
        ...(same && { terms: { ...grant.terms, actions: ["query"] } }),
        depth: Math.max(0, grant.depth - (scene.dice.once(6) ? 0 : 1)),
        grantee: scene.dice.one([IDS.operator, IDS.stranger, IDS.insurer]),
        ancestors: [grant.id, ...grant.ancestors],
      }),
      via: gatewayOf(parent.msp),
    };
  },
  "grant.accept": onGrant(
    (grant) => isPending(grant) && grant.steps.some(({ kind, decided }) => kind === "accept" && decided === undefined),
    (grant, scene) => ({ by: scene.by(decider(grant, "accept")) }),
  ),
  "grant.approve": onGrant(isPending, (grant, scene) => ({ by: scene.by(decider(grant, "approve")) })),
  "grant.refuse": onGrant(isPending, (grant, scene) => ({
    by: scene.by(decider(grant, "approve")),
    ...(scene.dice.once(2) && { secrets: ground }),
  })),
  "grant.withdraw": onGrant(isPending, (grant, scene) => ({
    by: scene.by(scene.dice.once(2) ? grant.grantee : grant.grantor),
  })),
  "grant.allot": onGrant(
    (grant) => isActive(grant) && grant.terms.quota !== undefined,
    (grant, scene) => ({ by: scene.by(grant.grantor), payload: allotting(grant, scene) }),
  ),
  "grant.suspend": stop(isActive),
  "grant.revoke": stop((grant) => isActive(grant) || grant.state === "suspended"),
  "grant.resume": onGrant(
    ({ state }) => state === "suspended",
    (grant, scene) => ({ by: scene.by(grant.stoppedBy ?? grant.grantor) }),
    ({ id, epoch }) => ({ net: NET, grant: id, epoch }),
  ),
};

/** Of a record of which something is kept, mostly; sometimes of one of which nothing is, by somebody, or in another batch. */
const erase: Maker = (scene) => {
  const one = scene.likely(scene.said(), ({ fields }) => fields.length > 0);
  if (one === undefined) return undefined;
  const { log, first, index, record } = one;
  const resource = record.body.resource.slice(0, record.body.resource.lastIndexOf("@"));
  const who = scene.dice.one([record.face.unit, record.face.steward, IDS.regulator]);
  return {
    by: who === IDS.regulator ? scene.named("regulator") : scene.by(who),
    payload: json({
      net: NET,
      resource,
      log: log.origin,
      records: [
        {
          id: scene.dice.once(12) ? randomUUID() : record.body.id,
          index,
          fields: scene.dice.once(4) ? ["operator", "query"] : ["operator"],
        },
      ],
      basis: scene.dice.one(["retention", "request", "order"]),
    }),
    ...(scene.dice.once(2) && { secrets: ground }),
    via: scene.dice.once(12) ? anyGateway(scene) : gatewayOf(log.msp),
    transient: { firsts: JSON.stringify(scene.dice.once(12) ? [first + 1] : [first]) },
  };
};

/** Of an access alone, mostly until some day that is allowed. */
const seal: Maker = (scene) => {
  const one = scene.likely(scene.said(), () => true);
  if (one === undefined) return undefined;
  const { log, first, index, leaf, record } = one;
  const days = scene.dice.one([1, 30, 700, 700, 0, 800]);
  return {
    by: scene.named("regulator"),
    payload: json({
      net: NET,
      resource: record.body.resource.slice(0, record.body.resource.lastIndexOf("@")),
      log: log.origin,
      order: (scene.dice.once(6) ? scene.likely(scene.seals(), () => true)?.order : undefined) ?? randomUUID(),
      authority: "督查 inspectorate",
      until: instant(scene.network.now() + days * 86_400_000),
      records: [{ index, leaf: scene.dice.once(12) ? randomText(32) : leaf }],
    }),
    secrets: ground,
    via: scene.dice.once(12) ? anyGateway(scene) : gatewayOf(log.msp),
    transient: { firsts: JSON.stringify(scene.dice.once(12) ? [first + 1] : [first]) },
  };
};

const unseal: Maker = (scene) => {
  const one = scene.likely(scene.seals(), ({ lifted }) => lifted === undefined);
  return (
    one && {
      by: scene.named("regulator"),
      payload: json({ net: NET, resource: scene.dice.once(12) ? "res/none" : one.resource, order: one.order }),
      secrets: ground,
      via: scene.dice.once(12) ? anyGateway(scene) : gatewayOf(one.msp),
    }
  );
};

export const MAKERS: Readonly<Record<CommandVerb, Maker>> = {
  ...network,
  ...parties,
  ...resources,
  "boundary.publish": publish,
  ...orders,
  ...grants,
  ...MARKET_MAKERS,
  ...SETTLEMENT_MAKERS,
  "record.erase": erase,
  "record.seal": seal,
  "record.unseal": unseal,
};
