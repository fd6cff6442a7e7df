/**
 * A permit that a log holds although its grant was stopped: the grant's own chain says so. Either the record itself names a
 * position at which the grant was suspended or revoked, or it rests on one that a stop had overtaken so long before that no two
 * clocks explain it, while nothing had ended that stop.
 *
 * A stop counts from when it was folded into the chain, which two organisations endorse, and not from what its signer wrote: a
 * grantor and its home alone could date a stop back, and nobody may convict a log by that.
 */
import { instant, type Grant, type IgnoredStopProof, type QuanjiRecord, splitVersion } from "@quanji/chaincode/domain";
import { ChainReader, type CommandChain } from "../chains.js";
import { openCommand } from "../commands.js";
import { verifyIncluded } from "../inclusion.js";
import { type OpenedRecord, openRecord } from "../record.js";
import { replay } from "../replay.js";
import { COMMIT_TOLERANCE_MS, type Step } from "../timeline.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";
import type { Shown } from "./verdict.js";

type Permit = Extract<QuanjiRecord, { readonly type: "access" }>;

export async function checkIgnoredStop(proof: IgnoredStopProof, trust: OpenedTrust): Promise<Shown> {
  // 1. The record is a permit in the log, under a checkpoint that it signed.
  const opened = openRecord(proof.record);
  const permit = permitOf(opened) ?? refuse("FORK_UNPROVEN", "the record is no permit: nothing was ignored");
  await verifyIncluded(opened, proof.proof, trust);

  // 2. The chains are whole, up to heads that are attested, and every command in them is signed by who might give it.
  const chains: CommandChain[] = [];
  for (const chain of proof.chains) chains.push(await readChain(chain, trust));
  const names = chains.map(({ key }) => `${key.kind} ${key.id}`);
  if (new Set(names).size < names.length) refuse("TRAIL_DUPLICATE", "a chain stands in the file twice");
  const world = await replay(chains, trust);

  // 3. They are of the record's grant, where its resource is served.
  const id = grantIdOf(permit);
  const own = chains.find(({ key }) => key.kind === "grant" && key.id === id);
  const timeline = world.grants.get(id);
  const resource = splitVersion(permit.body.resource).id;
  if (own === undefined || timeline === undefined) {
    return refuse("CHAIN_MISSING", "the chain of the record's grant is not in the file");
  }
  if (!world.resources.has(resource)) {
    refuse("CHAIN_MISSING", "the chain of the record's resource is not in the file");
  }
  const { last } = timeline;
  if (last === undefined || splitVersion(last.resource).id !== resource || !last.logs.includes(permit.face.log)) {
    refuse("CHAIN_KEY", "the grant is on another resource than the record, or not for this log");
  }

  // 4. A stop was in force.
  const found = ignoredBy(opened, { ...timelineOf(timeline), attested: own.time });
  if (typeof found === "string") return refuse("FORK_UNPROVEN", found);
  const { log, index } = permit.face;
  return {
    shows: "ignored-stop",
    accused: [{ name: log, role: "log" }],
    log,
    indexes: [index],
    stop: {
      grant: id,
      verb: found.verb,
      request: found.request,
      time: instant(found.timeMs),
      permitted: permit.body.time,
    },
  };
}

async function readChain(shown: IgnoredStopProof["chains"][number], trust: OpenedTrust): Promise<CommandChain> {
  const { scope, kind, id, commands, note, opening } = shown;
  const reader = new ChainReader({ scope, kind, id }, trust.trust.net);
  for (const { entry, request } of commands) reader.add(openCommand(entry, request));
  return reader.close(note, opening as Parameters<ChainReader["close"]>[1], trust);
}

/** Undefined for every other record. */
export function permitOf({ record }: OpenedRecord): Permit | undefined {
  return record.type === "access" && record.face.decision === "permit" && record.body.grant !== undefined
    ? record
    : undefined;
}

export const grantIdOf = ({ body }: Permit): string => splitVersion(body.grant ?? "").id;

/** A grant's chain, position by position from 1, and until when it is attested. */
export interface GrantPast {
  readonly positions: readonly { readonly step: Step; readonly state: Grant["state"] }[];
  readonly attested: string;
}

const timelineOf = (timeline: {
  readonly length: number;
  step(n: number): Step | undefined;
  at(n: number): Grant;
}): Pick<GrantPast, "positions"> => ({
  positions: Array.from({ length: timeline.length }, (_, i) => ({
    step: timeline.step(i + 1) ?? refuse("BASIS_UNKNOWN", "the chain has no such position"),
    state: timeline.at(i + 1).state,
  })),
});

const isStopped = (state: Grant["state"]): boolean => state === "suspended" || state === "revoked";

/** The stop that a permit ignored; text: why none is shown. */
export function ignoredBy(opened: OpenedRecord, { positions, attested }: GrantPast): Step | string {
  const permit = permitOf(opened);
  const basis = permit?.body.basis.grant;
  if (permit === undefined || basis === undefined) return "the record is no permit under a grant";
  if (basis > positions.length) return "the record rests on a position that the chain shown has not reached";

  // The record says itself on which state it was decided.
  const stands = positions[basis - 1];
  if (stands !== undefined && isStopped(stands.state)) {
    const began = positions.slice(0, basis).findLastIndex(({ state }) => !isStopped(state)) + 1;
    return positions[began]?.step ?? stands.step;
  }

  // It rests on a state before the stop, and so long after it that no two clocks explain it.
  const at = positions.findIndex(({ state }, i) => i >= basis && isStopped(state));
  const stop = positions[at]?.step;
  if (stop === undefined) return "the grant's chain holds no stop that the record could have ignored";
  const { timeMs } = opened;
  if (timeMs <= stop.timeMs + COMMIT_TOLERANCE_MS) {
    return "the record is not later than the stop by more than clocks and commits may differ";
  }
  if (attested < permit.body.time)
    return "the chain is attested up to a time before the record: the stop may have ended";
  const ended = positions.slice(at + 1).find(({ state }) => !isStopped(state))?.step;
  if (ended !== undefined && ended.timeMs <= timeMs + COMMIT_TOLERANCE_MS)
    return "the stop may have ended before the record";
  return stop;
}
