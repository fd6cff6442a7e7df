import {
  applyResource,
  assertListed,
  gradeRank,
  type Grant,
  holds,
  QuanjiError,
  type Resource,
  type ResourceCommand,
  splitOrigin,
  splitVersion,
  versionedId,
} from "../domain/index.js";
import type { VerifySignature } from "../log/index.js";
import { publicKeys } from "../world/keys.js";
import type { State } from "../world/state.js";
import { attestationsOf } from "./attestations.js";
import { filePublic, type Received, receive, requireRole } from "./command.js";
import { DONE, QuanjiContract, type QuanjiContext } from "./context.js";
import { assertLive } from "./lineage.js";

type Command = Received & ResourceCommand;

/** The catalogue: resources, their versions, rights and lineage; one source for each element class. */
export class ResourceContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("resources", verify);
  }

  submit(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const command = (await receive(state, this.verify, "resources", argument)) as Command;
      const { net } = await state.network();
      const before = await state.resource(command.payload.resource);
      authorise(command, before);
      const after = applyResource(before, command, command.facts);
      if (command.verb === "resource.register" || command.verb === "resource.amend") {
        await assertFits(state, command, after);
        await claimSources(state, after);
      }
      await state.put(publicKeys.resource(after.id), after);
      await filePublic(state, command, net, [{ scope: net, kind: "resource", id: after.id }]);
      return DONE;
    });
  }
}

function authorise(command: Command, before: Resource | undefined): void {
  const { signer } = command.facts;
  const steward = command.verb === "resource.register" ? command.payload.steward : before?.steward;
  if (signer === steward) return;
  switch (command.verb) {
    case "resource.register":
      requireRole(command, "registrar", "regulator");
      return;
    case "resource.suspend":
    case "resource.resume":
      requireRole(command, "regulator");
      return;
    case "resource.amend":
      throw new QuanjiError("ROLE_REQUIRED", "a resource is amended by its steward");
  }
}

/** What must hold against other objects. */
async function assertFits(state: State, command: Command, resource: Resource): Promise<void> {
  const network = await state.network();
  assertListed(network, "classes", [resource.class, ...(resource.sourceOf ?? [])]);
  if (!network.msps.includes(resource.servedBy)) {
    throw new QuanjiError("MALFORMED", "servedBy is not an organisation of this network", { field: "servedBy" });
  }
  for (const origin of resource.logs) {
    const gateway = await state.gateway(splitOrigin(origin).gateway);
    if (gateway?.msp !== resource.servedBy || !gateway.logs.includes(origin)) {
      throw new QuanjiError("MALFORMED", "a log does not exist or belongs to another organisation", { field: "logs" });
    }
  }
  const steward = await state.party(resource.steward);
  if (steward?.state !== "active") {
    throw new QuanjiError("PARTY_INACTIVE", "the steward is not an active party", { field: "steward" });
  }
  const floor = await attestedFloor(state, resource, command.facts.timeMs);
  for (const parent of resource.lineage ?? []) await assertParent(state, command, resource, parent, floor);
}

/** The lowest level that a de-identification of exactly this version allows. Errors: ATTESTATION_MISSING. */
async function attestedFloor(state: State, resource: Resource, timeMs: number): Promise<number> {
  const owners = [resource.steward];
  const listed = await attestationsOf(state, resource.attestations ?? [], versionedId(resource), owners, timeMs);
  const levels = listed.flatMap(({ kind, level }) =>
    kind === "deidentification" && level !== undefined ? [gradeRank(level)] : [],
  );
  return Math.min(Infinity, ...levels);
}

async function assertParent(
  state: State,
  command: Command,
  resource: Resource,
  parent: { readonly resource: string; readonly grant: string },
  floor: number,
): Promise<void> {
  const { id, version } = splitVersion(parent.resource);
  const source = await state.resource(id);
  if (source === undefined || version > source.version) {
    throw new QuanjiError("LINEAGE_MISSING", "a parent is not registered", {
      field: "lineage",
      detail: parent.resource,
    });
  }
  const grant = await state.grant(source.servedBy, parent.grant);
  if (grant === undefined || !(await allowsDerive(state, source, grant, resource.steward, command.facts.timeMs))) {
    throw new QuanjiError("LINEAGE_UNGRANTED", "no grant in force lets the steward derive from that parent", {
      field: "lineage",
      detail: parent.resource,
    });
  }
  const operating = grant.terms.derivative?.operating;
  if (operating !== undefined && !holds(resource, "operating", operating, command.facts.timeMs)) {
    throw new QuanjiError("RIGHT_MISSING", "the parent's grant says who holds the operating right in what is derived", {
      field: "rights",
      detail: operating,
    });
  }
  const level = gradeRank(resource.grade.level);
  if (level < gradeRank(source.grade.level) && level < floor) {
    throw new QuanjiError("GRADE_TOO_LOW", "the grade is lower than a parent's, and no de-identification allows that", {
      field: "grade",
      detail: source.grade.level,
    });
  }
}

async function allowsDerive(
  state: State,
  source: Resource,
  grant: Grant,
  steward: string,
  timeMs: number,
): Promise<boolean> {
  if (grant.grantee !== steward || !grant.terms.actions.includes("derive")) return false;
  if (splitVersion(grant.resource).id !== source.id) return false;
  return assertLive(state, source.servedBy, grant, timeMs).then(
    () => true,
    (error: unknown) => {
      if (error instanceof QuanjiError) return false;
      throw error;
    },
  );
}

/** 一数一源: the first registration of an element class is its source; another party is pointed to it. */
async function claimSources(state: State, resource: Resource): Promise<void> {
  for (const elementClass of resource.sourceOf ?? []) {
    const claimed = await state.source(elementClass);
    const holder = claimed === undefined ? undefined : await state.resource(claimed.resource);
    if (holder !== undefined && holder.id !== resource.id) {
      throw new QuanjiError(
        "SOURCE_CONFLICT",
        `${elementClass} has a source already: ask for a grant on ${holder.id}`,
        {
          field: "sourceOf",
          detail: holder.id,
        },
      );
    }
    if (claimed === undefined) await state.put(publicKeys.source(elementClass), { resource: resource.id });
  }
}
