/** Boundary 负面清单 / 责任清单: versioned, effective-dated lists of cells. Several lists apply at once; forbid wins. */
import { z } from "zod";
import { QuanjiError } from "./errors.js";
import { CodeName, PartyId, Title } from "./ids.js";
import { AttestationKind } from "./market/attestation.js";
import { type CommandFacts, Net, setOf } from "./shared.js";
import { Instant, msOf } from "./time.js";

/** Matches everything in a cell's column. */
export const ANY = "any";
const column = <T extends z.ZodType<string>>(item: T) => z.union([z.literal(ANY), item]);

export const Cell = z.strictObject({
  /** Steward of the resource. */
  from: column(PartyId),
  /** Requester. */
  to: column(PartyId),
  class: column(CodeName),
  purpose: column(CodeName),
  action: column(CodeName),
  /**
   * `require`: the grant's route contains `approver`. `mustShare`: a refusal needs a legal ground. `exchangeOnly` 必须进场: what it
   * covers, and what is made from it, is contracted through an exchange; of offers and contracts, not of uses.
   */
  effect: z.enum(["forbid", "require", "mustShare", "exchangeOnly"]),
  approver: PartyId.optional(),
  /** Of `exchangeOnly`: attestations that an offer needs. */
  requires: setOf(AttestationKind, 8).optional(),
  basis: Title.optional(),
});
export type Cell = z.infer<typeof Cell>;

export const BoundaryPublish = z.strictObject({
  ...Net,
  list: CodeName,
  version: z.int().min(1),
  effectiveFrom: Instant,
  until: Instant.optional(),
  cells: z.array(Cell).min(1).max(8192),
});
export type BoundaryPublish = z.infer<typeof BoundaryPublish>;

/** One published version. Which one is in force at a time follows from the dates alone. */
export interface ListVersion {
  readonly id: string;
  readonly version: number;
  readonly owner: string;
  readonly effectiveFrom: string;
  readonly until?: string;
}

/** All lists, read once a batch; `n` is the position in the `boundary` chain. */
export interface Boundaries {
  readonly v: "quanji.boundaries.v1";
  readonly n: number;
  readonly lists: readonly ListVersion[];
}

export const NO_BOUNDARIES: Boundaries = { v: "quanji.boundaries.v1", n: 0, lists: [] };

/** Errors: STATE_CONFLICT (version), BACKDATED, ROLE_REQUIRED (another owner), MALFORMED. */
export function applyBoundary(before: Boundaries, payload: BoundaryPublish, facts: CommandFacts): Boundaries {
  const earlier = before.lists.filter((list) => list.id === payload.list);
  const newest = earlier.reduce((top, list) => Math.max(top, list.version), 0);
  if (payload.version !== newest + 1) {
    throw new QuanjiError("STATE_CONFLICT", `the next version of ${payload.list} is ${newest + 1}`, {
      field: "version",
    });
  }
  if (earlier.some((list) => list.owner !== facts.signer)) {
    throw new QuanjiError("ROLE_REQUIRED", "a list is continued by the party that began it", { field: "list" });
  }
  if (msOf(payload.effectiveFrom) < facts.timeMs) {
    throw new QuanjiError("BACKDATED", "a list cannot take effect before it is published", { field: "effectiveFrom" });
  }
  if (payload.until !== undefined && msOf(payload.until) <= msOf(payload.effectiveFrom)) {
    throw new QuanjiError("MALFORMED", "the list's period is empty", { field: "until" });
  }
  checkCells(payload.cells);
  const list: ListVersion = {
    id: payload.list,
    version: payload.version,
    owner: facts.signer,
    effectiveFrom: payload.effectiveFrom,
    ...(payload.until !== undefined && { until: payload.until }),
  };
  return { ...before, n: before.n + 1, lists: [...before.lists, list] };
}

function checkCells(cells: readonly Cell[]): void {
  cells.forEach((cell, i) => {
    if ((cell.effect === "require") !== (cell.approver !== undefined)) {
      throw new QuanjiError("MALFORMED", "a cell names an approver exactly if its effect is require", {
        field: `cells.${i}.approver`,
      });
    }
    if (cell.requires !== undefined && cell.effect !== "exchangeOnly") {
      throw new QuanjiError("MALFORMED", "attestations are required by cells with the effect exchangeOnly", {
        field: `cells.${i}.requires`,
      });
    }
  });
}

/** Of each list the newest version that has taken effect; none if that one has ended. */
export function listsInForce(boundaries: Boundaries, timeMs: number): readonly ListVersion[] {
  const newest = new Map<string, ListVersion>();
  for (const list of boundaries.lists) {
    if (msOf(list.effectiveFrom) > timeMs) continue;
    const other = newest.get(list.id);
    if (other === undefined || other.version < list.version) newest.set(list.id, list);
  }
  return [...newest.values()].filter((list) => list.until === undefined || timeMs < msOf(list.until));
}

/** A cell's bucket in state: the class, so that a decision reads two keys a list, however many cells it has. */
export const bucketsOf = (resourceClass: string): readonly string[] => [resourceClass, ANY];

/** Cells by bucket. */
export function bucketsFor(cells: readonly Cell[]): ReadonlyMap<string, readonly Cell[]> {
  const buckets = new Map<string, Cell[]>();
  for (const cell of cells) {
    const bucket = buckets.get(cell.class);
    if (bucket === undefined) buckets.set(cell.class, [cell]);
    else bucket.push(cell);
  }
  return buckets;
}

/** What a cell is looked up by. */
export interface CellQuery {
  readonly from: string;
  readonly to: string;
  readonly class: string;
  readonly purpose: string;
  readonly action: string;
}

const covers = (columnValue: string, value: string): boolean => columnValue === ANY || columnValue === value;

export const matchingCells = (cells: readonly Cell[], query: CellQuery): readonly Cell[] =>
  cells.filter(
    (cell) =>
      covers(cell.from, query.from) &&
      covers(cell.to, query.to) &&
      covers(cell.class, query.class) &&
      covers(cell.purpose, query.purpose) &&
      covers(cell.action, query.action),
  );

/** Code that the lists give for a use, given who stands in the grant's route. Forbid wins over require. */
export function boundaryCode(
  cells: readonly Cell[],
  query: CellQuery,
  approvers: readonly string[] | undefined,
): "BOUNDARY_FORBIDS" | "BOUNDARY_APPROVAL" | undefined {
  const matching = matchingCells(cells, query);
  if (matching.some((cell) => cell.effect === "forbid")) return "BOUNDARY_FORBIDS";
  if (approvers === undefined) return undefined; // without a grant there is no route to judge: GRANT_MISSING follows
  const missing = matching.some(
    (cell) => cell.effect === "require" && cell.approver !== undefined && !approvers.includes(cell.approver),
  );
  return missing ? "BOUNDARY_APPROVAL" : undefined;
}
