/** Grants: asking, offering, approving, using as a parent, stopping. What a command must repeat is filled in from the ledger. */
import {
  defined,
  type Grant,
  openSteps,
  QuanjiError,
  type Resource,
  type RightKind,
  RIGHTS,
  splitVersion,
  stopDigest,
  type Terms,
  versionedId,
} from "@quanji/chaincode/domain";
import type { Json, JsonObject } from "@quanji/chaincode/log";
import { Reader } from "./objects.js";
import type { Sent, Session } from "./session.js";

/** A command that makes a grant, and the id that it made. */
export interface SentGrant extends Sent {
  readonly grant: string;
}

export interface GrantInput {
  /** Id of the resource: the newest version is meant. */
  readonly resource: string;
  readonly terms: Terms;
  /** How many generations of sub-grants may follow. Default 0. */
  readonly depth?: number;
  /** Default: the resource's. */
  readonly logs?: readonly string[];
}

export class Grants extends Reader<"grants"> {
  constructor(session: Session) {
    super(session, "grants");
  }

  /** Asks the holder of a right. Default right: operating, or whichever is held first; grantor: who holds it. */
  async request(input: GrantInput & { readonly grantor?: string; readonly right?: RightKind }): Promise<SentGrant> {
    const resource = await this.#resource(input.resource);
    const { right, grantor } = rightOf(resource, input);
    return this.#create("grant.request", {
      ...common(input, resource),
      right,
      grantor,
      route: routeOf(resource, grantor),
    });
  }

  /** Offers what the signer holds. */
  async offer(input: GrantInput & { readonly grantee: string; readonly right?: RightKind }): Promise<SentGrant> {
    const resource = await this.#resource(input.resource);
    const me = this.session.parts.signer.party;
    const { right } = rightOf(resource, { ...input, grantor: me });
    return this.#create("grant.offer", {
      ...common(input, resource),
      right,
      grantee: input.grantee,
      route: routeOf(resource, me),
    });
  }

  /** Grants a narrower part of an own grant to another party: active at once, and stopped with its parent. */
  async derive(parent: string, input: Omit<GrantInput, "resource"> & { readonly grantee: string }): Promise<SentGrant> {
    const from = await this.get(parent);
    return this.#create("grant.derive", {
      resource: from.resource,
      depth: input.depth ?? 0,
      logs: [...(input.logs ?? from.logs)],
      terms: defined(input.terms) as unknown as Json,
      grantee: input.grantee,
      ancestors: [from.id, ...from.ancestors],
    });
  }

  accept(grant: string): Promise<Sent> {
    return this.session.send("grant.accept", { grant });
  }

  approve(grant: string): Promise<Sent> {
    return this.session.send("grant.approve", { grant });
  }

  /** Final. `ground` is committed to: the other side and the regulator may be shown it. */
  refuse(grant: string, ground?: Json): Promise<Sent> {
    return this.session.send("grant.refuse", { grant }, ground === undefined ? {} : { ground: { value: ground } });
  }

  withdraw(grant: string): Promise<Sent> {
    return this.session.send("grant.withdraw", { grant });
  }

  suspend(grant: string, ground?: Json): Promise<Sent> {
    return this.#stop("grant.suspend", grant, ground);
  }

  revoke(grant: string, ground?: Json): Promise<Sent> {
    return this.#stop("grant.revoke", grant, ground);
  }

  async resume(grant: string): Promise<Sent> {
    const { epoch } = await this.get(grant);
    return this.session.send("grant.resume", { grant, epoch });
  }

  /** Shares the quota out among the grant's logs anew: a log that is not named has none from then on. */
  allot(grant: string, allotted: readonly { readonly log: string; readonly n: number }[]): Promise<Sent> {
    return this.session.send("grant.allot", { grant, allotted: allotted.map(({ log, n }) => ({ log, n })) });
  }

  /** What waits for a decision of the signer. */
  async inbox(): Promise<readonly Grant[]> {
    const me = this.session.parts.signer.party;
    const waiting: Grant[] = [];
    for await (const grant of this.all()) {
      if (grant.state === "pending" && openSteps(grant).some((step) => step.party === me)) waiting.push(grant);
    }
    return waiting;
  }

  /** Active grants of the signer on a resource, newest first. */
  async usable(resource: string): Promise<readonly Grant[]> {
    const me = this.session.parts.signer.party;
    const mine: Grant[] = [];
    for await (const grant of this.all()) {
      if (grant.state === "active" && grant.grantee === me && splitVersion(grant.resource).id === resource)
        mine.push(grant);
    }
    return mine.sort((a, b) => b.at.time.localeCompare(a.at.time));
  }

  /** A stop becomes public, so it names the grant by its digest; the epoch keeps it from being played again. */
  async #stop(verb: "grant.suspend" | "grant.revoke", id: string, ground: Json | undefined): Promise<Sent> {
    const { epoch } = await this.get(id);
    const payload = { target: stopDigest(id), epoch };
    return this.session.send(verb, payload, ground === undefined ? {} : { ground: { value: ground } });
  }

  async #create(verb: "grant.request" | "grant.offer" | "grant.derive", payload: JsonObject): Promise<SentGrant> {
    const grant = this.session.newId();
    return { ...(await this.session.send(verb, { ...payload, grant })), grant };
  }

  #resource(id: string): Promise<Resource> {
    return new Reader(this.session, "resources").get(id);
  }
}

const common = ({ terms, depth = 0, logs }: GrantInput, resource: Resource): JsonObject => ({
  resource: versionedId(resource),
  depth,
  logs: [...(logs ?? resource.logs)],
  terms: defined(terms) as unknown as Json,
});

/** Stages of approval as the resource asks for them; a grantor who is in none of them decides last. */
function routeOf({ route = [] }: Resource, grantor: string): readonly Json[] {
  const stages = route.map((stage) => [...stage]);
  return stages.some((stage) => stage.includes(grantor)) ? stages : [...stages, [grantor]];
}

const PREFERRED: readonly RightKind[] = ["operating", ...RIGHTS.filter((kind) => kind !== "operating")];

/** Errors: RIGHT_MISSING if nobody, or not the one named, holds such a right. */
function rightOf(
  { id, rights }: Resource,
  { right, grantor }: { readonly right?: RightKind; readonly grantor?: string },
): { readonly right: RightKind; readonly grantor: string } {
  for (const kind of right === undefined ? PREFERRED : [right]) {
    const held = rights.find((entry) => entry.kind === kind && (grantor === undefined || entry.holder === grantor));
    if (held !== undefined) return { right: kind, grantor: held.holder };
  }
  throw new QuanjiError("RIGHT_MISSING", `${grantor ?? "nobody"} holds no such right over ${id}`, { field: "right" });
}
