/** What a contract's trail leads to: contract, offer, resource and the month's statement, replayed from their chains. */
import {
  type Contract,
  isQuanjiError,
  type Offer,
  type Resource,
  splitVersion,
  type Statement,
} from "@quanji/chaincode/domain";
import { statementName } from "../market.js";
import type { Replayed } from "../replay.js";
import type { Timeline } from "../timeline.js";
import { refuse } from "../verdict.js";

export interface Settled {
  readonly net: string;
  readonly timeZone: string;
  readonly parties: Replayed["parties"];
  readonly contract: Contract;
  readonly offer: Offer;
  /** Of the month that was asked for; absent while it is not closed. */
  readonly statement: Statement | undefined;
  /** The version that is offered. */
  readonly resource: Resource;
  /** Identity of the command that registered that version. */
  readonly registration: string;
  /** What it was made of, nearest first; each ancestor once. */
  readonly lineage: readonly string[];
}

type Resources = Replayed["resources"];

/** Errors: DOCUMENT_EVIDENCE: the file is not one contract's; CHAIN_MISSING: a chain is not in it. */
export function settledOf(world: Replayed, period: string): Settled {
  const [contract, ...others] = [...world.market.contracts.values()];
  if (contract === undefined || others.length > 0) {
    return refuse("DOCUMENT_EVIDENCE", "the evidence is that of one contract: its chain, and no other's");
  }
  const terms = contract.versions.at(0)?.terms;
  const offer = world.market.offers.get(terms?.offer ?? "");
  if (offer === undefined) return refuse("CHAIN_MISSING", "the chain of the contract's offer is not in the file");
  const { resource, registration } = registered(world.resources, offer.resource);
  return {
    net: world.net,
    timeZone: world.timeZone,
    parties: world.parties,
    contract,
    offer,
    statement: world.market.statements.get(statementName(contract.id, period)),
    resource,
    registration,
    lineage: lineageOf(world.resources, offer.resource),
  };
}

/** A version of a resource, and the command that made it. Errors: CHAIN_MISSING, BASIS_UNKNOWN. */
export function registered(
  resources: Resources,
  versionId: string,
): { readonly resource: Resource; readonly registration: string } {
  const { id, version } = splitVersion(versionId);
  const timeline = resources.get(id);
  if (timeline === undefined) return refuse("CHAIN_MISSING", `the chain of ${id} is not in the file`);
  for (let n = 1; n <= timeline.length; n++) {
    const resource = timeline.at(n);
    if (resource.version === version) return { resource, registration: requestOf(timeline, n) };
  }
  return refuse("BASIS_UNKNOWN", `${id} has no version ${version}`);
}

const requestOf = (timeline: Timeline<Resource>, n: number): string => timeline.step(n)?.request ?? "";

/** Parents first, then theirs. Errors: CHAIN_MISSING. */
export function lineageOf(resources: Resources, versionId: string): string[] {
  const found: string[] = [];
  let level = [versionId];
  while (level.length > 0) {
    const parents = level.flatMap((child) =>
      (registered(resources, child).resource.lineage ?? []).map(({ resource }) => resource),
    );
    level = [...new Set(parents)].filter((parent) => !found.includes(parent));
    found.push(...level);
  }
  return found;
}

/** Runs a function of the domain over what the file says. Errors: DOCUMENT_EVIDENCE for what it refuses. */
export function fromEvidence<T>(of: () => T): T {
  try {
    return of();
  } catch (error) {
    if (!isQuanjiError(error) || error.code === "TOTAL_MISMATCH" || error.detail !== undefined) throw error;
    return refuse("DOCUMENT_EVIDENCE", error.message);
  }
}
