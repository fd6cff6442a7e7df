/**
 * What proves an operator's yearly disclosure: `{"net":…,"party":…,"t":"year","v":"quanji.year.v1","year":…}`, then chains, then `end`.
 * The chain of its own acts shows every statement that it closed and every one that it adjusted, in the order of the ledger; each
 * stands in its contract's chain, from which its figures follow. So no contract can be left out.
 */
import { contractMonth, type DisclosurePublish, parseWith, PartyId, type Statement } from "@quanji/chaincode/domain";
import { parseCanonical } from "@quanji/chaincode/log";
import { z } from "zod";
import { type Billed } from "../../documents/index.js";
import type { CommandChain } from "../chains.js";
import type { ChainCommand } from "../commands.js";
import type { TrailSource } from "../lines.js";
import { statementName } from "../market.js";
import { replay, type Replayed } from "../replay.js";
import { verifyCommand } from "../signers.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";
import { completeTime, readChains } from "./chain-file.js";

const VERSION = "quanji.year.v1";
const MAX_BYTES = 256 * 1024 * 1024;
const KINDS: ReadonlySet<string> = new Set(["directory", "party", "offer", "contract", "acts", "disclosures"]);

const Header = z.strictObject({
  net: z.string(),
  party: PartyId,
  t: z.literal("year"),
  v: z.string(),
  year: z.int().min(2000).max(9999),
});
type Header = z.infer<typeof Header>;

/** The account of the year that the ledger took. */
export interface Published extends Pick<z.infer<typeof DisclosurePublish>, "code" | "digest"> {
  readonly time: string;
}

export interface OpenedYear {
  readonly net: string;
  readonly operator: string;
  readonly year: number;
  /** The organisation's collection whose contracts these are: `<net>/org-<MSP>`. */
  readonly scope: string;
  readonly parties: Replayed["parties"];
  /** Absent while none is published. */
  readonly published: Published | undefined;
  /** All that the operator closed of the year, as it stood when the account was published; without one, as it stands. */
  readonly billed: readonly Billed[];
  /** Statements and adjustments of the year that came after the account. */
  readonly later: number;
  /** Nothing that was recorded up to this instant is missing. */
  readonly time: string;
}

/**
 * Errors: those of chains and of `replay`; CHAIN_MISSING: a chain is not in the file; TRAIL_STALE: a contract's is older than its
 * closer's acts; NETWORK_MISMATCH, VERSION_UNKNOWN, TYPE_UNKNOWN, CHAIN_KEY.
 */
export async function openYear(source: TrailSource, trust: OpenedTrust): Promise<OpenedYear> {
  let header: Header | undefined;
  const chains = await readChains(source, trust, {
    begin: (line) => (header = headerOf(line, trust)),
    allows: (kind) => KINDS.has(kind),
    ends: true,
    maxBytes: MAX_BYTES,
  });
  if (header === undefined) return refuse("FILE_TRUNCATED", "there is no evidence behind the document");
  const { net, party, year } = header;
  const acts = chainOf(chains, "acts", party);
  const told = chainOf(chains, "disclosures", party);
  const { scope } = acts.key;
  const elsewhere = chains.some(({ key }) => key.scope !== net && key.scope !== scope);
  if (elsewhere) refuse("CHAIN_KEY", "the chains are of several organisations' collections");
  const world = await replay(chains, trust);
  const own = await publishedIn(told, world, year);
  const until = own === undefined ? acts.commands.length : positionOf(acts, own.command);
  const counted = ofYear(acts.commands.slice(0, until), year);
  const after = ofYear(acts.commands.slice(until), year);
  return {
    net,
    operator: party,
    year,
    scope,
    parties: world.parties,
    published: own?.published,
    billed: billedBy(party, counted, world),
    later: after.length,
    time: completeTime(chains),
  };
}

function headerOf(line: Uint8Array, { trust }: OpenedTrust): Header {
  const json = parseCanonical(line);
  if (json["t"] !== "year") refuse("TYPE_UNKNOWN", "the evidence is not that of a year");
  if (json["v"] !== VERSION) refuse("VERSION_UNKNOWN", `the evidence's version is not ${VERSION}`);
  const header = parseWith(Header, json);
  if (header.net !== trust.net) refuse("NETWORK_MISMATCH", "the evidence is another network's");
  return header;
}

function chainOf(chains: readonly CommandChain[], kind: "acts" | "disclosures", party: string): CommandChain {
  const found = chains.filter(({ key }) => key.kind === kind);
  const [chain] = found;
  if (found.length > 1) refuse("CHAIN_KEY", `the file holds the ${kind} of several parties`);
  if (chain?.key.id !== party)
    return refuse("CHAIN_MISSING", `the chain of the discloser's ${kind} is not in the file`);
  return chain;
}

/** One account a year, signed by its discloser. */
async function publishedIn(
  { commands }: CommandChain,
  { parties }: Replayed,
  year: number,
): Promise<{ readonly published: Published; readonly command: ChainCommand } | undefined> {
  for (const item of commands) {
    const { command } = item;
    if (command.verb !== "disclosure.publish" || command.payload.year !== year) continue;
    const { time } = await verifyCommand(item, parties);
    const { code, digest } = command.payload;
    return { published: { code, digest, time }, command: item };
  }
  return undefined;
}

/** Errors: TRAIL_STALE. */
function positionOf({ commands }: CommandChain, { jws }: ChainCommand): number {
  const at = commands.findIndex((command) => command.jws.request === jws.request);
  if (at < 0) refuse("TRAIL_STALE", "the discloser's acts are older than its disclosure");
  return at;
}

interface Act {
  readonly verb: "statement.close" | "statement.adjust";
  readonly contract: string;
  readonly period: string;
  readonly tx: string;
}

const ofYear = (commands: readonly ChainCommand[], year: number): readonly Act[] =>
  commands.flatMap(({ command, tx }) => {
    if (command.verb !== "statement.close" && command.verb !== "statement.adjust") return [];
    const { contract, period } = command.payload;
    return period.startsWith(`${year}-`) ? [{ verb: command.verb, contract, period, tx }] : [];
  });

/** Statements that these acts closed, with the adjustments that these acts made, and no others. */
function billedBy(party: string, acts: readonly Act[], { market, timeZone }: Replayed): readonly Billed[] {
  const made = new Set(acts.map(({ tx }) => tx));
  return acts
    .filter(({ verb }) => verb === "statement.close")
    .map(({ contract: id, period, tx }) => {
      const contract = market.contracts.get(id);
      if (contract === undefined)
        return refuse("CHAIN_MISSING", `the discloser closed ${period} of a contract whose chain is not in the file`);
      const statement = market.statements.get(statementName(id, period));
      if (statement?.closed.tx !== tx)
        return refuse("TRAIL_STALE", `the chain of contract ${id} does not reach its statement of ${period}`);
      if (statement.closedBy !== party) return refuse("CHAIN_KEY", "a statement was closed by another party");
      const { terms } = contractMonth(contract, period, timeZone).version;
      const offer = market.offers.get(terms.offer);
      if (offer === undefined) return refuse("CHAIN_MISSING", "the chain of a contract's offer is not in the file");
      return { contract, offer, statement: asMade(statement, made, acts) };
    });
}

/** Errors: TRAIL_STALE: an adjustment that was made is not in the contract's chain. */
function asMade(statement: Statement, made: ReadonlySet<string>, acts: readonly Act[]): Statement {
  const adjustments = statement.adjustments.filter(({ at }) => made.has(at.tx));
  const { contract, period } = statement;
  const adjusted = acts.filter(
    (act) => act.verb === "statement.adjust" && act.contract === contract && act.period === period,
  );
  if (adjusted.length !== adjustments.length)
    refuse("TRAIL_STALE", `the chain of contract ${contract} does not reach its last adjustment of ${period}`);
  return { ...statement, adjustments };
}
