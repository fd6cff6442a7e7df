/** What a grant must satisfy against other objects when it is made. The grant's own rules are in domain/grant.ts. */
import {
  assertListed,
  assertNarrower,
  assertSharesWithin,
  boundaryCode,
  type Cell,
  type CommandFacts,
  type Grant,
  type GrantCommand,
  holds,
  matchingCells,
  QuanjiError,
  type Resource,
  splitVersion,
  type Terms,
  versionedId,
} from "../domain/index.js";
import type { State } from "../world/state.js";
import { cellsFor } from "./boundaries.js";
import { ancestorsOf, assertLive } from "./lineage.js";

type Facts = { readonly facts: CommandFacts };
type Granting = Extract<GrantCommand, { readonly verb: "grant.request" | "grant.offer" }> & Facts;
type Deriving = Extract<GrantCommand, { readonly verb: "grant.derive" }> & Facts;

/** Errors: NOT_FOUND, STATE_CONFLICT, MALFORMED, RIGHT_MISSING, PARTY_INACTIVE, RESOURCE_SUSPENDED, BOUNDARY_FORBIDS, BOUNDARY_APPROVAL. */
export async function assertGrantable(state: State, msp: string, command: Granting): Promise<void> {
  const { payload, facts } = command;
  const grantor = command.verb === "grant.request" ? command.payload.grantor : facts.signer;
  const grantee = command.verb === "grant.request" ? facts.signer : command.payload.grantee;
  const resource = await resourceOf(state, msp, payload.resource);
  if (!holds(resource, payload.right, grantor, facts.timeMs)) {
    throw new QuanjiError("RIGHT_MISSING", "the grantor does not hold that right over the resource", {
      field: "right",
    });
  }
  assertTermsFit(resource, payload.terms, payload.logs);
  assertListed(await state.network(), "purposes", payload.terms.purposes);
  assertRoute(resource, payload.route, grantor);
  await assertActive(state, grantor, "grantor");
  await assertActive(state, grantee, "grantee");
  const cells = await cellsFor(state, resource.class, facts.timeMs);
  assertBoundaries(cells, resource, grantee, payload.terms, payload.route.flat());
}

/** Errors: EXCEEDS_PARENT, ANCESTOR_NOT_IN_FORCE, ROLE_REQUIRED, NOT_FOUND, and as {@link assertGrantable}. */
export async function assertDerivable(state: State, msp: string, { payload, facts }: Deriving): Promise<void> {
  const parent = await state.grant(msp, payload.ancestors[0] ?? "");
  if (parent?.grantee !== facts.signer)
    throw new QuanjiError("NOT_FOUND", "no such grant of yours", { field: "ancestors" });
  const expected = [parent.id, ...parent.ancestors];
  if (expected.length !== payload.ancestors.length || !expected.every((id, i) => id === payload.ancestors[i])) {
    throw new QuanjiError("MALFORMED", "ancestors lists the parent, its parent and so on up to the root", {
      field: "ancestors",
    });
  }
  const resource = await resourceOf(state, msp, payload.resource);
  await assertLive(state, msp, parent, facts.timeMs);
  if (!parent.terms.actions.includes("subgrant")) {
    throw new QuanjiError("EXCEEDS_PARENT", "the parent does not allow sub-grants", { detail: "subgrant" });
  }
  const { timeZone } = await state.network();
  assertNarrower(parent, payload, timeZone);
  assertSharesWithin(parent, payload);
  assertTermsFit(resource, payload.terms, payload.logs);
  await assertActive(state, payload.grantee, "grantee");
  const above = [parent, ...(await ancestorsOf(state, msp, parent))];
  if (above.some((grant) => grant.grantee === payload.grantee || grant.grantor === payload.grantee)) {
    throw new QuanjiError("CONFLICT_OF_INTEREST", "the grantee stands higher up in the same line of grants", {
      field: "grantee",
    });
  }
  const cells = await cellsFor(state, resource.class, facts.timeMs);
  const approvers = above.flatMap((grant) => grant.steps.map((step) => step.party));
  assertBoundaries(cells, resource, payload.grantee, payload.terms, approvers);
}

async function resourceOf(state: State, msp: string, text: string): Promise<Resource> {
  const { id } = splitVersion(text);
  const resource = await state.resource(id);
  if (resource === undefined) throw new QuanjiError("NOT_FOUND", "no such resource", { field: "resource" });
  if (resource.servedBy !== msp) {
    throw new QuanjiError(
      "COMMAND_MISDIRECTED",
      `send this to a gateway of ${resource.servedBy}, which serves the resource`,
    );
  }
  if (versionedId(resource) !== text) {
    throw new QuanjiError("STATE_CONFLICT", "the resource has another version now", {
      field: "resource",
      detail: versionedId(resource),
    });
  }
  if (resource.state === "suspended") throw new QuanjiError("RESOURCE_SUSPENDED", "the resource is suspended");
  if (resource.sharing === "none") {
    throw new QuanjiError("BOUNDARY_FORBIDS", "the resource is registered as not to be shared", {
      detail: "sharing none",
    });
  }
  return resource;
}

function assertTermsFit(resource: Resource, terms: Terms, logs: readonly string[]): void {
  if (!terms.fields.every((name) => resource.fields.some((field) => field.name === name))) {
    throw new QuanjiError("MALFORMED", "a granted field is not one of the resource's", { field: "terms.fields" });
  }
  if (terms.dataRange !== undefined && resource.rangeField === undefined) {
    throw new QuanjiError("MALFORMED", "the resource has no range field, so a data range cannot be enforced", {
      field: "terms.dataRange",
    });
  }
  if (!logs.every((log) => resource.logs.includes(log))) {
    throw new QuanjiError("MALFORMED", "a log is not one of the resource's", { field: "logs" });
  }
  const numeric = new Set(["number", "integer"]);
  const rounded = (terms.obligations ?? []).filter((obligation) => obligation.op === "round");
  const wrong = rounded.find(
    ({ field }) => !numeric.has(resource.fields.find(({ name }) => name === field)?.type ?? ""),
  );
  if (wrong !== undefined) {
    throw new QuanjiError("MALFORMED", "only numbers are rounded", { field: "terms.obligations", detail: wrong.field });
  }
}

/** The stages that the resource asks for; the grantor decides last if it is not among them. */
export const routeFor = (resource: Pick<Resource, "route">, grantor: string): readonly (readonly string[])[] => {
  const stages = resource.route ?? [];
  return stages.some((stage) => stage.includes(grantor)) ? stages : [...stages, [grantor]];
};

function assertRoute(resource: Resource, route: readonly (readonly string[])[], grantor: string): void {
  if (JSON.stringify(route) !== JSON.stringify(routeFor(resource, grantor))) {
    throw new QuanjiError("MALFORMED", "route is not the one that the resource asks for", { field: "route" });
  }
}

async function assertActive(state: State, id: string, field: string): Promise<void> {
  const party = await state.party(id);
  if (party?.state !== "active")
    throw new QuanjiError("PARTY_INACTIVE", `the ${field} is not an active party`, { field });
}

function assertBoundaries(
  cells: readonly Cell[],
  resource: Resource,
  grantee: string,
  terms: Terms,
  approvers: readonly string[],
): void {
  for (const purpose of terms.purposes) {
    for (const action of terms.actions) {
      const query = { from: resource.steward, to: grantee, class: resource.class, purpose, action };
      const code = boundaryCode(cells, query, approvers);
      if (code === undefined) continue;
      throw new QuanjiError(code, "a boundary list in force does not allow this grant", {
        detail: `${purpose} ${action}`,
      });
    }
  }
}

/** Errors: REFUSAL_UNFOUNDED if a list says that this must be shared and no ground is given. */
export async function assertRefusable(state: State, grant: Grant, facts: CommandFacts): Promise<void> {
  const resource = await state.resource(splitVersion(grant.resource).id);
  if (resource === undefined) return;
  const cells = await cellsFor(state, resource.class, facts.timeMs);
  const must = grant.terms.purposes.some((purpose) =>
    grant.terms.actions.some((action) =>
      matchingCells(cells, { from: resource.steward, to: grant.grantee, class: resource.class, purpose, action }).some(
        (cell) => cell.effect === "mustShare",
      ),
    ),
  );
  if (must) throw new QuanjiError("REFUSAL_UNFOUNDED", "a list says that this must be shared: give a legal ground");
}
