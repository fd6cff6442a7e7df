/**
 * What proves an operator's yearly disclosure: its own commands in this collection, whole, and the chains of every contract that it
 * closed a statement of in that year, with their offers. Command chains alone: figures follow from statements, no record is needed.
 */
import { createHash } from "node:crypto";
import { QuanjiError, type TrailLine } from "@quanji/chaincode/domain";
import { canonical, type ChainKey, fromBase64url, fromUtf8 } from "@quanji/chaincode/log";
import type { KnownCommand } from "../readmodel/readmodel.js";
import type { StatedHead } from "../witness/heads.js";
import { collectionChain, look, publicChain, type Sighting } from "../witness/sighting.js";
import { signersOf } from "./signers.js";
import { commandLines, limitsOf, type TrailContext } from "./trail.js";
import { closure, type PlannedChain } from "./trail-plan.js";

export interface YearQuery {
  /** Whose disclosure. */
  readonly party: string;
  readonly year: number;
}

type YearContext = Pick<TrailContext, "index" | "ledger" | "witness" | "clock" | "gather">;

/**
 * Lines of the file, each with its line feed. Whether the audience may have it is the caller's to decide: it shows all terms and
 * statements of those contracts, and every command of the party in the collection. Errors: NOT_FOUND, BEHIND.
 */
export async function* makeYear(
  context: YearContext,
  { party, year }: YearQuery,
  signal?: AbortSignal,
): AsyncGenerator<string, void> {
  const { index, ledger, witness, clock, gather } = context;
  const sighting = await look(ledger, clock);
  await using view = sighting.view;
  await index.reached(view.block, signal);
  const net = (await index.network())?.net;
  if (net === undefined) throw new QuanjiError("NOT_FOUND", "the network has not been initialised");
  const stated = await statedAt(witness, sighting, await keysOf(context, net, { party, year }));
  const notes = await gather?.(stated);
  const chains = stated.map((chain, i) => ({ ...chain, note: notes?.[i] ?? chain.note }));
  const hash = createHash("sha256");
  const begun = `${canonical({ t: "year", v: "quanji.year.v1", net, party, year })}\n`;
  hash.update(begun);
  yield begun;
  for (const chain of chains) {
    for await (const line of commandLines(context, chain)) {
      const text = textOf(line);
      hash.update(text);
      yield text;
    }
  }
  yield `${canonical({ t: "end", count: 0, digest: hash.digest("base64url") })}\n`;
}

const textOf = (line: TrailLine): string => `${canonical(line, limitsOf(line))}\n`;

async function statedAt(
  witness: YearContext["witness"],
  sighting: Sighting,
  keys: readonly ChainKey[],
): Promise<readonly (PlannedChain & StatedHead)[]> {
  const stated: PlannedChain[] = [];
  for (const key of keys) stated.push({ key, ...(await witness.state(sighting, key)) });
  return stated;
}

async function keysOf({ index }: YearContext, net: string, { party, year }: YearQuery): Promise<readonly ChainKey[]> {
  const own = (kind: Parameters<typeof collectionChain>[2], id: string) =>
    collectionChain(net, index.collection, kind, id);
  const acts = own("acts", party);
  const contracts = new Set<string>();
  for await (const command of index.commands(acts)) {
    const closed = closedIn(command, year);
    if (closed !== undefined) contracts.add(closed);
  }
  const offers = new Set<string>();
  for (const id of contracts) {
    const contract = await index.contract(id);
    for (const { terms } of contract?.versions ?? []) offers.add(terms.offer);
  }
  const sold = [
    ...[...offers].sort().map((id) => own("offer", id)),
    ...[...contracts].sort().map((id) => own("contract", id)),
  ];
  const directory = publicChain(net, "directory", net);
  const told = [acts, own("disclosures", party)];
  const signers = await signersOf(index, [directory, ...told, ...sold]);
  const parties = await closure(index, net, [party, ...signers]);
  return [directory, ...parties, ...sold, ...told];
}

/** The contract of which the command closes a month of that year. */
function closedIn({ stored: { entry, command } }: KnownCommand, year: number): string | undefined {
  const { verb } = JSON.parse(entry) as { readonly verb: string };
  if (verb !== "statement.close") return undefined;
  const text = fromUtf8(fromBase64url(command.payload));
  const { contract, period } = JSON.parse(text) as { readonly contract: string; readonly period: string };
  return period.startsWith(`${year}-`) ? contract : undefined;
}
