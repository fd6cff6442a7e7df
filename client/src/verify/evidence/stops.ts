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
  type TrailLine,
} from "@quanji/chaincode/domain";
import { canonical, parseHeadNote, parseNote, partyOf } from "@quanji/chaincode/log";
import { openCommand } from "../commands.js";
import { linesOf, parseLine, SourceFault, type TrailSource } from "../lines.js";
import { openRecord } from "../record.js";
import { factsOf } from "../signers.js";
import { stepOf } from "../timeline.js";
import type { HeldRecord } from "./compare.js";
import { type GrantPast, grantIdOf, ignoredBy, permitOf } from "./ignored-stop.js";

type Shown = IgnoredStopProof["chains"][number];

/** Command chains of one trail, by kind and id. */
export type ShownChains = ReadonlyMap<string, Shown>;

const KINDS: ReadonlySet<string> = new Set(["directory", "party", "resource", "grant"]);

/** Of chains, kept while a trail is read. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Gathers chains line by line. */
export class ChainGatherer {
  readonly #chains = new Map<string, Shown>();
  #open: Omit<Shown, "note" | "opening"> | undefined;
  #bytes = 0;

  /** Of a trail so large that nobody could carry the proof, nothing is kept. */
  add(line: TrailLine, length: number): void {
    if (line.t === "chain") {
      const { scope, kind, id } = line;
      this.#open = KINDS.has(kind) ? { scope, kind: kind as Shown["kind"], id, commands: [] } : undefined;
    } else if (line.t === "command" && this.#open !== undefined) {
      this.#bytes += length;
      if (this.#bytes > MAX_BYTES) this.#chains.clear();
      else this.#open.commands.push({ entry: line.entry, request: line.request });
    } else if (line.t === "chainEnd" && this.#open !== undefined && this.#bytes <= MAX_BYTES) {
      const { kind, id } = this.#open;
      this.#chains.set(nameOf(kind, id), { ...this.#open, note: line.note, opening: line.opening });
      this.#open = undefined;
    }
  }

  get chains(): ShownChains {
    return this.#chains;
  }
}

/** Errors: those of a line's form; whatever the source throws. */
export async function readShownChains(source: TrailSource): Promise<ShownChains> {
  const gathered = new ChainGatherer();
  try {
    for await (const lines of linesOf(source)) {
      for (const bytes of lines) {
        const line = parseLine(bytes);
        if (line.t === "log") return gathered.chains;
        gathered.add(line, bytes.length);
      }
    }
  } catch (error) {
    throw error instanceof SourceFault ? error.cause : error;
  }
  return gathered.chains;
}

/** One proof a grant: its first permit that a chain of these contradicts. Errors: those of records and commands that are malformed. */
export function ignoredStops(chains: ShownChains, held: readonly HeldRecord[]): IgnoredStopProof[] {
  const proofs = new Map<string, IgnoredStopProof>();
  const pasts = new Map<string, GrantPast | undefined>();
  for (const { record, proof } of held) {
    const opened = openRecord(record);
    const permit = permitOf(opened);
    if (permit === undefined) continue;
    const id = grantIdOf(permit);
    const grant = chains.get(nameOf("grant", id));
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
      chains: needed(chains, [nameOf("grant", id), nameOf("resource", resource)]),
    };
    if (fits(draft)) proofs.set(id, draft);
  }
  return [...proofs.values()];
}

/** The chain's states, by the commands alone. Undefined if the rules refuse one: then the verdict on the chain says so. */
function pastOf({ commands, note }: Shown): GrantPast | undefined {
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
function needed(chains: ShownChains, names: readonly string[]): Shown[] {
  const directory = [...chains.keys()].find((name) => name.startsWith("directory "));
  const queue = [...(directory === undefined ? [] : [directory]), ...names];
  const found = new Map<string, Shown>();
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const chain = chains.get(name);
    if (chain === undefined || found.has(name)) continue;
    found.set(name, chain);
    for (const { entry, request } of chain.commands) {
      queue.push(nameOf("party", partyOf(openCommand(entry, request).jws.header.kid)));
    }
  }
  return [...found.values()];
}

const nameOf = (kind: string, id: string): string => `${kind} ${id}`;

const fits = (draft: IgnoredStopProof): boolean =>
  canonical(draft, { ...PROOF_LIMITS, maxBytes: 2 * MAX_BYTES }).length <= PROOF_LIMITS.maxBytes;
