/** Makes `ignored-stop` proofs out of a trail's command chains and of records with their inclusion proofs. Drafts: nothing is verified here. */
import {
  applyGrant,
  type Grant,
  GRANT_MACHINE,
  type GrantCommand,
  type IgnoredStopProof,
  instant,
  isQuanjiError,
  PROOF_LIMITS,
  splitVersion,
} from "@quanji/chaincode/domain";
import { canonical, parseHeadNote, parseNote, partyOf } from "@quanji/chaincode/log";
import { openCommand } from "../commands.js";
import { openRecord } from "../record.js";
import { chainName, MAX_SHOWN_BYTES, type ShownChain, type ShownChains } from "../shown-chains.js";
import { factsOf } from "../signers.js";
import { stepOf } from "../timeline.js";
import type { HeldRecord } from "./compare.js";
import { type GrantPast, grantIdOf, ignoredBy, permitOf } from "./ignored-stop.js";

/** One proof a grant: its first permit that a chain of these contradicts. Errors: those of records and commands that are malformed. */
export function ignoredStops(chains: ShownChains, held: readonly HeldRecord[]): IgnoredStopProof[] {
  const proofs = new Map<string, IgnoredStopProof>();
  const pasts = new Map<string, GrantPast | undefined>();
  for (const { record, proof } of held) {
    const opened = openRecord(record);
    const permit = permitOf(opened);
    if (permit === undefined) continue;
    const id = grantIdOf(permit);
    const grant = chains.get(chainName("grant", id));
    if (grant === undefined || proofs.has(id)) continue;
    if (!pasts.has(id)) pasts.set(id, pastOf(grant));
    const past = pasts.get(id);
    if (past === undefined || typeof ignoredBy(opened, past) === "string") continue;
    const resource = splitVersion(permit.body.resource).id;
    const draft: IgnoredStopProof = {
      v: "quanji.evidence.v1",
      kind: "ignored-stop",
      record,
      proof,
      chains: needed(chains, [chainName("grant", id), chainName("resource", resource)]),
    };
    if (fits(draft)) proofs.set(id, draft);
  }
  return [...proofs.values()];
}

/** The chain's states, by the commands alone. Undefined if the rules refuse one: then the verdict on the chain says so. */
function pastOf({ commands, note }: ShownChain): GrantPast | undefined {
  try {
    let state: Grant | undefined;
    const positions = commands.map(({ entry, request }) => {
      const item = openCommand(entry, request);
      const { verb } = item.command;
      if (!GRANT_MACHINE.some((row) => row.verb === verb)) throw new TypeError(verb);
      // Whether a stop was the grantor's or the regulator's is not looked at here: what office its signer had, replay says.
      state = applyGrant(state, item.command as GrantCommand, factsOf(item, ["regulator"]));
      const step = stepOf(item.jws.request, verb, item.timeMs, item.jws.header.iat);
      return { step, state: state.state };
    });
    return { positions, attested: instant(parseHeadNote(parseNote(note).text).time * 1000) };
  } catch (error) {
    if (isQuanjiError(error) || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The directory, these, and the chains of all who signed anything in one that is needed. */
function needed(chains: ShownChains, names: readonly string[]): ShownChain[] {
  const directory = [...chains.keys()].find((name) => name.startsWith("directory "));
  const queue = [...(directory === undefined ? [] : [directory]), ...names];
  const found = new Map<string, ShownChain>();
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const chain = chains.get(name);
    if (chain === undefined || found.has(name)) continue;
    found.set(name, chain);
    for (const { entry, request } of chain.commands) {
      queue.push(chainName("party", partyOf(openCommand(entry, request).jws.header.kid)));
    }
  }
  return [...found.values()];
}

const fits = (draft: IgnoredStopProof): boolean =>
  canonical(draft, { ...PROOF_LIMITS, maxBytes: 2 * MAX_SHOWN_BYTES }).length <= PROOF_LIMITS.maxBytes;
