/** Resources: the catalogue, and what a steward does with its own. */
import { defined, parseWith, type Payload, ResourceId } from "@quanji/chaincode/domain";
import type { Json, JsonObject } from "@quanji/chaincode/log";
import { Reader } from "./objects.js";
import { pathOf, type Sent, type Session } from "./session.js";

/** A registration; what is left out follows from who signs and which gateway is asked. */
export type ResourceInput = Omit<
  Payload<"resource.register">,
  "net" | "steward" | "servedBy" | "logs" | "rights" | "responsibleHead"
> &
  Partial<Pick<Payload<"resource.register">, "steward" | "servedBy" | "logs" | "rights">> & {
    /** Who answers for the data; committed to, never public. */
    readonly responsibleHead?: { readonly name: string; readonly title: string };
  };

/** A product made from a resource, or from a product of it. */
export interface DerivedProduct {
  readonly resource: string;
  readonly title: string;
  readonly steward: string;
  readonly parents: readonly string[];
  /** Who holds, or held, a grant on it. Absent where another organisation serves it: its gateway knows. */
  readonly users?: readonly { readonly grantee: string; readonly grant: string; readonly state: string }[];
}

/** As many as a resource may name. */
const MAX_LOGS = 8;

export class Resources extends Reader<"resources"> {
  constructor(session: Session) {
    super(session, "resources");
  }

  /** Default: the signer is steward and holds all three rights; this gateway's organisation serves it, through one gateway's logs. */
  register(input: ResourceInput): Promise<Sent> {
    const { signer, gateway, network } = this.session.parts;
    const { responsibleHead, ...rest } = input;
    const steward = rest.steward ?? signer.party;
    const servedBy = rest.servedBy ?? gateway.msp;
    const logs = network.logs.filter(({ msp }) => msp === servedBy);
    const [first] = servedBy === gateway.msp ? logs.filter((log) => log.gateway === gateway.name) : logs;
    const own = logs.filter((log) => log.gateway === first?.gateway).map(({ origin }) => origin);
    const basis = rest.basis?.law ?? rest.originDeclaration ?? "own data";
    const payload = defined({
      ...rest,
      steward,
      servedBy,
      logs: rest.logs ?? own.slice(0, MAX_LOGS),
      rights:
        rest.rights ??
        (["holding", "processing", "operating"] as const).map((kind) => ({ kind, holder: steward, basis })),
    });
    return this.session.send("resource.register", payload as unknown as JsonObject, headOf(responsibleHead));
  }

  /** A new version, which states everything anew. */
  amend(
    input: Omit<Payload<"resource.amend">, "net" | "responsibleHead"> & Pick<ResourceInput, "responsibleHead">,
  ): Promise<Sent> {
    const { responsibleHead, ...rest } = input;
    return this.session.send("resource.amend", defined(rest) as unknown as JsonObject, headOf(responsibleHead));
  }

  /** Who uses what was made from a resource: for its steward and the regulator. Errors: NOT_FOUND. */
  async derived(resource: string): Promise<readonly DerivedProduct[]> {
    parseWith(ResourceId, resource);
    const { items } = await this.session.read(pathOf(["resources", ...resource.split("/"), "derived"]));
    return items as unknown as readonly DerivedProduct[];
  }

  suspend(resource: string, ground?: Json): Promise<Sent> {
    return this.session.send(
      "resource.suspend",
      { resource },
      ground === undefined ? {} : { ground: { value: ground } },
    );
  }

  resume(resource: string): Promise<Sent> {
    return this.session.send("resource.resume", { resource });
  }
}

const headOf = (head: ResourceInput["responsibleHead"]) =>
  head === undefined ? {} : { responsibleHead: { value: { ...head } } };
